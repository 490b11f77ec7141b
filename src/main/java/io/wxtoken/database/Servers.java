package io.wxtoken.database;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.regex.Pattern;

import com.mysql.cj.conf.ConnectionUrl;
import com.mysql.cj.conf.HostInfo;
import com.mysql.cj.conf.HostsListView;
import com.mysql.cj.exceptions.CJException;
import com.mysql.cj.jdbc.ConnectionImpl;
import org.springframework.core.env.Environment;

import io.wxtoken.settings.InvalidSettingsException;
import io.wxtoken.settings.Settings;

/**
 * The servers that the URL names, and the one of them that is in use. Connector/J's own
 * failover takes the first server that answers, be it read-only, and may answer a later
 * statement from another one; so each connection is made to one server, and to one that
 * takes writes. The order is the URL's; of {@code jdbc:mysql:loadbalance:} it is random,
 * and of {@code jdbc:mysql:replication:} only the source is used.
 */
final class Servers {

    /**
     * MySQL's codes for a user who has as many connections as are allowed: to this user,
     * or to each.
     */
    private static final Set<Integer> USER_CONNECTIONS = Set.of(1226, 1203);

    /** 3 s in all. */
    private static final int ATTEMPTS = 15;

    /** A user who may write to a read-only server, as its replication does. */
    private static final Pattern MAY_WRITE_ANYWHERE = Pattern
        .compile("GRANT (ALL PRIVILEGES|[^`]*\\b(SUPER|CONNECTION_ADMIN|READ_ONLY ADMIN)\\b.*) ON \\*\\.\\*.*");

    private final String url;

    private final Properties properties;

    /**
     * Without a host for H2, and for the kinds of URLs that only the driver itself can
     * resolve.
     */
    private final List<HostInfo> hosts;

    private volatile int current;

    private volatile long moved = System.nanoTime() - 1_000_000_000L;

    Servers(Environment environment) {
        this.url = Settings.databaseUrl(environment);
        this.properties = Database.properties(environment, url);
        this.hosts = Database.isMySql(url) ? hosts(url, properties) : List.of();
    }

    /** H2 does not make a file that is not there. */
    Servers toRead() {
        if (!Database.isMySql(url)) {
            properties.put("IFEXISTS", "TRUE");
        }
        return this;
    }

    private static List<HostInfo> hosts(String url, Properties properties) {
        try {
            ConnectionUrl parsed = ConnectionUrl.getConnectionUrlInstance(url, properties);
            List<HostInfo> hosts = switch (parsed.getType()) {
                case FAILOVER_CONNECTION, LOADBALANCE_CONNECTION -> new ArrayList<>(parsed.getHostsList());
                case REPLICATION_CONNECTION -> parsed.getHostsList(HostsListView.SOURCES);
                default -> List.of();
            };
            if (parsed.getType() == ConnectionUrl.Type.LOADBALANCE_CONNECTION) {
                Collections.shuffle(hosts);
            }
            return hosts;
        }
        catch (CJException | IllegalArgumentException e) {
            return List.of(); // the driver says what is wrong with it
        }
    }

    boolean several() {
        return hosts.size() > 1;
    }

    /**
     * A connection in autocommit to the first server, from the one in use on, that takes
     * writes.
     * @throws UnusableServerException when each server is read-only, can't be reached or
     * is not part of its cluster
     * @throws SQLException when the only server can't be reached, or a server refuses
     * this user or has no such database
     */
    Connection connect() throws SQLException {
        if (hosts.isEmpty()) {
            Connection connection = open(null);
            String problem = Database.isMySql(url) ? setUp(connection) : null;
            if (problem == null) {
                return connection;
            }
            throw new UnusableServerException("the server " + problem);
        }
        List<String> problems = new ArrayList<>();
        int first = current;
        for (int i = 0; i < hosts.size(); i++) {
            int index = (first + i) % hosts.size();
            HostInfo host = hosts.get(index);
            try {
                Connection connection = open(host);
                String problem = setUp(connection);
                if (problem == null) {
                    current = index;
                    return connection;
                }
                problems.add(host.getHostPortPair() + " " + problem);
            }
            catch (SQLException e) {
                if (!Database.isForAnotherServer(e)) {
                    throw e; // it is the same on all servers of a cluster: the user, the
                             // database
                }
                problems.add(host.getHostPortPair()
                        + (Database.broken(e) ? " can't be reached (" : " is not part of its cluster (")
                        + Database.tlsProblem(e).orElse(e.getMessage().lines().findFirst().orElse("")) + ")");
            }
        }
        throw new UnusableServerException(String.join("; ", problems));
    }

