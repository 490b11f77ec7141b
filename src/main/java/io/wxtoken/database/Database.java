package io.wxtoken.database;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.Properties;
import java.util.Set;

import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;

import io.wxtoken.settings.InvalidSettingsException;
import io.wxtoken.settings.Settings;

/** The configured database: how it is connected to, and what its errors mean. */
public final class Database {

    /**
     * Connector/J's defaults that are wrong here; the operator's own settings win. It would wait for ever (these are milliseconds),
     * ask the server for session state that it knows, and send one more SET for the results' encoding on each connection.
     */
    private static final Map<String, String> DEFAULTS = Map.of("connectTimeout", "3000", "socketTimeout", "15000",
            "useLocalSessionState", "true", "characterSetResults", "UTF-8");

    private static final int H2_NO_SUCH_FILE = 90146;

    /** MySQL's codes for a user who has as many connections as are allowed: to this user, or to each. */
    private static final Set<Integer> USER_CONNECTIONS = Set.of(1226, 1203);

    /** 3 s in all. */
    private static final int ATTEMPTS = 15;

    /** MySQL's codes for a right that is missing to a database, a table, a column or an operation, and H2's. */
    private static final Set<Integer> DENIED = Set.of(1044, 1142, 1143, 1227, 90096, 90040);

    private Database() {
    }

    /** A connection in autocommit, with a bound on every wait. */
    public static Connection connect(Environment environment) throws SQLException {
        String url = Settings.databaseUrl(environment);
        return open(url, properties(environment, url));
    }

    private static Connection open(String url, Properties properties) throws SQLException {
        try {
            Connection connection = openInTurn(url, properties);
            if (isMySql(url)) {
                setUp(connection);
            }
            return connection;
        }
        catch (IllegalArgumentException e) { // Connector/J's, of a wrong %-escape; its text quotes it
            throw new InvalidSettingsException("spring.datasource.url can't be read: check what stands behind each % in it");
        }
    }

    /** A user may be allowed so few connections (max_user_connections) that another node's, or this run's last, must end first. */
    private static Connection openInTurn(String url, Properties properties) throws SQLException {
        for (int attempt = 1;; attempt++) {
            try {
                return DriverManager.getConnection(url, properties);
            }
            catch (SQLException e) {
                if (attempt == ATTEMPTS || !USER_CONNECTIONS.contains(e.getErrorCode()) || !String.valueOf(e.getMessage()).contains("max_user_connections")) {
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
     * For this session alone, whatever the server's defaults are: autocommit, which the driver takes for granted with
     * {@code useLocalSessionState}; and no {@code sql_safe_updates}, as some migrations, and Flyway's repair, update without naming
     * a key.
     */
    private static void setUp(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("SET autocommit=1, sql_safe_updates=0");
        }
        catch (SQLException e) {
            connection.close();
            throw e;
        }
    }

    /** As {@link #connect}, but a file of H2's that is not there is not made. */
    public static Connection connectToRead(Environment environment) throws SQLException {
        String url = Settings.databaseUrl(environment);
        Properties properties = properties(environment, url);
        if (!isMySql(url)) {
            properties.put("IFEXISTS", "TRUE");
        }
        return open(url, properties);
    }

    /** What the driver is to know beside the URL: user, password, and what the operator set for the pool's connections. */
    static Properties properties(Environment environment, String url) {
        Properties properties = new Properties();
        Binder.get(environment)
            .bind("spring.datasource.hikari.data-source-properties", Bindable.mapOf(String.class, String.class))
            .ifBound(properties::putAll);
        // Empty ones are none, as for Spring Boot: the URL may have them.
        Map.of("user", "spring.datasource.username", "password", "spring.datasource.password").forEach((property, setting) -> {
            String value = Settings.text(environment, setting);
            if (!value.isBlank()) {
                properties.put(property, value);
            }
        });
        if (isMySql(url)) { // H2 has no such settings, and refuses them
            DEFAULTS.forEach((property, value) -> {
                if (!url.contains(property + "=")) {
                    properties.putIfAbsent(property, value);
                }
            });
        }
        else if (url.startsWith("jdbc:h2:mem:")) {
            properties.putIfAbsent("user", "sa"); // as Spring Boot does
        }
        return properties;
    }

    static boolean isMySql(String url) {
        return url.startsWith("jdbc:mysql:");
    }

    /** A table, a column or a database file is not there (yet). MySQL, MariaDB and H2 have the same SQLStates for it. */
    public static boolean lacksSchema(SQLException e) {
        return String.valueOf(e.getSQLState()).startsWith("42S") || e.getErrorCode() == H2_NO_SUCH_FILE;
    }

    /** The user has no right to do that; on MySQL also for a table that is not there, as a user without rights to it is not told. */
    public static boolean denies(SQLException e) {
        return DENIED.contains(e.getErrorCode());
    }
}
