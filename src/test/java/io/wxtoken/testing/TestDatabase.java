package io.wxtoken.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

import javax.sql.DataSource;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import org.flywaydb.core.Flyway;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * A schema of a test's own on a real database: on H2, on the MariaDB server that the
 * build brings along, or on the MySQL that {@code WX_TEST_MYSQL_URL} names (a JDBC URL
 * whose user may create databases).
 */
public sealed class TestDatabase permits Cluster {

    private static final String MYSQL_URL = System.getenv("WX_TEST_MYSQL_URL");

    /** H2 and MariaDB were tried before. */
    private static final boolean MYSQL_ALONE = System.getenv("WX_TEST_MYSQL_ALONE") != null;

    /** That server was started by the script, which can start it again. */
    private static final boolean MYSQL_RESTARTS = System.getenv("WX_TEST_MYSQL_RESTARTS") != null;

    static {
        // This holds until the program, run inside a test, sets up its own logging.
        ((LoggerContext) LoggerFactory.getILoggerFactory()).getLogger(Logger.ROOT_LOGGER_NAME).setLevel(Level.ERROR);
    }

    private final String name;

    private final String url;

    private final String serverUrl;

    private HikariDataSource dataSource;

    TestDatabase(String name, String url, String serverUrl) {
        this.name = name;
        this.url = url;
        this.serverUrl = serverUrl;
    }

    /** A new schema on each database. */
    public static Stream<TestDatabase> all() {
        return MYSQL_ALONE ? servers() : Stream.concat(Stream.of(h2()), servers());
    }

    /** A new schema on each database that several processes can share. */
    public static Stream<TestDatabase> servers() {
        List<TestDatabase> servers = new ArrayList<>();
        if (!MYSQL_ALONE) {
            servers.add(server("MariaDB", MariaDb.url()));
        }
        if (MYSQL_URL != null && !MYSQL_URL.isBlank()) {
            servers.add(server("MySQL", MYSQL_URL));
        }
        return servers.stream();
    }

    private static TestDatabase h2() {
        return new TestDatabase("H2",
                "jdbc:h2:mem:" + newSchemaName() + ";DB_CLOSE_DELAY=-1;MODE=MySQL;DATABASE_TO_LOWER=TRUE"
                        + ";CASE_INSENSITIVE_IDENTIFIERS=TRUE;NON_KEYWORDS=VALUE",
                null);
    }

    static TestDatabase server(String name, String url) {
        String schema = newSchemaName();
        try (var connection = DriverManager.getConnection(url); var statement = connection.createStatement()) {
            statement.execute("CREATE DATABASE " + schema);
        }
        catch (SQLException e) {
            throw new IllegalStateException(name + " at " + url + " can't make a database", e);
        }
        return new TestDatabase(name, url.replaceFirst("(jdbc:mysql://[^/]+/)[^?]*", "$1" + schema), url);
    }

    static String newSchemaName() {
        return "wx_" + UUID.randomUUID().toString().substring(0, 8);
    }

    /** The members of a cluster, in their order; or this server itself. */
    public List<TestDatabase> members() {
        return List.of(this);
    }

    public boolean isCluster() {
        return false;
    }

    /** Connects to a server that takes writes. */
    public Connection connect() throws SQLException {
        return DriverManager.getConnection(url);
    }

    /** Another new schema on the same database. */
    public TestDatabase fresh() {
        return isH2() ? h2() : server(name, serverUrl);
    }

    public String url() {
        return url;
    }

    /** The URL for another user than root. */
    public String url(String user, String password) {
        return url.replace("user=root", "user=" + user + "&password=" + password);
    }

