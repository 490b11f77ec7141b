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

import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;
import net.rubyeye.xmemcached.GetsResponse;
import net.rubyeye.xmemcached.XMemcachedClient;
import net.rubyeye.xmemcached.XMemcachedClientBuilder;
import net.rubyeye.xmemcached.exception.MemcachedException;
import net.rubyeye.xmemcached.transcoders.CachedData;
import net.rubyeye.xmemcached.transcoders.StringTranscoder;
import net.rubyeye.xmemcached.transcoders.Transcoder;

/**
 * The source's memcached: under an account's app id its bare access_token, under app id, colon and type its tickets. One
 * server, which gets all of them: so it does not matter how its readers spread keys over several.
 */
final class MemcachedMirror implements Mirror {

    /** Of the source's class. */
    private static final long LONGEST_EXPIRY = Duration.ofHours(1).toSeconds();

    /** What was written for a value has half an hour left until that is this old, in seconds; a ticket that goes on looks young, but has less left. */
    private static final long PROLONGED_FROM = LONGEST_EXPIRY / 2;

    /** Their answer is to be there within the timeout, over a slow line, too. */
    private static final int KEYS_AT_ONCE = 100;

    /** For each answer. */
    private static final Duration TIMEOUT = Duration.ofSeconds(1);

    /** A value that PHP has serialized or compressed is none of ours: it has flags. (The client would have it unserialized.) */
    private static final Transcoder<String> BARE = new StringTranscoder() {

        @Override
        public String decode(CachedData data) {
            return data.getFlag() == 0 ? super.decode(data) : "";
        }
    };

    private final String server;

    /** @param server as {@link WxProperties.Memcached#servers()} has it */
    MemcachedMirror(String server) {
        this.server = server;
    }

    @Override
    public boolean bringTo(Map<TokenRows.Key, TokenRow> rows, Set<String> failures) throws InterruptedException {
        Map<String, TokenRow> wanted = new LinkedHashMap<>();
        rows.forEach((key, row) -> {
            if (row != null && row.live()) {
                wanted.put(row.type().equals(AccountRefresher.ACCESS_TOKEN) ? key.appId() : key.appId() + ":" + key.type(), row);
            }
        });
        if (wanted.isEmpty()) {
            return false;
        }
        XMemcachedClient memcached = null;
        try {
            memcached = connect();
            return bringTo(memcached, wanted);
        }
        catch (TimeoutException e) {
            failures.add(failed("no answer within " + TIMEOUT.toSeconds() + " s"));
        }
        catch (MemcachedException | IOException e) { // their texts may quote what was sent
            failures.add(failed("it can't be reached, or refuses"));
        }
        finally {
            close(memcached);
        }
        return false;
    }

    /**
     * Only over what was there when it was looked at: a command that is late, or a run that was paused, undoes nobody's work. Who
     * is faster at prolonging prolonged it, too, or wrote a newer value.
     */
    private static boolean bringTo(XMemcachedClient memcached, Map<String, TokenRow> wanted)
            throws TimeoutException, InterruptedException, MemcachedException {
        boolean written = false;
        Map<String, GetsResponse<String>> there = new HashMap<>();
        List<String> keys = List.copyOf(wanted.keySet());
        for (int from = 0; from < keys.size(); from += KEYS_AT_ONCE) {
            there.putAll(memcached.gets(keys.subList(from, Math.min(keys.size(), from + KEYS_AT_ONCE)), BARE));
        }
        List<String> toProlong = new ArrayList<>();
        for (String key : keys) {
            TokenRow row = wanted.get(key);
            GetsResponse<String> found = there.get(key);
            if (found == null) {
                memcached.add(key, expiry(row), row.value(), BARE);
                written = true;
            }
            else if (!found.getValue().equals(row.value())) {
                memcached.cas(key, expiry(row), row.value(), BARE, TIMEOUT.toMillis(), found.getCas());
                written = true;
            }
            else if (row.age() >= PROLONGED_FROM || row.timeLeft() <= WxProperties.TOKEN_LIFE.toSeconds() - PROLONGED_FROM) {
                toProlong.add(key);
            }
        }
        for (String key : toProlong) {
            memcached.cas(key, expiry(wanted.get(key)), wanted.get(key).value(), BARE, TIMEOUT.toMillis(), there.get(key).getCas());
        }
        return written;
    }

    private static int expiry(TokenRow row) {
        return (int) Math.min(row.timeLeft(), LONGEST_EXPIRY);
    }

    private XMemcachedClient connect() throws IOException {
        // The process ends by itself: the client's hook would wait for the server once more.
        System.setProperty("xmemcached.shutdown.hook.enable", "false");
        XMemcachedClientBuilder builder = new XMemcachedClientBuilder(List.of(address()));
        builder.setConnectTimeout(TIMEOUT.toMillis());
        builder.setOpTimeout(TIMEOUT.toMillis());
        builder.setEnableHealSession(false);
        return (XMemcachedClient) builder.build();
    }

    private InetSocketAddress address() {
        int colon = server.endsWith("]") ? -1 : server.lastIndexOf(':');
        return colon < 0 ? new InetSocketAddress(server, 11211)
                : new InetSocketAddress(server.substring(0, colon), Integer.parseInt(server.substring(colon + 1)));
    }

    /** By itself shutdown says goodbye, and waits until a server that hangs has answered. */
    private static void close(XMemcachedClient memcached) {
        if (memcached == null) {
            return;
        }
        memcached.getConnector().getSessionSet().forEach(session -> session.close());
        try {
            memcached.shutdown();
        }
        catch (IOException e) {
            // it is not needed any more
        }
    }

    private String failed(String why) {
        return this + " can't be written: " + why + ". The table is not affected; start it, or correct wx.mirror.memcached.servers";
    }

    @Override
    public String toString() {
        return "memcached at " + server;
    }
}
