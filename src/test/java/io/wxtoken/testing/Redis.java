package io.wxtoken.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Assumptions;
import redis.clients.jedis.Connection;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisConnectionException;

/**
 * Runs the distribution's Redis as a process on a port of its own, and keeps nothing on
 * disk. A test that starts it is skipped where it is not installed.
 */
public final class Redis implements AutoCloseable {

    private final int port;

    private final List<String> options;

    private Process process;

    private Redis(int port, List<String> options) {
        this.port = port;
        this.options = options;
    }

    /**
     * @param options of redis-server
     */
    public static Redis start(String... options) {
        Redis redis = new Redis(Memcached.freePort(), List.of(options));
        redis.begin();
        return redis;
    }

    public static boolean isInstalled() {
        try {
            return new ProcessBuilder("redis-server", "--version").redirectOutput(ProcessBuilder.Redirect.DISCARD)
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
        List<String> command = new ArrayList<>(List.of("redis-server", "--bind", "127.0.0.1", "--port",
                String.valueOf(port), "--save", "", "--daemonize", "no"));
        command.addAll(options);
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        }
        catch (IOException e) {
            Assumptions.abort("skipped, as there is no Redis here: apt-get install redis-server");
        }
        try {
            Await.until("Redis answers", this::answers, Duration.ofSeconds(10));
        }
        catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private boolean answers() {
        try {
            return tell(Command.PING) != null;
        }
        catch (JedisConnectionException notYet) {
            return false;
        }
    }

    public void restart() {
        close();
        begin();
    }

    public int port() {
        return port;
    }

    public String url() {
        return "redis://127.0.0.1:" + port;
    }

    /**
     * @return null when there is none
     */
    public String value(String key) {
        byte[] value = (byte[]) tell(Command.GET, key);
        return value == null ? null : new String(value, StandardCharsets.UTF_8);
    }

    /** -1 for an entry that does not expire, and -2 for none. */
    public long secondsLeft(String key) {
        return (Long) tell(Command.TTL, key);
    }

    public void set(String key, String value) {
        set(key, value.getBytes(StandardCharsets.UTF_8));
    }

    public void set(String key, byte[] value) {
        try (Connection connection = new Connection("127.0.0.1", port)) {
            connection.sendCommand(Command.SETEX, key.getBytes(StandardCharsets.UTF_8),
                    "3600".getBytes(StandardCharsets.UTF_8), value);
            connection.getOne();
        }
    }

    /** All keys, in no order. */
    @SuppressWarnings("unchecked")
    public List<String> keys() {
        return ((List<byte[]>) tell(Command.KEYS, "*")).stream()
            .map(key -> new String(key, StandardCharsets.UTF_8))
            .toList();
    }

    /** One command, and its answer. */
    public Object tell(Command command, String... arguments) {
        try (Connection connection = new Connection("127.0.0.1", port)) {
            connection.sendCommand(command,
                    Stream.of(arguments)
                        .map(argument -> argument.getBytes(StandardCharsets.UTF_8))
                        .toArray(byte[][]::new));
            return connection.getOne();
        }
    }

    /** Ages an entry, as if so much time had passed. */
    public void age(String key, long seconds) {
        long left = secondsLeft(key);
        if (left >= 0) {
            tell(Command.EXPIRE, key, String.valueOf(left - seconds));
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
        process.onExit().join();
    }

}