    /**
     * A PKCS12 store, and authority-cert.pem beside it, that trust the server's
     * certificate for localhost. A restartable MySQL gets such a certificate here, until
     * its next start: into its folder, which is seen through its process, because the
     * script puts the server into a tree of its own.
     */
    public Path trusted() throws IOException, GeneralSecurityException {
        if (isMariaDb()) {
            return MariaDb.trusted();
        }
        Path folder = Path.of("/proc/" + process().pid() + "/root",
                jdbc().sql("SELECT @@datadir").query(String.class).single(), "localhost");
        if (!Files.exists(folder)) {
            MariaDb.serverCertificates(folder);
        }
        Map.of("ca", "authority-cert.pem", "cert", "server-cert.pem", "key", "server-key.pem")
            .forEach((what, file) -> jdbc().sql("SET GLOBAL ssl_" + what + " = 'localhost/" + file + "'").update());
        jdbc().sql("ALTER INSTANCE RELOAD TLS").update();
        return folder.resolve("trusted.p12");
    }

    /** The schema's name on its server. */
    public String schema() {
        return url.replaceFirst(".*/([^?]*).*", "$1");
    }

    public boolean isH2() {
        return name.equals("H2");
    }

    public boolean isMariaDb() {
        return name.equals("MariaDB");
    }

    public boolean isMySql() {
        return name.equals("MySQL");
    }

    /** Whether the server can be restarted: MySQL only when the script started it. */
    public boolean restartable() {
        return isMariaDb() || isMySql() && MYSQL_RESTARTS;
    }

    private String port() {
        return url.replaceFirst("jdbc:mysql://[^:/]+:([0-9]+).*", "$1");
    }

    private ProcessHandle process() {
        return ProcessHandle.allProcesses()
            .filter(process -> (process.info().commandLine().orElse("") + " ").contains("--port=" + port() + " "))
            .findFirst()
            .orElseThrow();
    }

    /**
     * Ends the server and starts it again, with the same data at the same address.
     * @param kill as kill -9 does, else as an operator would
     */
    public void restart(boolean kill) throws Exception {
        ProcessHandle server = process();
        if (kill) {
            server.destroyForcibly();
        }
        else {
            server.destroy();
        }
        try {
            server.onExit().get(20, TimeUnit.SECONDS);
        }
        catch (TimeoutException e) {
            server.destroyForcibly();
            server.onExit().get(20, TimeUnit.SECONDS);
        }
        if (isMariaDb()) {
            MariaDb.restart();
        }
        else {
            ServerScript.SERVER.run("restart", port());
        }
    }

    /** The schema as it is after all migrations, with the two rows that V1 makes. */
    public TestDatabase migrated() {
        Flyway.configure()
            .dataSource(members().get(0).url, isH2() ? "sa" : null, isH2() ? "" : null)
            .table("wx_token_schema_history")
            .locations("classpath:db/migration/" + (isH2() ? "h2" : "mysql"))
            .load()
            .migrate();
        return this;
    }

    /** Brings back the rows as V1 makes them. */
    public void reset() {
        jdbc().sql("DELETE FROM wx_token").update();
        jdbc()
            .sql("INSERT INTO wx_token (id, type, expire, `value`) VALUES (1, 'access_token', '0', ''), (2,"
                    + " 'jsapi_ticket', '0', '')")
            .update();
    }

    /** A pool of 40, in autocommit. */
    public synchronized DataSource dataSource() {
        if (dataSource == null) {
            HikariConfig config = new HikariConfig();
            config.setJdbcUrl(members().get(0).url);
            config.setMaximumPoolSize(40);
            config.setMinimumIdle(0);
            if (isH2()) {
                config.setUsername("sa");
            }
            dataSource = new HikariDataSource(config);
        }
        return dataSource;
    }

    /** A counter of the whole server, such as Questions (statements) or Connections. */
    public long serverStatus(String counter) {
        return Long.parseLong((String) jdbc().sql("SHOW GLOBAL STATUS LIKE '" + counter + "'")
            .query()
            .listOfRows()
            .get(0)
            .values()
            .stream()
            .skip(1)
            .findFirst()
            .orElseThrow());
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
