package io.wxtoken.database;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

import com.sun.net.httpserver.HttpServer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.Certificates;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.fixtures.MariaDb;

/**
 * When no connection to the database comes about, one line says why, by the innermost
 * cause, and what to do.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class UnreachableDatabaseIT extends DatabaseFixture {

    private final List<ServerSocket> doors = new ArrayList<>();

    @AfterEach
    void closeDoors() throws IOException {
        for (ServerSocket door : doors) {
            door.close();
        }
    }

    /** What stands behind an open port. */
    private interface Behaviour {

        void meet(Socket client) throws Exception;

    }

    /**
     * Opens a port.
     * @return the address with the port
     */
    private String open(Behaviour behaviour) throws IOException {
        ServerSocket door = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        doors.add(door);
        Thread thread = new Thread(() -> {
            while (!door.isClosed()) {
                try (Socket client = door.accept()) {
                    behaviour.meet(client);
                }
                catch (Exception closed) {
                    // The client or the test ended the connection.
                }
            }
        }, "door");
        thread.setDaemon(true);
        thread.start();
        return "127.0.0.1:" + door.getLocalPort();
    }

    private static void send(Socket client, byte[] bytes) throws IOException {
        client.getOutputStream().write(bytes);
        client.getInputStream().read();
    }

    private void says(String url, String... words) {
        CapturedRun said = runAt(url).ended(ExitCode.DATABASE).saying(words).inOneLine();
        assertThat(said.text()).startsWith("wx-token: ").doesNotContain("hunter2");
    }

    private void cannotReach(String address, String properties, String... words) {
        says("jdbc:mysql://u:hunter2@" + address + "/wx?password=hunter2" + properties, words);
        says("jdbc:mysql://u:hunter2@" + address + "/wx?password=hunter2" + properties,
                "wx-token: can't reach the database at jdbc:mysql://" + address + "/wx: ");
    }

    @Test
    void aClosedPort() throws IOException {
        int closed;
        try (ServerSocket port = new ServerSocket(0)) {
            closed = port.getLocalPort();
        }
        cannotReach("127.0.0.1:" + closed, "", "nothing listens on that port (Connection refused): start the server");
        says("jdbc:mysql://127.0.0.1:" + closed + ",no-such-host.invalid/wx",
                "no server of spring.datasource.url takes writes (127.0.0.1:" + closed
                        + " can't be reached (nothing listens on that port (Connection refused): start the server",
                "no-such-host.invalid:3306 can't be reached (the host is unknown");
    }

    @Test
    void anUnknownHost() {
        says("jdbc:mysql://u:hunter2@no-such-host.invalid/wx",
                "can't reach the database at jdbc:mysql://no-such-host.invalid:3306/wx: the host is unknown",
                "correct it in spring.datasource.url, or check this machine's DNS");
    }

    /** As a firewall does that drops packets. */
    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "needs a queue of connections that fills up")
    void aHostThatDoesNotAnswerAConnection() throws IOException {
        try (ServerSocket full = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            List<SocketChannel> queue = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                SocketChannel channel = SocketChannel.open();
                channel.configureBlocking(false);
                channel.connect(full.getLocalSocketAddress());
                queue.add(channel);
            }
            cannotReach("127.0.0.1:" + full.getLocalPort(), "&connectTimeout=500",
                    "no answer within connectTimeout (Connect timed out)", "firewall");
            for (SocketChannel channel : queue) {
                channel.close();
            }
        }
    }

    @Test
    void aPortThatIsNoMySqlServers() throws IOException {
        HttpServer http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        http.start();
        cannotReach("127.0.0.1:" + http.getAddress().getPort(), "&socketTimeout=500",
                "no answer within socketTimeout (Read timed out): the server hangs",
                "or no MySQL server listens on that port");
        http.stop(0);
        cannotReach(open(client -> send(client, "SSH-2.0-OpenSSH_9.2p1\r\n".getBytes(StandardCharsets.US_ASCII))), "",
                "what answers there is no MySQL server: correct the host and the port in spring.datasource.url");
        // what MySQL's X protocol, on port 33060, begins with
        cannotReach(open(client -> send(client, HexFormat.of().parseHex("050000000b08051a00"))), "",
                "no MySQL server, or another port of one, answers there (Unsupported protocol version: 11.",
                "X Protocol port");
    }

    @Test
    void aConnectionThatTheOtherEndCloses() throws IOException {
        cannotReach(open(client -> {
        }), "", "the other end closed the connection (", "check whether the server was stopped");
        cannotReach(open(client -> client.setSoLinger(true, 0)), "", "the connection was cut (Connection reset");
    }

    @ParameterizedTest
    @CsvSource({ "1040, Too many connections, has no connection left: raise max_connections there",
            "1203, User u already has more than 'max_user_connections' active connections,"
                    + " allows this user no more connections: raise max_user_connections",
            "1129, Host '10.0.0.1' is blocked because of many connection errors,"
                    + " blocks this machine after too many broken connections: run FLUSH HOSTS there",
            "1130, Host '10.0.0.1' is not allowed to connect to this MySQL server,"
                    + " has no user for this machine: create the user for this machine's address" })
    void aServerThatLetsNobodyIn(int code, String message, String says) throws IOException {
        String address = open(client -> {
            byte[] text = message.getBytes(StandardCharsets.US_ASCII);
            client.getOutputStream()
                .write(new byte[] { (byte) (text.length + 3), 0, 0, 0, (byte) 0xff, (byte) code, (byte) (code >> 8) });
            client.getOutputStream().write(text);
        });
        says("jdbc:mysql://u:hunter2@" + address + "/wx", "the database at jdbc:mysql://" + address + "/wx " + says,
                " (" + message + ")");
    }

    @Test
    void aUserOrADatabaseThatIsNotThere() {
        String server = database.url().replaceAll("(jdbc:mysql://[^/]+).*", "$1");
        says(server + "/wx?user=nobody&password=hunter2",
                "the database at " + server + "/wx refuses: check spring.datasource.username, .password",
                "Access denied for user 'nobody'");
        says(server + "/no_such_database?user=root",
                "/no_such_database does not exist: create it, or correct spring.datasource.url");
    }

    @Test
    void aPasswordThatTheServerDoesNotTakeInClear() {
        assumeThat(database.isMySql()).isTrue();
        String user = database.schema() + "_sha";
        execute("CREATE USER " + user + " IDENTIFIED BY 'hunter2'");
        try {
            says(database.url(user, "hunter2") + "&sslMode=DISABLED", "can't reach the database at jdbc:mysql://",
                    "the server takes this user's password over TLS, or encrypted with its public key",
                    "set sslMode=REQUIRED or a stricter one, or add allowPublicKeyRetrieval=true");
        }
        finally {
            execute("DROP USER " + user);
        }
    }

    // ---- TLS

    private static final String TRUST = "add its authority to a trust store, and name that in spring.datasource.url"
            + " (docs/install.md: TLS to the database); for the certificate that MySQL makes for itself, which names"
            + " no host, set sslMode=VERIFY_CA, too";

    @Test
    void aCertificateThatIsNotTrusted() {
        for (String sslMode : List.of("VERIFY_IDENTITY", "VERIFY_CA")) {
            says(database.url() + "&sslMode=" + sslMode, "can't reach the database at jdbc:mysql://127.0.0.1:",
                    ": TLS failed, as the server's certificate is not trusted (", TRUST);
        }
    }

    @Test
    void aCertificateForAnotherName() {
        assumeThat(database.isMariaDb()).as("its certificate is an authority's that a store has").isTrue();
        says(database.url() + "&sslMode=VERIFY_IDENTITY" + MariaDb.trustedByUrl(),
                "TLS failed, as the server's certificate is for another name (Server identity verification failed.",
                "'127.0.0.1'", "write the host in spring.datasource.url as the certificate does; if it names no host,"
                        + " as the one that MySQL makes for itself, set sslMode=VERIFY_CA");
    }

    @Test
    void aTrustStoreThatCanNotBeRead() {
        says(database.url() + "&sslMode=VERIFY_CA&trustCertificateKeyStoreUrl=file:/no-such-store.p12",
                "TLS can't be set up (Cannot open file:/no-such-store.p12", "check the trust store's file");
        assumeThat(database.isMariaDb()).isTrue();
        says(database.url() + "&sslMode=VERIFY_CA"
                + MariaDb.trustedByUrl().replaceAll("Password=.*", "Password=hunter2"), "TLS can't be set up (",
                "keystore password was incorrect");
    }

    @Test
    void aCertificateThatIsNoLongerOrNotYetValid() throws Exception {
        Certificates certificates = new Certificates(folder);
        certificates.keytool("expired", "-signer", "authority", "-startdate", "-10d", "-validity", "5");
        certificates.keytool("early", "-signer", "authority", "-startdate", "+10d");
        String trusting = "&sslMode=VERIFY_CA&trustCertificateKeyStoreUrl=file:" + certificates.trusted()
                + "&trustCertificateKeyStorePassword=" + new String(Certificates.PASSWORD);
        cannotReach(open(client -> handshake(client, certificates, "expired")), trusting,
                "the server's certificate has expired (NotAfter: ", "renew it, or correct this machine's clock");
        cannotReach(open(client -> handshake(client, certificates, "early")), trusting,
                "the server's certificate is not valid yet (NotBefore: ", "correct this machine's clock");
    }

    @Test
    void aServerWithoutTlsOrWithAnOldOne() throws Exception {
        cannotReach(open(client -> {
            byte[] greeting = greeting();
            int capabilities = 5;
            while (greeting[capabilities++] != 0) {
                // The server's version ends with a zero.
            }
            greeting[capabilities + 14] &= ~0x08; // CLIENT_SSL
            send(client, greeting);
        }), "&sslMode=REQUIRED", "the server has no TLS, and sslMode requires it", "sslMode=DISABLED");
        cannotReach(open(client -> {
            greet(client);
            // the alert protocol_version, of TLS 1.0
            send(client, HexFormat.of().parseHex("15030100020246"));
        }), "&sslMode=REQUIRED", "TLS failed (Received fatal alert: protocol_version): Java refuses a server that has"
                + " no TLS newer than 1.1", "sslMode=DISABLED");
    }

    /** What this server begins each connection with. */
    private byte[] greeting() throws IOException {
        String[] address = database.url().replaceAll("jdbc:mysql://([^/]+).*", "$1").split(":");
        try (Socket real = new Socket(address[0], Integer.parseInt(address[1]))) {
            DataInputStream in = new DataInputStream(real.getInputStream());
            byte[] header = in.readNBytes(4);
            byte[] packet = in.readNBytes((header[0] & 0xff) | (header[1] & 0xff) << 8);
            byte[] greeting = new byte[4 + packet.length];
            System.arraycopy(header, 0, greeting, 0, 4);
            System.arraycopy(packet, 0, greeting, 4, packet.length);
            return greeting;
        }
    }

    /** Greets a client as this server does, until the client begins with TLS. */
    private void greet(Socket client) throws IOException {
        client.getOutputStream().write(greeting());
        client.getInputStream().readNBytes(36);
    }

    private void handshake(Socket client, Certificates certificates, String alias) throws Exception {
        greet(client);
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(certificates.key(alias), Certificates.PASSWORD);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(managers.getKeyManagers(), null, null);
        SSLSocket secured = (SSLSocket) tls.getSocketFactory().createSocket(client, null, client.getLocalPort(), false);
        secured.setUseClientMode(false);
        secured.startHandshake();
        secured.getInputStream().read();
    }

}
