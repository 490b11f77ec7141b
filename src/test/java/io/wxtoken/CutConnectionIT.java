package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.testing.Program;
import io.wxtoken.testing.Program.Ended;

/**
 * A connection to the database that breaks at any moment of a run, as at a proxy's
 * restart: told in a line or two, and never worse for the row.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.testing.TestDatabase#servers")
class CutConnectionIT extends OnEachDatabase {

    /**
     * Passes everything on, and closes the connection instead of passing one message of
     * the client's.
     */
    private static final class Proxy implements AutoCloseable {

        private final ServerSocket entrance = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());

        private final AtomicInteger messages = new AtomicInteger();

        private final int cutAt;

        Proxy(URI server, int cutAt) throws IOException {
            this.cutAt = cutAt;
            thread(() -> {
                while (true) {
                    Socket client = entrance.accept();
                    Socket to = new Socket(server.getHost(), server.getPort());
                    thread(() -> pass(client, to, true));
                    thread(() -> pass(to, client, false));
                }
            });
        }

        private void pass(Socket from, Socket to, boolean request) throws IOException {
            try (from; to) {
                InputStream in = from.getInputStream();
                OutputStream out = to.getOutputStream();
                byte[] buffer = new byte[64 * 1024];
                for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
                    if (request && messages.incrementAndGet() == cutAt) {
                        return;
                    }
                    out.write(buffer, 0, length);
                }
            }
        }

        private interface Work {

            void run() throws IOException;

        }

        private static void thread(Work work) {
            Thread thread = new Thread(() -> {
                try {
                    work.run();
                }
                catch (IOException e) {
                    // it ended
                }
            });
            thread.setDaemon(true);
            thread.start();
        }

        @Override
        public void close() throws IOException {
            entrance.close();
        }

    }

    @Test
    void whereverTheConnectionBreaksItIsToldInAFewLinesAndTheNextRunGoesOn() throws Exception {
        assertThat(Program.against(weChat, folder).on(database).run().exitCode()).isZero();
        int met = 0;
        for (int cutAt = 1; cutAt == 1 || met > 0; cutAt++) {
            sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0, failures = 0, claimed_by = NULL,"
                    + " claimed_until = 0 WHERE id = 1");
            try (Proxy proxy = new Proxy(URI.create(database.url().substring("jdbc:".length())), cutAt)) {
                String url = database.url()
                    .replaceFirst("//[^/]+/", "//127.0.0.1:" + proxy.entrance.getLocalPort() + "/")
                        + "&sslMode=DISABLED&allowPublicKeyRetrieval=true";
                Ended ended = Program.against(weChat, folder).with("SPRING_DATASOURCE_URL", url).run();
                met = proxy.messages.get() >= cutAt ? met + 1 : 0;
                assertThat(ended.text()).as("cut at message %d", cutAt)
                    .doesNotContain("\tat ")
                    .doesNotContain("unexpected:");
                assertThat(ended.text().lines().count()).as("cut at message %d: %s", cutAt, ended.text()).isLessThan(6);
                assertThat(ended.exitCode()).as(ended.text()).isIn(0, 1, 3);
            }
        }
        sql("UPDATE wx_token SET retry_after = 0, claimed_until = 0, refresh_requested = 1 WHERE id = 1");
        assertThat(Program.against(weChat, folder).on(database).run().exitCode()).isZero();
        assertThat(database.jdbc().sql("SELECT `value` FROM wx_token WHERE id = 1").query(String.class).single())
            .isEqualTo(weChat.lastIssued());
    }

}
