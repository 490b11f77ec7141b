package io.wxtoken.storm;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;

import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.standin.StandIn;

/**
 * The web application of a third-party platform: it stores the tickets that WeChat
 * pushes, and the accounts that authorize the platform, do so again, and withdraw. What
 * the database did not take it stores again until the database does.
 */
final class Platform {

    private static final String COMPONENT = "wxplatform01234567";

    private final StandIn weChat;

    private final TestDatabase database;

    private final StormLog log;

    private final List<String> appIds;

    /** The accounts whose rows are as WeChat knows them. */
    private final Map<String, Authorization> stored = new HashMap<>();

    private final Lock busy = new ReentrantLock();

    /** What is not stored yet. */
    private final Queue<Change> changes = new ConcurrentLinkedQueue<>();

    /**
     * @param at when WeChat was told, in Unix ms
     */
    record Authorization(long at) {
    }

    /**
     * @param refreshToken null when the account withdrew
     */
    private record Change(String appId, String refreshToken, Authorization authorization) {
    }

    Platform(StandIn weChat, TestDatabase database, StormLog log, int accounts) {
        this.weChat = weChat;
        this.database = database;
        this.log = log;
        this.appIds = IntStream.range(0, accounts).mapToObj("wxmerchant%08d"::formatted).toList();
        weChat.addComponent(COMPONENT, Storm.SECRET);
    }

    /** What the program's settings hold of it. */
    static String settings() {
        return "  component: { app-id: " + COMPONENT + ", app-secret: \"${STORM_SECRET}\", tickets: none }\n";
    }

    void storeTicket() throws SQLException {
        execute("REPLACE INTO wx_component (app_id, verify_ticket, received_at) VALUES ('" + COMPONENT + "', '"
                + weChat.pushTicket(COMPONENT) + "', UNIX_TIMESTAMP())");
    }

    /** All accounts but every tenth authorize it. */
    void begin() throws SQLException {
        storeTicket();
        for (int i = 0; i < appIds.size(); i++) {
            if (i % 10 != 0) {
                authorize(appIds.get(i));
            }
        }
        storeChanges();
    }

    /**
     * An account comes, goes, or authorizes the platform again. In the long run one of
     * ten is away.
     * @param change false to store only what is left to store
     */
    void goOn(Random random, boolean change) throws Exception {
        if (!busy.tryLock()) {
            return; // the database does not take the last change yet
        }
        try {
            String appId = appIds.get(random.nextInt(appIds.size()));
            double chance = random.nextDouble();
            if (change && changes.isEmpty()) {
                if (!stored().containsKey(appId)) {
                    authorize(appId);
                }
                else if (chance < 0.3) {
                    log.count("authorizer: authorized again");
                    authorize(appId);
                }
                else if (chance < 0.4) {
                    withdraw(appId);
                }
                Thread.sleep(chance < 0.05 ? 2000 : random.nextInt(200));
            }
            storeChanges();
        }
        finally {
            busy.unlock();
        }
    }

    private synchronized void authorize(String appId) {
        log.count("authorizer: authorized");
        stored.remove(appId);
        Authorization authorization = new Authorization(System.currentTimeMillis());
        changes.add(new Change(appId, weChat.authorize(COMPONENT, appId), authorization));
    }

    private synchronized void withdraw(String appId) {
        log.count("authorizer: withdrew");
        stored.remove(appId);
        weChat.withdraw(appId);
        changes.add(new Change(appId, null, null));
    }

    private void storeChanges() throws SQLException {
        for (Change change = changes.peek(); change != null; change = changes.peek()) {
            execute(change.refreshToken() == null ? "DELETE FROM wx_authorizer WHERE app_id = '" + change.appId() + "'"
                    : "REPLACE INTO wx_authorizer (app_id, component_app_id, refresh_token, authorized_at) VALUES ('"
                            + change.appId() + "', '" + COMPONENT + "', '" + change.refreshToken() + "', "
                            + change.authorization().at() / 1000 + ")");
            changes.remove();
            if (change.authorization() != null) {
                synchronized (this) {
                    stored.put(change.appId(), change.authorization());
                }
            }
        }
    }

    private void execute(String statement) throws SQLException {
        try (Connection connection = database.connect(); Statement sql = connection.createStatement()) {
            sql.executeUpdate(statement);
        }
    }

    /** The accounts whose rows are as WeChat knows them. */
    synchronized Map<String, Authorization> stored() {
        return Map.copyOf(stored);
    }

    /** Whether nothing has happened to the account since then. */
    synchronized boolean still(String appId, Authorization then) {
        return stored.get(appId) == then;
    }

}
