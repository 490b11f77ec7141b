package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.wxtoken.testing.Program.Ended;
import io.wxtoken.testing.TcpProxy;

/**
 * A connection to the database that breaks at any moment of a run, as at a proxy's
 * restart, is reported in a few lines and does no harm to the row.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.testing.TestDatabase#servers")
@Execution(ExecutionMode.CONCURRENT)
class CutConnectionIT extends OnEachDatabase {

    /**
     * Cuts the connection of one run after the other, each at a later message, until a
     * run ends before its cut. The odd and the even messages take turns, so that two runs
     * can go on at a time.
     */
    @ParameterizedTest
    @ValueSource(ints = { 1, 2 })
    void aRunReportsABrokenConnectionInAFewLinesAndTheNextRunGoesOn(int first) {
        assertThat(program().run().exitCode()).isZero();
        int cutAt = first;
        while (isCut(cutAt)) {
            cutAt += 2;
        }
        assertThat(cutAt).as("messages of a run").isGreaterThan(10);
        sql("UPDATE wx_token SET retry_after = 0, claimed_until = 0, refresh_requested = 1 WHERE id = 1");
        assertThat(program().run().exitCode()).isZero();
        assertThat(value()).isEqualTo(weChat.lastIssued());
    }

    /**
     * Starts a run whose connection ends at that message.
     * @return false when the run ended before it
     */
    private boolean isCut(int cutAt) {
        sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0, failures = 0, claimed_by = NULL,"
                + " claimed_until = 0 WHERE id = 1");
        URI databaseServer = URI.create(database.url().substring("jdbc:".length()));
        AtomicInteger messages = new AtomicInteger();
        try (TcpProxy proxy = new TcpProxy(databaseServer.getHost(), databaseServer.getPort(),
                message -> messages.incrementAndGet() != cutAt)) {
            Ended ended = program()
                .with("SPRING_DATASOURCE_URL",
                        database.url().replaceFirst("//[^/]+/", "//127.0.0.1:" + proxy.port() + "/")
                                + "&sslMode=DISABLED&allowPublicKeyRetrieval=true")
                .run();
            assertThat(ended.text()).as("cut at message %d", cutAt)
                .doesNotContain("\tat ")
                .doesNotContain("unexpected:");
            assertThat(ended.text().lines().count()).as("cut at message %d: %s", cutAt, ended.text()).isLessThan(6);
            assertThat(ended.exitCode()).as(ended.text()).isIn(0, 1, 3);
        }
        return messages.get() >= cutAt;
    }

}
