package io.wxtoken.mirror;

import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;

import redis.clients.jedis.ClientSetInfoConfig;
import redis.clients.jedis.Connection;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

import io.wxtoken.settings.RedisUrl;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;

/**
 * Writes entries to a Redis server, in the format that is configured. An entry lives as
 * long as its value.
 * <p>
 * Of Jedis this uses the connection alone, without its pool and its methods for each
 * command, because loading those would take four times as long.
 */
final class RedisMirror implements Mirror {

    /**
     * Replaces an entry, or sets its life anew, if it still is what was read. Without a
     * third argument nothing was there.
     */
    private static final byte[] REPLACE = utf8("if redis.call('GET', KEYS[1]) == (ARGV[3] or false) then"
            + " return redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end return false");

    private static final byte[] ONE = utf8("1");

    /** An entry may live so many seconds longer or shorter than its value. */
    private static final int SLACK = 5;

    /** The most keys in one request: see {@link MemcachedMirror}. */
    private static final int KEYS_AT_ONCE = 100;

    /** The longest wait for the connection, and for each answer. */
    private static final Duration TIMEOUT = Duration.ofSeconds(3);

    /** What an error answer begins with. Its text may quote a value. */
    private static final Pattern ERROR = Pattern.compile("([A-Z]+)\\b.*", Pattern.DOTALL);

    private static final Map<String, String> MEANINGS = Map.of("NOAUTH", "it wants a password", "WRONGPASS",
            "the user or the password is wrong", "NOPERM",
            "its user needs the commands GET, TTL, SET and EVAL for these keys", "READONLY",
            "it is a replica, so name the primary", "OOM", "it is full", "MOVED",
            "it is a member of a Redis Cluster, which this mirror does not know", "WRONGTYPE",
            "another program keeps something else under one of the keys");

    private final RedisUrl server;

    private final RedisEntries entries;

    /**
     * @param settings with a URL that is one
     */
    RedisMirror(WxProperties.Redis settings, List<Account> accounts) {
        this.server = RedisUrl.parse(settings.url()).orElseThrow();
        this.entries = new RedisEntries(settings, accounts);
    }

    private record Entry(byte[] value, long secondsLeft) {
    }

    @Override
    public boolean sync(Map<RowKey, TokenRow> rows, Set<String> failures) {
        Map<String, Entry> wanted = new LinkedHashMap<>();
        rows.forEach((key, row) -> {
            if (row.live()) {
                entries.of(key, row.value())
                    .forEach((name, value) -> wanted.put(name, new Entry(utf8(value), row.timeLeft())));
            }
        });
        if (wanted.isEmpty()) {
            return false;
        }
        return onServer(redis -> {
            boolean written = false;
            List<String> keys = List.copyOf(wanted.keySet());
            for (int from = 0; from < keys.size(); from += KEYS_AT_ONCE) {
                written |= sync(redis, keys.subList(from, Math.min(keys.size(), from + KEYS_AT_ONCE)), wanted,
                        failures);
            }
            return written;
        }, failures);
    }

    /**
     * Sends all commands that writing needs, for a key that is not there, so that they
     * write nothing.
     */
    @Override
    public void check(List<Account> accounts, Set<String> failures) {
        String key = accounts.stream()
            .findFirst()
            .flatMap(account -> entries.of(RowKey.token(account), "").keySet().stream().findFirst())
            .orElse("");
        onServer(redis -> {
            byte[] none = utf8(key + ":wx-token-check");
            redis.sendCommand(Command.GET, none);
            redis.sendCommand(Command.TTL, none);
            redis.sendCommand(Command.SET, none, ONE, utf8("EX"), ONE, utf8("XX"));
            replace(redis, none, new Entry(ONE, 1), ONE);
            redis.getMany(4).forEach(answer -> succeeded(answer, failures));
            return false;
        }, failures);
    }

