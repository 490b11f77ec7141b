package io.wxtoken.storm;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

import io.wxtoken.standin.StandIn;
import io.wxtoken.storm.Platform.Authorization;

/**
 * An application of the platform: reads the rows of all accounts that authorize it, and
 * asks WeChat's stand-in whether their tokens live and their refresh tokens are usable.
 * An account counts while its row in {@code wx_authorizer} is as WeChat knows it, and its
 * token from its first refresh after it authorized the platform last.
 */
final class AuthorizerReader implements AutoCloseable {

    private static final long PAUSE = 150;

    private final StandIn weChat;

    private final String url;

    private final Thread thread = new Thread(this::work, "authorizer-reader");

    private volatile boolean closed;

    private final Platform platform;

    private final Map<String, Seen> seen = new HashMap<>();

    private final List<Reader.DeadTime> deadTimes = new ArrayList<>();

    private final Map<String, Reader.DeadTime> dead = new HashMap<>();

    /** Refresh tokens that WeChat did not take, when they were read first. */
    private final Map<String, String> suspects = new HashMap<>();

    private final Set<String> lost = new HashSet<>();

    private final Set<String> errors = new HashSet<>();

    private long readAt;

    private long reads;

    private long deadReads;

    private long emptyReads;

    private long longestWait;

    /**
     * An account as it was read.
     *
     * @param value null as long as it waits for its first token since it authorized the
     * platform
     */
    private record Seen(Authorization authorization, String value, int failures) {
    }

    AuthorizerReader(StandIn weChat, String url, Platform platform) {
        this.weChat = weChat;
        this.url = url;
        this.platform = platform;
        thread.setDaemon(true);
        thread.start();
    }

    private void work() {
        while (!closed) {
            try (Connection connection = DriverManager.getConnection(url)) {
                while (!closed) {
                    read(connection);
                    Thread.sleep(PAUSE);
                }
            }
            catch (SQLException e) {
                LockSupport.parkNanos(Duration.ofMillis(PAUSE).toNanos());
            }
            catch (InterruptedException e) {
                return;
            }
        }
    }

    private synchronized void read(Connection connection) throws SQLException {
        Map<String, Authorization> stored = platform.stored();
        Map<String, Seen> before = Map.copyOf(seen);
        seen.clear();
        long now = System.currentTimeMillis();
        try (Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery("""
                SELECT authorizer.app_id, refresh_token, COALESCE(id, 0), COALESCE(`value`, ''),
                       COALESCE(failures, 0), COALESCE(last_error, '')
                  FROM wx_authorizer authorizer LEFT JOIN wx_token token
                    ON authorizer.app_id = CONVERT(token.app_id USING ascii) COLLATE ascii_bin
                       AND type = 'access_token'
                """)) {
            while (row.next()) {
                String appId = row.getString(1);
                errors.add(row.getString(6));
                if (stored.containsKey(appId)) {
                    Authorization authorization = stored.get(appId);
                    check(appId, authorization, row, before.get(appId));
                }
            }
        }
        dead.keySet().retainAll(seen.keySet());
        suspects.keySet().retainAll(seen.keySet());
        readAt = now;
    }

    private void check(String appId, Authorization authorization, ResultSet row, Seen before) throws SQLException {
        String refreshToken = row.getString(2);
        String value = row.getString(4);
        boolean usable = weChat.refreshTokenUsable(appId, refreshToken);
        boolean alive = weChat.alive(appId, value);
        boolean waits = !alive && weChat.issues(appId)
            .stream()
            .noneMatch(issue -> issue.value().equals(value) && issue.at() >= authorization.at());
        if (!platform.still(appId, authorization)) {
            return;
        }
        reads++;
        seen.put(appId, new Seen(authorization, waits ? null : value, row.getInt(5)));
        // what was read may be too old by now, but not twice
        if (usable) {
            suspects.remove(appId);
        }
        else if (refreshToken.equals(suspects.put(appId, refreshToken))) {
            lost.add(appId + " " + refreshToken.substring(0, 20));
        }
        if (waits) {
            emptyReads += value.isEmpty() && before != null && before.value() != null ? 1 : 0;
            longestWait = Math.max(longestWait, System.currentTimeMillis() - authorization.at());
        }
        if (alive || waits) {
            dead.remove(appId);
        }
        else {
            deadReads++;
            Reader.DeadTime now = dead.get(appId);
            if (now == null || !now.value.equals(value)) {
                now = new Reader.DeadTime(appId, row.getInt(3), value, false);
                dead.put(appId, now);
                deadTimes.add(now);
            }
            now.to = System.currentTimeMillis();
        }
    }

    /** As {@link Reader#allLiveFor}, of the accounts that do not wait for a token. */
    synchronized boolean allLiveFor(Duration time) {
        return System.currentTimeMillis() - readAt < 1000 && seen.values()
            .stream()
            .allMatch(account -> account.value() == null
                    || account.failures() <= 1 && weChat.millisLeft(account.value()) > time.toMillis());
    }

    /** Every account's row holds the token that was issued last. */
    synchronized boolean recovered() {
        Map<String, Authorization> stored = platform.stored();
        return System.currentTimeMillis() - readAt < 1000 && seen.keySet().equals(stored.keySet())
                && seen.entrySet()
                    .stream()
                    .allMatch(account -> account.getValue().value() != null
                            && account.getValue().value().equals(weChat.lastIssued(account.getKey())));
    }

    synchronized List<Reader.DeadTime> deadTimes() {
        return List.copyOf(deadTimes);
    }

    /** The refresh tokens that were stored and that WeChat did not take. */
    synchronized Set<String> lost() {
        return Set.copyOf(lost);
    }

    /** Every text that {@code last_error} held. */
    synchronized Set<String> errors() {
        return Set.copyOf(errors);
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

    /** The longest time from an authorization to a token, in ms. */
    synchronized long longestWait() {
        return longestWait;
    }

    @Override
    public void close() throws InterruptedException {
        closed = true;
        thread.join();
    }

}
