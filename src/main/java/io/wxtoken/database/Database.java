package io.wxtoken.database;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.Properties;

import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;

import io.wxtoken.settings.InvalidSettingsException;
import io.wxtoken.settings.Settings;

/** The configured database, before there is a pool or a Flyway. */
public final class Database {

    /** The newest migration in db/migration. A newer one must raise it, or is never run: DatabaseTest holds the two together. */
    static final String SCHEMA_VERSION = "5";

    /** Connector/J waits for ever by default. A bound that the operator set stays in force. In milliseconds. */
    private static final Map<String, Integer> BOUNDS = Map.of("connectTimeout", 3_000, "socketTimeout", 15_000);

    private static final int H2_NO_SUCH_FILE = 90146;

    private Database() {
    }

    /** A connection as the pool would open it: with the same settings, and the same bounds. */
    public static Connection connect(Environment environment) throws SQLException {
        String url = Settings.databaseUrl(environment);
        return open(url, properties(environment, url));
    }

    private static Connection open(String url, Properties properties) throws SQLException {
        try {
            return DriverManager.getConnection(url, properties);
        }
        catch (IllegalArgumentException e) { // Connector/J's, of a wrong %-escape; its text quotes it
            throw new InvalidSettingsException("spring.datasource.url can't be read: check what stands behind each % in it");
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
            BOUNDS.forEach((bound, milliseconds) -> {
                if (!url.contains(bound + "=")) {
                    properties.putIfAbsent(bound, String.valueOf(milliseconds));
                }
            });
        }
        else if (url.startsWith("jdbc:h2:mem:")) {
            properties.putIfAbsent("user", "sa"); // as Spring Boot does
        }
        return properties;
    }

    private static boolean isMySql(String url) {
        return url.startsWith("jdbc:mysql:");
    }

    /** All migrations were applied, and none failed: there is nothing for Flyway to do. */
    public static boolean schemaIsComplete(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery("""
                SELECT COUNT(CASE WHEN version = '%s' AND success THEN 1 END), COUNT(CASE WHEN NOT success THEN 1 END) FROM flyway_schema_history
                """.formatted(SCHEMA_VERSION))) {
            row.next();
            return row.getInt(1) > 0 && row.getInt(2) == 0;
        }
        catch (SQLException e) {
            if (lacksSchema(e)) {
                return false;
            }
            throw e;
        }
    }

    /** A table, a column or a database file is not there (yet). MySQL, MariaDB and H2 have the same SQLStates for it. */
    public static boolean lacksSchema(SQLException e) {
        return String.valueOf(e.getSQLState()).startsWith("42S") || e.getErrorCode() == H2_NO_SUCH_FILE;
    }
}
