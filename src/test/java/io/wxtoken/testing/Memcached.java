package io.wxtoken.testing;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.Assumptions;

/**
 * Runs the distribution's memcached as a process on a port of its own. A test that starts
 * it is skipped where it is not installed.
 */
public final class Memcached implements AutoCloseable {

    private static final Pattern META = Pattern.compile("VA (\\d+) t(-?\\d+) f(\\d+)");

    private final int port;

    private Process process;

    private Memcached(int port) {
        this.port = port;
    }

    public static Memcached start() {
        Memcached memcached = new Memcached(freePort());
        memcached.begin();
        return memcached;
    }

    /** A port that nobody listens at. */
    public static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static boolean isInstalled() {
        try {
            return new ProcessBuilder("memcached", "-V").redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .onExit()
                .join()
                .exitValue() == 0;
        }
        catch (IOException e) {
            return false;
        }
    }

    private void begin() {
        try {
            process = new ProcessBuilder("memcached", "-l", "127.0.0.1", "-p", String.valueOf(port), "-u", "nobody",
                    "-m", "64")
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        }
        catch (IOException e) {
            Assumptions.abort("skipped, as there is no memcached here: apt-get install memcached");
        }
        for (int i = 0; i < 500; i++) {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                return;
            }
            catch (IOException notYet) {
                sleep();
            }
        }
        throw new IllegalStateException("memcached does not start");
    }

    private static void sleep() {
        try {
            Thread.sleep(10);
        }
        catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    public void restart() {
        close();
        begin();
    }

    public int port() {
        return port;
    }

    public String server() {
        return "127.0.0.1:" + port;
    }

    /** What stands under a key. */
    public record Entry(String value, long secondsLeft, int flags) {
    }

    /**
     * @return null when there is none
     */
    public Entry get(String key) {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            DataInputStream in = new DataInputStream(socket.getInputStream());
            String line = ask(socket, in, "mg " + key + " t f v\r\n");
            Matcher meta = META.matcher(line);
            return !meta.matches() ? null
                    : new Entry(new String(in.readNBytes(Integer.parseInt(meta.group(1))), StandardCharsets.UTF_8),
                            Long.parseLong(meta.group(2)), Integer.parseInt(meta.group(3)));
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public String value(String key) {
        Entry entry = get(key);
        return entry == null ? null : entry.value();
    }

    /** One command, and the first line of its answer. */
    public String tell(String command) {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return ask(socket, new DataInputStream(socket.getInputStream()), command + "\r\n");
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public void set(String key, int flags, String value) {
        tell("set " + key + " " + flags + " 3600 " + value.getBytes(StandardCharsets.UTF_8).length + "\r\n" + value);
    }

    /** Ages an entry, as if so much time had passed. */
    public void age(String key, long seconds) {
        Entry entry = get(key);
        if (entry != null) {
            tell(entry.secondsLeft() > seconds ? "touch " + key + " " + (entry.secondsLeft() - seconds)
                    : "delete " + key);
        }
    }

    private static String ask(Socket socket, DataInputStream in, String command) throws IOException {
        socket.getOutputStream().write(command.getBytes(StandardCharsets.UTF_8));
        StringBuilder line = new StringBuilder();
        for (int b = in.read(); b >= 0 && b != '\n'; b = in.read()) {
            line.append((char) b);
        }
        return line.toString().strip();
    }

    @Override
    public void close() {
        process.destroyForcibly();
        process.onExit().join();
    }

}