    /**
     * As {@link #connect}, but where no server takes writes, one that can be read; the
     * connection is read-only then.
     */
    Connection connectToRead() throws SQLException {
        try {
            return connect();
        }
        catch (UnusableServerException e) {
            for (HostInfo host : hosts.isEmpty() ? Collections.<HostInfo>singletonList(null) : hosts) {
                try {
                    Connection connection = open(host);
                    connection.setReadOnly(true);
                    return connection;
                }
                catch (SQLException next) {
                    e.addSuppressed(next);
                }
            }
            throw e;
        }
    }

    /**
     * A connection to the server in use broke, or it takes no writes any more: the next
     * connection is to another one.
     */
    void moveOn() {
        if (several() && System.nanoTime() - moved >= 1_000_000_000L) { // once, when the
                                                                        // connections of
                                                                        // several workers
                                                                        // break together
            moved = System.nanoTime();
            current = (current + 1) % hosts.size();
        }
    }

    /**
     * @param host null for the driver's choice
     */
    private Connection open(HostInfo host) throws SQLException {
        for (int attempt = 1;; attempt++) {
            try {
                return host == null ? DriverManager.getConnection(url, properties) : ConnectionImpl.getInstance(host);
            }
            catch (IllegalArgumentException e) { // Connector/J's, of a wrong %-escape;
                                                 // its text quotes it
                throw new InvalidSettingsException(
                        "spring.datasource.url can't be read: check what stands behind each % in it");
            }
            catch (SQLException e) {
                // A user may be allowed so few connections (max_user_connections) that
                // another node's, or this run's last, must end first.
                if (attempt == ATTEMPTS || !USER_CONNECTIONS.contains(e.getErrorCode())
                        || !String.valueOf(e.getMessage()).contains("max_user_connections")) {
                    throw e;
                }
                try {
                    Thread.sleep(200);
                }
                catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                    throw e;
                }
            }
        }
    }

    /**
     * For this session alone, whatever the server's defaults are: autocommit, which the
     * driver takes for granted with {@code useLocalSessionState}; and no
     * {@code sql_safe_updates}, as some migrations, and Flyway's repair, update without
     * naming a key. One question, which on most servers needs no further statement.
     * @return why the server can't be used, and then the connection is closed; else null
     */
    private static String setUp(Connection connection) throws SQLException {
        boolean usable = false;
        try (Statement statement = connection.createStatement()) {
            boolean setUp;
            boolean readOnly;
            try (ResultSet row = statement
                .executeQuery("SELECT @@session.autocommit, @@session.sql_safe_updates, @@global.read_only,"
                        + " @@global.innodb_read_only")) {
                row.next();
                setUp = on(row.getString(1)) && !on(row.getString(2));
                readOnly = on(row.getString(3)) || on(row.getString(4)); // the second: a
                                                                         // reader of
                                                                         // Aurora's
            }
            if (!setUp) {
                statement.execute("SET autocommit=1, sql_safe_updates=0");
            }
            usable = !readOnly || aProxyTakesWritesElsewhere(statement);
            return usable ? null : "is read-only: a replica, or a primary that was replaced";
        }
        finally {
            if (!usable) {
                connection.close();
            }
        }
    }

    private static boolean on(String value) {
        return !Set.of("0", "OFF").contains(value);
    }

    /**
     * It may answer the question above from a replica. A user who may write to a replica
     * itself can't be told from that, and must not.
     */
    private static boolean aProxyTakesWritesElsewhere(Statement statement) throws SQLException {
        try (ResultSet grants = statement.executeQuery("SHOW GRANTS")) {
            while (grants.next()) {
                if (MAY_WRITE_ANYWHERE.matcher(grants.getString(1)).matches()) {
                    return false;
                }
            }
        }
        try {
            statement.executeUpdate("UPDATE wx_token SET version = version WHERE 1 = 0");
            return true;
        }
        catch (SQLException e) {
            return !Database.takesNoWrites(e);
        }
    }

}
