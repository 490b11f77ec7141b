package io.wxtoken.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

import org.junit.jupiter.api.Assumptions;

/**
 * Runs the distribution's tinyproxy as a process on a port of its own. A test that starts
 * it is skipped where it is not installed.
 */
public final class TinyProxy implements AutoCloseable {

    private final int port = Memcached.freePort();

    private final Path log;

    private final Process process;

    /**
     * @param settings lines of its configuration, such as {@code BasicAuth user password}
     */
    public TinyProxy(Path folder, String... settings) throws IOException, InterruptedException {
        log = folder.resolve("tinyproxy.log");
        Path configuration = folder.resolve("tinyproxy.conf");
        Files.writeString(configuration, "Port " + port + "\nListen 127.0.0.1\nTimeout 60\nLogLevel Connect\n"
                + String.join("\n", settings) + "\n");
        Process started = null;
        try {
            started = new ProcessBuilder("tinyproxy", "-d", "-c", configuration.toString()).redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        }
        catch (IOException e) {
            Assumptions.abort("skipped, as there is no tinyproxy here: apt-get install tinyproxy");
        }
        process = started;
        Await.until("tinyproxy listens", this::listens, Duration.ofSeconds(20));
    }

    private boolean listens() {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return true;
        }
        catch (IOException notYet) {
            return false;
        }
    }

    public int port() {
        return port;
    }

    public String log() throws IOException {
        return Files.readString(log);
    }

    @Override
    public void close() {
        process.destroyForcibly();
        process.onExit().join();
    }

}
