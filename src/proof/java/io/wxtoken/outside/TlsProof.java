package io.wxtoken.outside;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.Certificates;
import io.wxtoken.fixtures.Memcached;
import io.wxtoken.fixtures.Program.Ended;
import io.wxtoken.fixtures.Program;
import io.wxtoken.fixtures.Redis;

/**
 * The secret goes only to a host that proves, by a certificate of a trusted authority,
 * that it is the one meant.
 */
class TlsProof {

    private static final String SECRET = "s3cret-0123456789";

    @TempDir
    Path folder;

    private Certificates certificates;

    private final AtomicInteger requests = new AtomicInteger();

    /** An authority, certificates of it, and one of nobody's. */
    @BeforeEach
    void makeCertificates() {
        certificates = new Certificates(folder);
        certificates.keytool("good", "-signer", "authority", "-ext", "san=dns:localhost");
        certificates.keytool("expired", "-signer", "authority", "-ext", "san=dns:localhost", "-startdate", "-10d",
                "-validity", "5");
        certificates.keytool("other-host", "-signer", "authority", "-ext", "san=dns:api.weixin.qq.com");
        certificates.keytool("self-signed", "-ext", "san=dns:localhost");
    }

    private HttpsServer server(String alias) throws Exception {
        HttpsServer server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(certificates.tls(alias)));
        server.createContext("/", exchange -> {
            byte[] token = ("{\"access_token\":\"token-" + requests.incrementAndGet() + "\",\"expires_in\":7200}")
                .getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, token.length);
            exchange.getResponseBody().write(token);
            exchange.close();
        });
        server.start();
        return server;
    }

    private Ended runAgainst(String certificate, boolean trustingTheAuthority) throws Exception {
        HttpsServer server = server(certificate);
        try {
            Program program = program(server);
            return (trustingTheAuthority ? trustingTheAuthority(program) : program).run();
        }
        finally {
            server.stop(0);
        }
    }

    private Program program(HttpsServer weChat) {
        return new Program(folder).with("WX_APPID", "wx1")
            .with("WX_APPSECRET", SECRET)
            .with("WX_TICKETS", "")
            .with("WX_API_BASEURL", "https://localhost:" + weChat.getAddress().getPort())
            .with("SPRING_DATASOURCE_URL", "jdbc:h2:file:."
                    + "/tls;MODE=MySQL;DATABASE_TO_LOWER=TRUE;CASE_INSENSITIVE_IDENTIFIERS=TRUE;NON_KEYWORDS=VALUE")
            .argument("--force");
    }

    private Program trustingTheAuthority(Program program) {
        return program.jvm("-Djavax.net.ssl.trustStore=" + certificates.trusted())
            .jvm("-Djavax.net.ssl.trustStorePassword=" + new String(Certificates.PASSWORD));
    }

    @Test
    void aHostWithoutATrustedCertificateIsSentNothingAndTheTokenStays() throws Exception {
        Ended first = runAgainst("good", true);
        assertThat(first.exitCode()).as(first.text()).isZero();
        assertThat(value()).isEqualTo("token-1");

        assertRefused(runAgainst("good", false));
        assertRefused(runAgainst("self-signed", true));
        assertRefused(runAgainst("expired", true));
        assertRefused(runAgainst("other-host", true));

        Ended again = runAgainst("good", true);
        assertThat(again.exitCode()).as(again.text()).isZero();
        assertThat(value()).isEqualTo("token-2");
    }

    private void assertRefused(Ended ended) throws Exception {
        assertThat(ended.exitCode()).as(ended.text()).isEqualTo(ExitCode.RETRY.code());
        assertThat(ended.text())
            .contains("ERROR wx1 access_token failed: ", "(TLS to https://localhost:", "check wx.api.base-url")
            .doesNotContain("Exception")
            .doesNotContain("\tat ")
            .doesNotContain(SECRET)
            .doesNotContain("token-1");
        assertThat(ended.text().lines().filter(line -> line.contains("ERROR"))).hasSize(1);
        assertThat(requests).hasValue(1);
        assertThat(value()).isEqualTo("token-1");
    }

    @Test
    void aRedisWithoutATrustedCertificateIsSentNothing() throws Exception {
        HttpsServer weChat = server("good");
        try {
            for (String alias : List.of("self-signed", "expired", "other-host", "good")) {
                certificates.writePem(alias);
                int port = Memcached.freePort();
                try (Redis redis = Redis.start("--tls-port", String.valueOf(port), "--tls-auth-clients", "no",
                        "--tls-cert-file", folder.resolve(alias + "-cert.pem").toString(), "--tls-key-file",
                        folder.resolve(alias + "-key.pem").toString())) {
                    Ended ended = trustingTheAuthority(program(weChat))
                        .with("WX_MIRROR_REDIS_URL", "rediss://localhost:" + port)
                        .run();
                    if (alias.equals("good")) {
                        assertThat(ended.exitCode()).as(ended.text()).isZero();
                        assertThat(redis.value("wx-token:wx1:access_token")).isEqualTo(value());
                    }
                    else {
                        assertThat(ended.exitCode()).as(ended.text()).isEqualTo(ExitCode.RETRY.code());
                        assertThat(ended.text())
                            .contains("Redis at localhost:" + port + " can't be written: TLS fails: its certificate is")
                            .doesNotContain("Exception");
                        assertThat(redis.keys()).isEmpty();
                    }
                }
            }
        }
        finally {
            weChat.stop(0);
        }
    }

    @Test
    void aRedisThatNeverAnswersTheHandshakeDelaysTheRunBriefly() throws Exception {
        HttpsServer weChat = server("good");
        try (ServerSocket hanging = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Ended ended = trustingTheAuthority(program(weChat))
                .with("WX_MIRROR_REDIS_URL", "rediss://localhost:" + hanging.getLocalPort())
                .run();
            assertThat(ended.exitCode()).as(ended.text()).isEqualTo(ExitCode.RETRY.code());
            assertThat(ended.text()).contains("no answer within 3 s");
            assertThat(value()).isEqualTo("token-1");
        }
        finally {
            weChat.stop(0);
        }
    }

    private String value() throws Exception {
        try (var connection = DriverManager.getConnection(
                "jdbc:h2:file:" + folder.resolve("tls") + ";MODE=MySQL;DATABASE_TO_LOWER=TRUE;NON_KEYWORDS=VALUE");
                var value = connection.createStatement()
                    .executeQuery("SELECT `value` FROM wx_token WHERE type = 'access_token'")) {
            value.next();
            return value.getString(1);
        }
    }

}
