package io.wxtoken.database;

import java.sql.Connection;
import java.sql.SQLException;

import org.springframework.core.env.Environment;
import org.springframework.jdbc.datasource.AbstractDataSource;
import org.springframework.jdbc.support.JdbcUtils;

/**
 * The connections of a run. The connection of the due check becomes the first one of the
 * pool, because connecting costs a handshake and more statements than a refresh does, and
 * because a user may be allowed only one connection.
 */
public final class RunDatabase extends AbstractDataSource implements AutoCloseable {

    private static final int VALIDATION_SECONDS = 2;

    private final Servers servers;

    private Connection keptConnection;

    private int loginTimeout;

    public RunDatabase(Environment environment) {
        this.servers = new Servers(environment);
    }

    /**
     * Returns the connection that was kept, if there is one, and otherwise a new one to
     * the server in use.
     */
    @Override
    public synchronized Connection getConnection() throws SQLException {
        Connection connection = keptConnection;
        keptConnection = null;
        // the connection broke, or the server or a proxy closed it
        if (connection != null && !connection.isValid(VALIDATION_SECONDS)) {
            JdbcUtils.closeConnection(connection);
            connection = null;
        }
        return connection == null ? servers.connect() : connection;
    }

    /**
     * @throws UnsupportedOperationException always, because the settings say which user
     * connects
     */
    @Override
    public Connection getConnection(String username, String password) {
        throw new UnsupportedOperationException();
    }

    /**
     * In seconds. A pool that is closed waits this long for a connection that is still
     * being opened; otherwise nobody would close that connection.
     */
    @Override
    public int getLoginTimeout() {
        return loginTimeout;
    }

    @Override
    public void setLoginTimeout(int seconds) {
        loginTimeout = seconds;
    }

    /**
     * Whether the URL names several servers.
     */
    public boolean hasSeveralServers() {
        return servers.hasSeveralServers();
    }

    /**
     * Makes later connections go to another server, if the URL names several, because the
     * one in use broke or no longer takes writes.
     */
    public void useNextServer() {
        servers.useNextServer();
    }

    /**
     * Keeps a connection for the next call of {@link #getConnection}.
     */
    public synchronized void keepForNextCall(Connection connection) {
        keptConnection = connection;
    }

    /**
     * Closes the connection that was kept, if there is one.
     */
    @Override
    public synchronized void close() throws SQLException {
        if (keptConnection != null) {
            keptConnection.close();
            keptConnection = null;
        }
    }

}
