package io.wxtoken.storm;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.wxtoken.standin.StandIn;

/**
 * An application: reads each account's token every few milliseconds, keeps one copy for
 * as long as the README allows, and asks WeChat's stand-in whether what it would use at
 * this moment lives.
 */
final class Reader implements AutoCloseable {

    private static final long PAUSE = 8;

    private final StandIn weChat;

    private final String url;

    private final Duration cache;

    private final Map<String, Copy> copies = new LinkedHashMap<>();

    private final List<DeadTime> deadTimes = new ArrayList<>();

    private final Thread thread = new Thread(this::work, "reader");

    private final Set<String> errors = ConcurrentHashMap.newKeySet();

    private volatile boolean out;

    private long readsOut;

    private long deadReadsOut;

    private long longestDeadOut;

    private long refusedOut;

    private volatile boolean closed;

    private long reads;

    private long deadReads;

    private long emptyReads;

    private long unanswered;

    /** What the reader knows of an account. Times are in ms. */
    private final class Copy {

        int rowId;

        int failures;

        String value = "";

        long readAt;

        String cached = "";

        long cachedAt;

        long leastLeft = Long.MAX_VALUE;

        DeadTime dead;

        DeadTime cachedDead;

        long deadOutSince;

    }

    /** A time in which the reader would have used a dead token. Times are in Unix ms. */
    static final class DeadTime {

        final String appId;

        final int rowId;

        final String value;

        final boolean cached;

        final long from = System.currentTimeMillis();

        volatile long to = from;

        DeadTime(String appId, int rowId, String value, boolean cached) {
            this.appId = appId;
            this.rowId = rowId;
            this.value = value;
            this.cached = cached;
        }

        long millis() {
            return to - from;
        }

    }

    Reader(StandIn weChat, String url, Duration cache, List<String> appIds) {
        this.weChat = weChat;
        this.url = url;
        this.cache = cache;
        appIds.forEach(appId -> copies.put(appId, new Copy()));
        thread.setDaemon(true);
        thread.start();
    }

    private void work() {
        while (!closed) {
            try (Connection connection = DriverManager.getConnection(url);
                    PreparedStatement select = connection.prepareStatement(
                            "SELECT id, value, failures, last_error FROM wx_token WHERE type = 'access_token' AND"
                                    + " app_id = ?")) {
                while (!closed) {
                    for (String appId : copies.keySet()) {
                        select.setString(1, appId);
                        try (ResultSet row = select.executeQuery()) {
                            boolean found = row.next();
                            read(appId, found ? row.getInt(1) : 0, found ? row.getString(2) : "",
                                    found ? row.getInt(3) : 0);
                            if (found) {
                                errors.add(row.getString(4));
                            }
                        }
                    }
                    sleep(PAUSE);
                }
            }
            catch (SQLException e) {
                noAnswer();
                sleep(100);
            }
        }
    }

    private synchronized void read(String appId, int rowId, String value, int failures) {
        Copy copy = copies.get(appId);
        long now = System.currentTimeMillis();
        if (out) { // counts what an application would use that goes on asking this member
            readsOut++;
            boolean dead = value != null && !value.isEmpty() && !weChat.alive(appId, value);
            deadReadsOut += dead ? 1 : 0;
            copy.deadOutSince = !dead ? 0 : copy.deadOutSince == 0 ? now : copy.deadOutSince;
            longestDeadOut = Math.max(longestDeadOut, dead ? now - copy.deadOutSince : 0);
            return;
        }
        copy.deadOutSince = 0;
        boolean filled = !copy.value.isEmpty();
        if (value == null || value.isEmpty()) {
            emptyReads += filled ? 1 : 0;
            return;
        }
        reads++;
        copy.rowId = rowId;
        copy.failures = failures;
        copy.value = value;
        copy.readAt = now;
        if (now - copy.cachedAt >= cache.toMillis()) {
            copy.cached = value;
            copy.cachedAt = now;
        }
        copy.dead = use(copy.dead, appId, rowId, value, false);
        copy.leastLeft = Math.min(copy.leastLeft, Math.max(0, weChat.millisLeft(value)));
        copy.cachedDead = use(copy.cachedDead, appId, rowId, copy.cached, true);
    }

    private DeadTime use(DeadTime dead, String appId, int rowId, String value, boolean cached) {
        if (weChat.alive(appId, value)) {
            if (dead != null) {
                dead.to = System.currentTimeMillis();
            }
            return null;
        }
        deadReads++;
        DeadTime now = dead;
        if (now == null || !now.value.equals(value)) {
            now = new DeadTime(appId, rowId, value, cached);
            deadTimes.add(now);
        }
        now.to = System.currentTimeMillis();
        return now;
    }

    private synchronized void noAnswer() {
        unanswered++;
        refusedOut += out ? 1 : 0;
    }

    /**
     * Says whether its server is out of its cluster; as long as it is, what is read there
     * is counted apart.
     */
    synchronized void out(boolean out) {
        this.out = out;
        copies.values().forEach(copy -> {
            copy.dead = null;
            copy.cachedDead = null;
            copy.cachedAt = 0; // an application whose server is gone asks another one
            copy.readAt = 0;
        });
    }

    boolean isOut() {
        return out;
    }

    /**
     * Reads, dead ones and refused ones of a server that was not part of its cluster, and
     * the longest dead time, in ms.
     */
    synchronized long[] readsOut() {
        return new long[] { readsOut, deadReadsOut, refusedOut, longestDeadOut };
    }

    /**
     * Every account's row was read a moment ago, holds a token that lives for so long,
     * and lost no fetch but the one that may be under way: the job makes a pause after
     * the third.
     */
    synchronized boolean allLiveFor(Duration time) {
        long now = System.currentTimeMillis();
        return copies.values()
            .stream()
            .allMatch(copy -> now - copy.readAt < 1000 && copy.failures <= 1
                    && weChat.millisLeft(copy.value) > time.toMillis());
    }

    /** Every text that {@code last_error} held. */
    Set<String> errors() {
        return errors;
    }

    synchronized String value(String appId) {
        return copies.get(appId).value;
    }

    synchronized List<DeadTime> deadTimes() {
        return List.copyOf(deadTimes);
    }

    synchronized long reads() {
        return reads;
    }

    synchronized long deadReads() {
        return deadReads;
    }

    synchronized long emptyReads() {
        return emptyReads;
    }

    /**
     * Milliseconds that the account's token had left when it was nearest to its end; 0
     * when it was dead.
     */
    synchronized long leastLeft(String appId) {
        return copies.get(appId).leastLeft;
    }

    /** How often the database gave no answer. */
    synchronized long unanswered() {
        return unanswered;
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() throws InterruptedException {
        closed = true;
        thread.join();
    }

}
