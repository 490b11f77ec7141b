package io.wxtoken.database;

import java.sql.Connection;
import java.sql.SQLException;

import org.springframework.core.env.Environment;
import org.springframework.jdbc.datasource.AbstractDataSource;
import org.springframework.jdbc.support.JdbcUtils;

/**
 * A run's connections. The one that the run looked at the rows with becomes the pool's
 * first: to connect costs a handshake and more statements than a refresh does, and a user
 * may be allowed one connection only.
 */
public final class RunDatabase extends AbstractDataSource implements AutoCloseable {

    /** Seconds. */
    private static final int VALID_WITHIN = 2;

    private final Servers servers;

    private Connection kept;

    private int loginTimeout;

    public RunDatabase(Environment environment) {
        this.servers = new Servers(environment);
    }

    /** The connection that was kept; without one, a new one to the server in use. */
    @Override
    public synchronized Connection getConnection() throws SQLException {
        Connection connection = kept;
        kept = null;
        if (connection != null && !connection.isValid(VALID_WITHIN)) { // it broke, or the
                                                                       // server or a
                                                                       // proxy closed it
            JdbcUtils.closeConnection(connection);
            connection = null;
        }
        return connection == null ? servers.connect() : connection;
    }

    /**
     * @throws UnsupportedOperationException always: the settings say who connects
     */
    @Override
    public Connection getConnection(String username, String password) {
        throw new UnsupportedOperationException();
    }

    /**
     * In seconds. A pool that closes waits this long for a connection that is still being
     * opened; otherwise nobody would close that one.
     */
    @Override
    public int getLoginTimeout() {
        return loginTimeout;
    }

    @Override
    public void setLoginTimeout(int seconds) {
        loginTimeout = seconds;
    }

    /** The URL names another server that could be used. */
    public boolean severalServers() {
        return servers.several();
    }

    /**
     * A connection broke, or its server takes no writes any more: later ones are to
     * another server, if the URL names several.
     */
    public void moveOn() {
        servers.moveOn();
    }

    /** The next who asks for a connection gets this one. */
    public synchronized void keep(Connection connection) {
        kept = connection;
    }

    /** Closes the connection that is kept, if there is one. */
    @Override
    public synchronized void close() throws SQLException {
        if (kept != null) {
            kept.close();
            kept = null;
        }
    }

}
