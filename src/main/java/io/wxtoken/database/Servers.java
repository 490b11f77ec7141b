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
 * The servers that the URL names, and which of them is in use. Connector/J's own failover
 * takes the first server that answers, even a read-only one, and may answer a later
 * statement from another server. So each connection here goes to exactly one server, and
 * to one that takes writes. The servers are tried in the URL's order; in random order for
 * {@code jdbc:mysql:loadbalance:}; and for {@code jdbc:mysql:replication:} only the
 * primary is used.
 */
final class Servers {

    /**
     * MySQL's codes for too many connections: of this user by its own limit, or by the
     * limit of all users.
     */
    private static final Set<Integer> USER_CONNECTIONS = Set.of(1226, 1203);

    /**
     * The most attempts to open a connection; with {@value #PAUSE_MILLIS} ms between them
     * they take 3 s.
     */
    private static final int ATTEMPTS = 15;

    private static final int PAUSE_MILLIS = 200;

    /**
     * Grants of a user who may write to a read-only server.
     */
    private static final Pattern MAY_WRITE_ANYWHERE = Pattern
        .compile("GRANT (ALL PRIVILEGES|[^`]*\\b(SUPER|CONNECTION_ADMIN|READ_ONLY ADMIN)\\b.*) ON \\*\\.\\*.*");

    private final String url;

    private final Properties properties;

    /**
     * Empty for H2, and for kinds of URLs that only the driver itself can resolve.
     */
    private final List<HostInfo> hosts;

    private volatile int current;

    private volatile long movedAt = System.nanoTime() - 1_000_000_000L;

    Servers(Environment environment) {
        this.url = Settings.databaseUrl(environment);
        this.properties = Database.properties(environment, url);
        this.hosts = Database.isMySql(url) ? hosts(url, properties) : List.of();
    }

    /**
     * Keeps H2 from creating a file.
     */
    Servers withoutCreatingFile() {
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
            // connecting will fail, with the driver's own message
            return List.of();
        }
    }

    boolean hasSeveralServers() {
        return hosts.size() > 1;
    }

    /**
     * Opens a connection in autocommit to the first server, beginning with the one in
     * use, that takes writes.
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
                if (!DatabaseErrors.isForAnotherServer(e)) {
                    // all servers of a cluster have the same users and databases, so the
                    // next one would refuse, too
                    throw e;
                }
                problems.add(host.getHostPortPair()
                        + (DatabaseErrors.connectionBroke(e) ? " can't be reached (" : " is not part of its cluster (")
                        + DatabaseFailure.connectionProblem(e).orElse(DatabaseFailure.firstLine(e)) + ")");
            }
        }
        throw new UnusableServerException(String.join("; ", problems));
    }

    /**
     * Opens a connection as {@link #connect} does, or a read-only one where no server
     * takes writes.
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
     * Makes the next connection go to another server, because the one in use broke or no
     * longer takes writes.
     */
    void useNextServer() {
        // the connections of several workers break together, and that must count once
        if (hasSeveralServers() && System.nanoTime() - movedAt >= 1_000_000_000L) {
            movedAt = System.nanoTime();
            current = (current + 1) % hosts.size();
        }
    }

    /**
     * @param host null to let the driver choose
     */
    private Connection open(HostInfo host) throws SQLException {
        for (int attempt = 1;; attempt++) {
            try {
                return host == null ? DriverManager.getConnection(url, properties) : ConnectionImpl.getInstance(host);
            }
            catch (IllegalArgumentException e) {
                // Connector/J throws this for a wrong %-escape, and its text quotes the
                // value
                throw new InvalidSettingsException(
                        "spring.datasource.url can't be read: check what stands behind each % in it");
            }
            catch (SQLException e) {
                // A user may be allowed so few connections (max_user_connections) that a
                // connection of another node, or the last one of this run, must be closed
                // first.
                if (attempt == ATTEMPTS || !USER_CONNECTIONS.contains(e.getErrorCode())
                        || !String.valueOf(e.getMessage()).contains("max_user_connections")) {
                    throw e;
                }
                try {
                    Thread.sleep(PAUSE_MILLIS);
                }
                catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                    throw e;
                }
            }
        }
    }

    /**
     * Sets the session up, whatever the server's defaults are, with one query that on
     * most servers shows that nothing needs to be set. Autocommit is on, because the
     * driver relies on it with {@code useLocalSessionState}. {@code sql_safe_updates} is
     * off, because some migrations, and Flyway's repair, update without naming a key.
     * @return why the server can't be used, in which case the connection is closed;
     * otherwise null
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
                // an Aurora reader sets only the second variable
                readOnly = on(row.getString(3)) || on(row.getString(4));
            }
            if (!setUp) {
                statement.execute("SET autocommit=1, sql_safe_updates=0");
            }
            usable = !readOnly || proxySendsWritesElsewhere(statement);
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
     * Whether a proxy sends writes to another server: a proxy that splits reads and
     * writes may have answered the query above from a replica. An UPDATE of no row shows
     * it. For a user who may write to a read-only server the UPDATE would prove nothing,
     * so it is not tried.
     */
    private static boolean proxySendsWritesElsewhere(Statement statement) throws SQLException {
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
            return !DatabaseErrors.takesNoWrites(e);
        }
    }

}
