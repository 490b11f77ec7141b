package io.wxtoken.storm;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Passes one run's connections on to the database, or to WeChat, and knows where in the
 * protocol the run is by what passes: so it can strike at each step, and the program
 * needs no hook for it.
 */
final class StepProxy implements AutoCloseable {

    /** A step of the protocol, told by its statement or request. */
    enum Step {

        CLAIM("claimed_until = UNIX_TIMESTAMP() +"),
        FETCH("GET /cgi-bin/token", "POST /cgi-bin/component/api_authorizer_token"), PUBLISH("SET probed_at = CASE"),

        /** A token is published, and its refresh token is stored. */
        STORE("AND refresh_token = '"),

        REPORT("SET doomed = 2"),

        /** The run gave its request up, and leaves its claim to lapse. */
        GIVE_UP("UPDATE wx_token SET last_error ="),

        /** The run records what it did, after it wrote the row. */
        HISTORY("INSERT INTO wx_token_history");

        private final List<String> texts;

        Step(String... texts) {
            this.texts = Stream.of(texts).map(text -> text.toUpperCase(Locale.ROOT)).toList();
        }

        private static Step in(String message) {
            String upperCase = message.toUpperCase(Locale.ROOT);
            return Arrays.stream(values())
                .filter(step -> step.texts.stream().anyMatch(upperCase::contains))
                .findFirst()
                .orElse(null);
        }

    }

    /**
     * What happens at each step. To return false is to cut the connection: what was to
     * pass is lost.
     */
    interface Watch {

        /**
         * @param port from which it goes on: WeChat's stand-in sees it
         */
        boolean before(Step step, String message, int port);

        /**
         * @param answer as far as it came in one piece
         */
        boolean after(Step step, String message, byte[] answer);

    }

    private final ServerSocket entrance;

    private final URI target;

    private final Watch watch;

    private final Set<Socket> open = ConcurrentHashMap.newKeySet();

    /**
     * @param target a URI with the host and the port to go on to
     */
    StepProxy(URI target, Watch watch) throws IOException {
        this.entrance = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        this.target = target;
        this.watch = watch;
        start(this::accept);
    }

    /** Where the run is to connect, as host:port. */
    String address() {
        return "127.0.0.1:" + entrance.getLocalPort();
    }

    private void accept() throws IOException {
        while (true) {
            new Connection(entrance.accept());
        }
    }

    private static void start(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            }
            catch (IOException e) {
                // the connection has ended
            }
        }, "tap");
        thread.setDaemon(true);
        thread.start();
    }

    private interface Work {

        void run() throws IOException;

    }

    private final class Connection {

        private final Socket run;

        private final Socket server = new Socket();

        private volatile Step asked;

        private volatile String message;

        Connection(Socket run) {
            this.run = run;
            open.add(run);
            start(() -> {
                try {
                    server.connect(new InetSocketAddress(target.getHost(), target.getPort()));
                    server.setTcpNoDelay(true);
                    run.setTcpNoDelay(true);
                    open.add(server);
                    start(() -> pass(server, run, false));
                    pass(run, server, true);
                }
                finally {
                    close();
                }
            });
        }

        private void pass(Socket from, Socket to, boolean request) throws IOException {
            try {
                InputStream in = from.getInputStream();
                OutputStream out = to.getOutputStream();
                byte[] buffer = new byte[64 * 1024];
                for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
                    byte[] message = Arrays.copyOf(buffer, length);
                    if (!(request ? before(message) : after(message))) {
                        return;
                    }
                    out.write(message);
                    out.flush();
                }
            }
            finally {
                close();
            }
        }

        private boolean before(byte[] message) {
            String text = new String(message, StandardCharsets.ISO_8859_1);
            Step step = Step.in(text);
            boolean passes = step == null || watch.before(step, text, server.getLocalPort());
            if (step != null || asked == null) { // else it is the body of a request
                this.message = text;
                asked = step;
            }
            return passes;
        }

        private boolean after(byte[] answer) {
            Step step = asked;
            asked = null;
            return step == null || watch.after(step, message, answer);
        }

        private void close() throws IOException {
            open.remove(run);
            open.remove(server);
            run.close();
            server.close();
        }

    }

    @Override
    public void close() throws IOException {
        entrance.close();
        for (Socket socket : open) {
            socket.close();
        }
    }

}
