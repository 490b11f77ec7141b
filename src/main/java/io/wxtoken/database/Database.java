package io.wxtoken.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;

import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;

import io.wxtoken.settings.Settings;

/** Connects to the configured database. */
public final class Database {

    /**
     * Settings of Connector/J whose defaults do not fit; the operator's own settings win.
     * By default Connector/J would wait for ever (these timeouts are in milliseconds),
     * would ask the server for session state that it knows, and would send one more SET
     * for each connection.
     */
    private static final Map<String, String> MYSQL_DEFAULTS = Map.of("connectTimeout", "3000", "socketTimeout", "15000",
            "useLocalSessionState", "true", "characterSetResults", "UTF-8");

    /**
     * Settings of H2 that the program relies on; the URL's own win. The migrations and
     * statements are MySQL's; VALUE is a keyword in H2. H2 must not be closed before a
     * run that was told to stop has finished.
     */
    private static final Map<String, String> H2_DEFAULTS = Map.of("DB_CLOSE_ON_EXIT", "FALSE", "TRACE_LEVEL_FILE", "0");

    /**
     * As before, if the URL has no MODE. A URL that has one says all that matters to a
     * file's tables: with another DATABASE_TO_LOWER an existing file could not be read.
     */
    private static final Map<String, String> H2_MODE = Map.of("MODE", "MySQL", "DATABASE_TO_LOWER", "TRUE",
            "CASE_INSENSITIVE_IDENTIFIERS", "TRUE", "NON_KEYWORDS", "VALUE");

    /**
     * Makes a session wait for a row's lock for 1 s at most. Whoever holds one for longer
     * has forgotten to commit, and the other accounts shall not wait for that.
     */
    static final String BOUND_LOCK_WAITS = "SET SESSION innodb_lock_wait_timeout = 1";

    private Database() {
    }

    /**
     * Opens a connection for writing: in autocommit, with a bound on every wait, to a
     * server that takes writes.
     * @throws UnusableServerException when no server takes writes
     */
    public static Connection connect(Environment environment) throws SQLException {
        Connection connection = new Servers(environment).connect();
        if (isMySql(Settings.databaseUrl(environment))) {
            try (Statement statement = connection.createStatement()) {
                statement.execute(BOUND_LOCK_WAITS);
            }
        }
        return connection;
    }

    /**
     * Opens a connection for reading, as {@link #connect} does, but creates no H2 file.
     * If no server takes writes, it connects to a read-only server, and the connection is
     * read-only.
     * @throws UnusableServerException when no server can be read
     */
    public static Connection connectToRead(Environment environment) throws SQLException {
        return new Servers(environment).withoutCreatingFile().connectToRead();
    }

    /**
     * The properties that the driver gets beside the URL: user, password, and the
     * operator's properties for the pool's connections.
     */
    static Properties properties(Environment environment, String url) {
        Properties properties = new Properties();
        Binder.get(environment)
            .bind("spring.datasource.hikari.data-source-properties", Bindable.mapOf(String.class, String.class))
            .ifBound(properties::putAll);
        // An empty setting counts as none, as in Spring Boot: the URL may contain user
        // and password.
        Map.of("user", "spring.datasource.username", "password", "spring.datasource.password")
            .forEach((property, setting) -> {
                String value = Settings.text(environment, setting);
                if (!value.isBlank()) {
                    properties.put(property, value);
                }
            });
        if (isMySql(url)) { // H2 refuses properties that it does not know
            MYSQL_DEFAULTS.forEach((property, value) -> {
                if (!url.contains(property + "=")) {
                    properties.putIfAbsent(property, value);
                }
            });
        }
        else {
            addIfUnset(H2_DEFAULTS, url, properties);
            if (!sets(url, "MODE")) {
                addIfUnset(H2_MODE, url, properties);
            }
        }
        if (url.startsWith("jdbc:h2:mem:")) {
            properties.putIfAbsent("user", "sa"); // as Spring Boot does
        }
        return properties;
    }

    private static void addIfUnset(Map<String, String> defaults, String url, Properties properties) {
        defaults.forEach((property, value) -> {
            if (!sets(url, property)) { // H2 refuses one that is set twice
                properties.putIfAbsent(property, value);
            }
        });
    }

    private static boolean sets(String h2Url, String property) {
        return h2Url.toUpperCase(Locale.ROOT).contains(";" + property + "=");
    }

    static boolean isMySql(String url) {
        return url.startsWith("jdbc:mysql:");
    }

}
