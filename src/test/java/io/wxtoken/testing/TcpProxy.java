package io.wxtoken.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Arrays;
import java.util.function.Predicate;

/**
 * Passes connections on to a server. A test sees each message of the clients before it
 * passes, and can cut the connection instead; the same for the server's answers.
 */
public final class TcpProxy implements AutoCloseable {

    private final ServerSocket entrance;

    private final String host;

    private final int port;

    private final Predicate<byte[]> passes;

    private final Predicate<byte[]> returns;

    /**
     * @param passes is asked before each message of a client's; if it says no, the
     * message is lost and its connection ends
     */
    public TcpProxy(String host, int port, Predicate<byte[]> passes) {
        this(host, port, passes, answer -> true);
    }

    /**
     * @param returns the same for each message of the server's
     */
    public TcpProxy(String host, int port, Predicate<byte[]> passes, Predicate<byte[]> returns) {
        this.host = host;
        this.port = port;
        this.passes = passes;
        this.returns = returns;
        try {
            entrance = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        start(this::accept);
    }

    public int port() {
        return entrance.getLocalPort();
    }

    private void accept() throws IOException {
        while (true) {
            Socket client = entrance.accept();
            Socket server = new Socket(host, port);
            start(() -> pass(client, server, passes));
            start(() -> pass(server, client, returns));
        }
    }

    static void pass(Socket from, Socket to, Predicate<byte[]> passes) throws IOException {
        try (from; to) {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            byte[] buffer = new byte[64 * 1024];
            for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
                if (!passes.test(Arrays.copyOf(buffer, length))) {
                    return;
                }
                out.write(buffer, 0, length);
            }
        }
    }

    interface Work {

        void run() throws IOException;

    }

    static void start(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            }
            catch (IOException closed) {
                // The entrance or a connection was closed.
            }
        }, "tcp-proxy");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() {
        try {
            entrance.close();
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

}