    /**
     * Each entry is replaced only if it still is what was just read, so a late command,
     * or a run that was paused, overwrites nothing newer.
     */
    private boolean sync(Connection redis, List<String> keys, Map<String, Entry> wanted, Set<String> failures) {
        for (String key : keys) {
            redis.sendCommand(Command.GET, utf8(key));
            redis.sendCommand(Command.TTL, utf8(key));
        }
        List<Object> found = redis.getMany(2 * keys.size());
        List<Boolean> differed = new ArrayList<>();
        for (int i = 0; i < keys.size(); i++) {
            if (!succeeded(found.get(2 * i), failures) || !succeeded(found.get(2 * i + 1), failures)) {
                continue;
            }
            byte[] value = (byte[]) found.get(2 * i);
            Entry entry = wanted.get(keys.get(i));
            boolean differs = !Arrays.equals(value, entry.value());
            if (differs || Math.abs((Long) found.get(2 * i + 1) - entry.secondsLeft()) > SLACK) {
                replace(redis, utf8(keys.get(i)), entry, value);
                differed.add(differs);
            }
        }
        boolean written = false;
        List<Object> replaced = redis.getMany(differed.size());
        for (int i = 0; i < replaced.size(); i++) {
            written |= succeeded(replaced.get(i), failures) && differed.get(i);
        }
        return written;
    }

    /**
     * @param old what was read; null for nothing
     */
    private static void replace(Connection redis, byte[] key, Entry entry, byte[] old) {
        List<byte[]> arguments = new ArrayList<>(
                List.of(REPLACE, ONE, key, entry.value(), utf8(String.valueOf(entry.secondsLeft()))));
        if (old != null) {
            arguments.add(old);
        }
        redis.sendCommand(Command.EVAL, arguments.toArray(byte[][]::new));
    }

    /** What is done on the server. */
    private interface Work {

        boolean on(Connection redis);

    }

    private boolean onServer(Work work, Set<String> failures) {
        try (Connection redis = connect()) {
            return work.on(redis);
        }
        catch (JedisDataException e) {
            failures.add(failed(meaning(e)));
        }
        catch (JedisException e) {
            failures.add(failed(reason(e)));
        }
        return false;
    }

    /** The certificate is checked against the JVM's trust store, and for the host. */
    private Connection connect() {
        SSLParameters verified = new SSLParameters();
        verified.setEndpointIdentificationAlgorithm("HTTPS");
        return new Connection(new HostAndPort(server.server().host(), server.server().port()),
                DefaultJedisClientConfig.builder()
                    .connectionTimeoutMillis((int) TIMEOUT.toMillis())
                    .socketTimeoutMillis((int) TIMEOUT.toMillis())
                    .ssl(server.tls())
                    .sslParameters(verified)
                    .user(server.user())
                    .password(server.password())
                    .database(server.database())
                    .clientSetInfoConfig(ClientSetInfoConfig.DISABLED)
                    .build());
    }

    private boolean succeeded(Object answer, Set<String> failures) {
        if (answer instanceof JedisDataException e) {
            failures.add(failed(meaning(e)));
            return false;
        }
        return true;
    }

    private static String meaning(JedisDataException e) {
        Matcher error = ERROR.matcher(String.valueOf(e.getMessage()));
        String code = error.matches() ? error.group(1) : "ERR";
        return "it answers " + code + (MEANINGS.containsKey(code) ? ": " + MEANINGS.get(code) : "");
    }

    private static String reason(JedisException e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof SocketTimeoutException) {
                return "no answer within " + TIMEOUT.toSeconds() + " s";
            }
            if (cause instanceof SSLException) {
                return "TLS fails: its certificate is not trusted, or is for another host";
            }
        }
        return "it can't be reached";
    }

    private String failed(String why) {
        return this + " can't be written: " + why
                + ". The table is not affected; start it, or correct wx.mirror.redis.url";
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public String toString() {
        return "Redis at " + server;
    }

}
