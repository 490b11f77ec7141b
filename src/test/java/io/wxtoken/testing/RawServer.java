package io.wxtoken.testing;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Answers each request with exactly the bytes that a test gives it, valid HTTP or not.
 * (The JDK's server would correct them.)
 */
public final class RawServer implements AutoCloseable {

    private static final Pattern CONTENT_LENGTH = Pattern.compile("(?i)\r\ncontent-length: *([0-9]+)\r\n");

    /** Sends one answer. */
    public interface Reply {

        /**
         * @return false when the connection is over then
         */
        boolean send(OutputStream out) throws IOException;

    }

    private final ServerSocket listener;

    private final ExecutorService threads = Executors.newCachedThreadPool(runnable -> {
        Thread thread = new Thread(runnable, "raw-server");
        thread.setDaemon(true);
        return thread;
    });

    private final List<String> heads = new CopyOnWriteArrayList<>();

    private volatile Reply reply;

    public RawServer() {
        try {
            listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        threads.execute(this::accept);
    }

    /** What is sent from now on, to each request. */
    public void reply(Reply reply) {
        this.reply = reply;
    }

    public String baseUrl() {
        return "http://127.0.0.1:" + port();
    }

    public int port() {
        return listener.getLocalPort();
    }

    public int requests() {
        return heads.size();
    }

    /** The requests' lines and headers. */
    public List<String> heads() {
        return heads;
    }

    @Override
    public void close() {
        try {
            listener.close();
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket connection = listener.accept();
                connection.setTcpNoDelay(true);
                threads.execute(() -> serve(connection));
            }
            catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket connection) {
        try (connection) {
            InputStream in = new BufferedInputStream(connection.getInputStream());
            while (readRequest(in)) {
                if (!reply.send(connection.getOutputStream())) {
                    return;
                }
            }
        }
        catch (IOException theClientClosed) {
            // The client may close the connection at any time.
        }
    }

    /**
     * @return false at the connection's end
     */
    private boolean readRequest(InputStream in) throws IOException {
        StringBuilder head = new StringBuilder();
        while (head.indexOf("\r\n\r\n", head.length() - 4) < 0) {
            int next = in.read();
            if (next < 0) {
                return false;
            }
            head.append((char) next);
        }
        Matcher length = CONTENT_LENGTH.matcher(head);
        heads.add(head.toString());
        in.skipNBytes(length.find() ? Integer.parseInt(length.group(1)) : 0);
        return true;
    }

    /** A whole answer in bytes. */
    public static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

}
