package io.wxtoken.mirror;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeoutException;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;
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
    public boolean bringTo(Map<TokenRows.Key, TokenRow> rows, Set<String> failures) {
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
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            failures.add(failed("interrupted"));
        }
        finally {
            close(memcached);
        }
        return false;
    }

    /** What is there already gets its time prolonged: the source's readers fetch a token of their own when it is gone. */
    private static boolean bringTo(XMemcachedClient memcached, Map<String, TokenRow> wanted)
            throws TimeoutException, InterruptedException, MemcachedException {
        boolean written = false;
        Map<String, String> there = memcached.get(wanted.keySet(), BARE);
        for (Map.Entry<String, TokenRow> entry : wanted.entrySet()) {
            TokenRow row = entry.getValue();
            int expiry = (int) Math.min(row.timeLeft(), LONGEST_EXPIRY);
            if (!row.value().equals(there.get(entry.getKey())) || !memcached.touch(entry.getKey(), expiry)) {
                if (!memcached.set(entry.getKey(), expiry, row.value(), BARE)) {
                    throw new MemcachedException("not stored");
                }
                written = true;
            }
        }
        return written;
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
