package io.wxtoken.mirror;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeoutException;

import net.rubyeye.xmemcached.GetsResponse;
import net.rubyeye.xmemcached.XMemcachedClient;
import net.rubyeye.xmemcached.XMemcachedClientBuilder;
import net.rubyeye.xmemcached.exception.MemcachedException;
import net.rubyeye.xmemcached.transcoders.CachedData;
import net.rubyeye.xmemcached.transcoders.StringTranscoder;
import net.rubyeye.xmemcached.transcoders.Transcoder;

import io.wxtoken.settings.HostAndPort;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Lifetimes;

/**
 * Writes the 2015 class's entries to one memcached server: an account's bare access_token
 * under its app id, a ticket under app id, colon and type. Each configured server gets
 * all entries, so it does not matter how readers spread keys over servers.
 */
final class MemcachedMirror implements Mirror {

    /** The 2015 class writes its entries for an hour. */
    private static final long LONGEST_EXPIRY = Duration.ofHours(1).toSeconds();

    /**
     * Age in seconds from which an entry is extended: it was written for at most an hour,
     * so it then has half an hour left. A repeated ticket looks young, so its remaining
     * life is checked as well.
     */
    private static final long EXTENDED_FROM = LONGEST_EXPIRY / 2;

    /**
     * The most keys in one request, so that its answer arrives within the timeout even
     * over a slow line.
     */
    private static final int KEYS_AT_ONCE = 100;

    /**
     * The longest wait for an answer. It is well over a second because the client's
     * selector now and then misses that there is something to send, and looks again after
     * a second (seen once in some thousand operations with xmemcached 2.4.9, whose
     * Reactor resets its flag after it has read its queue).
     */
    private static final Duration TIMEOUT = Duration.ofSeconds(3);

    /**
     * Reads a value with flags as an empty one: PHP serialized or compressed it, so the
     * job did not write it, and the client would deserialize it.
     */
    private static final Transcoder<String> BARE = new StringTranscoder() {

        @Override
        public String decode(CachedData data) {
            return data.getFlag() == 0 ? super.decode(data) : "";
        }
    };

    private static final int DEFAULT_PORT = 11211;

    private final String server;

    /**
     * @param server one of {@link WxProperties.Memcached#servers()}
     */
    MemcachedMirror(String server) {
        this.server = server;
    }

    @Override
    public boolean sync(Map<RowKey, TokenRow> rows, Set<String> failures) throws InterruptedException {
        Map<String, TokenRow> wanted = new LinkedHashMap<>();
        rows.forEach((key, row) -> {
            if (row.live()) {
                wanted.put(row.type().equals(RowKey.ACCESS_TOKEN) ? key.appId() : key.appId() + ":" + key.type(), row);
            }
        });
        if (wanted.isEmpty()) {
            return false;
        }
        return onServer(memcached -> sync(memcached, wanted), failures);
    }

    @Override
    public void check(List<Account> accounts, Set<String> failures) throws InterruptedException {
        onServer(memcached -> memcached.get("wx-token") != null, failures);
    }

    /** What is done on the server. */
    private interface Work {

        boolean on(XMemcachedClient memcached) throws TimeoutException, InterruptedException, MemcachedException;

    }

    private boolean onServer(Work work, Set<String> failures) throws InterruptedException {
        XMemcachedClient memcached = null;
        try {
            memcached = connect();
            return work.on(memcached);
        }
        catch (TimeoutException e) {
            failures.add(failed("no answer within " + TIMEOUT.toSeconds() + " s"));
        }
        catch (MemcachedException | IOException e) {
            // the exceptions' texts may quote the values that were sent
            failures.add(failed("it can't be reached, or refuses"));
        }
        finally {
            close(memcached);
        }
        return false;
    }

    /**
     * Each entry is replaced only if it still is what was just read, so a late command,
     * or a run that was paused, overwrites nothing newer. An entry that another run
     * extends first is not extended again.
     */
    private static boolean sync(XMemcachedClient memcached, Map<String, TokenRow> wanted)
            throws TimeoutException, InterruptedException, MemcachedException {
        boolean written = false;
        Map<String, GetsResponse<String>> stored = new HashMap<>();
        List<String> keys = List.copyOf(wanted.keySet());
        for (int from = 0; from < keys.size(); from += KEYS_AT_ONCE) {
            stored.putAll(memcached.gets(keys.subList(from, Math.min(keys.size(), from + KEYS_AT_ONCE)), BARE));
        }
        List<String> toExtend = new ArrayList<>();
        for (String key : keys) {
            TokenRow row = wanted.get(key);
            GetsResponse<String> found = stored.get(key);
            if (found == null) {
                memcached.add(key, expiry(row), row.value(), BARE);
                written = true;
            }
            else if (!found.getValue().equals(row.value())) {
                memcached.cas(key, expiry(row), row.value(), BARE, TIMEOUT.toMillis(), found.getCas());
                written = true;
            }
            else if (row.age() >= EXTENDED_FROM || row.timeLeft() <= Lifetimes.TOKEN.toSeconds() - EXTENDED_FROM) {
                toExtend.add(key);
            }
        }
        for (String key : toExtend) {
            memcached.cas(key, expiry(wanted.get(key)), wanted.get(key).value(), BARE, TIMEOUT.toMillis(),
                    stored.get(key).getCas());
        }
        return written;
    }

    private static int expiry(TokenRow row) {
        return (int) Math.min(row.timeLeft(), LONGEST_EXPIRY);
    }

    private XMemcachedClient connect() throws IOException {
        // The process ends anyway, and the client's shutdown hook would wait for the
        // server once more.
        System.setProperty("xmemcached.shutdown.hook.enable", "false");
        HostAndPort address = HostAndPort.parse(server, DEFAULT_PORT).orElseThrow();
        XMemcachedClientBuilder builder = new XMemcachedClientBuilder(
                List.of(new InetSocketAddress(address.host(), address.port())));
        builder.setConnectTimeout(TIMEOUT.toMillis());
        builder.setOpTimeout(TIMEOUT.toMillis());
        builder.setEnableHealSession(false);
        return (XMemcachedClient) builder.build();
    }

    /**
     * The sessions are closed first, because shutdown would otherwise wait for a server
     * that hangs.
     */
    private static void close(XMemcachedClient memcached) {
        if (memcached == null) {
            return;
        }
        memcached.getConnector().getSessionSet().forEach(session -> session.close());
        try {
            memcached.shutdown();
        }
        catch (IOException e) {
            // the client is not needed any more
        }
    }

    private String failed(String why) {
        return this + " can't be written: " + why
                + ". The table is not affected; start it, or correct wx.mirror.memcached.servers";
    }

    @Override
    public String toString() {
        return "memcached at " + server;
    }

}
