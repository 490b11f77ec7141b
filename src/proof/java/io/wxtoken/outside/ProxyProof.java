package io.wxtoken.outside;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.Certificates;
import io.wxtoken.fixtures.ConnectProxy;
import io.wxtoken.fixtures.Memcached;
import io.wxtoken.fixtures.Program.Ended;
import io.wxtoken.fixtures.Program;
import io.wxtoken.fixtures.TinyProxy;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/**
 * The program reaches a WeChat with TLS through proxies. (What a proxy may do instead is
 * in ProxyTest.) A stand-in that is sent a proxy's password answers with status 400.
 */
class ProxyProof {

    private static final String PASSWORD = "p@ss:w0rd/%";

    private static final String ENCODED = "p%40ss:w0rd%2F%25";

    private static final String CREDENTIALS = Base64.getEncoder()
        .encodeToString(("me:" + PASSWORD).getBytes(StandardCharsets.UTF_8));

    @TempDir
    Path folder;

    private StandIn weChat;

    private Program program;

    @BeforeEach
    void startWeChat() {
        Certificates certificates = new Certificates(folder);
        certificates.keytool("wechat", "-signer", "authority", "-ext", "san=dns:localhost");
        weChat = StandIn.start(certificates.tls("wechat"));
        program = Program.against(weChat, folder)
            .with("SPRING_DATASOURCE_URL",
                    "jdbc:h2:file:./proxy;MODE=MySQL;DATABASE_TO_LOWER=TRUE;CASE_INSENSITIVE_IDENTIFIERS=TRUE;"
                            + "NON_KEYWORDS=VALUE")
            .argument("--force")
            .jvm("-Djavax.net.ssl.trustStore=" + certificates.trusted())
            .jvm("-Djavax.net.ssl.trustStorePassword=" + new String(Certificates.PASSWORD));
    }

    @AfterEach
    void stopWeChat() {
        weChat.close();
    }

    /** The program ends so, says this, and no secret. */
    private Ended ends(ExitCode exitCode, String... says) {
        Ended ended = program.run();
        assertThat(ended.text()).contains(says)
            .doesNotContain(PASSWORD)
            .doesNotContain(ENCODED)
            .doesNotContain(CREDENTIALS)
            .doesNotContain(StandIn.SECRET)
            .doesNotContain("\tat ")
            .doesNotContain("Exception");
        weChat.issued().forEach(token -> assertThat(ended.text()).doesNotContain(token));
        assertThat(ended.exitCode()).as(ended.text()).isEqualTo(exitCode.code());
        return ended;
    }

    @Test
    void weChatIsReachedThroughAProxyThatWantsAPasswordFromASecret() throws Exception {
        try (ConnectProxy proxy = new ConnectProxy("Basic " + CREDENTIALS)) {
            Files.createDirectories(folder.resolve("config"));
            Files.writeString(folder.resolve("config/application.yml"),
                    "wx:\n  api:\n    proxy: http://me:${proxy.password}@127.0.0.1:" + proxy.port() + "\n");
            Files.createDirectories(folder.resolve("secrets"));
            Files.writeString(folder.resolve("secrets/proxy.password"), ENCODED + "\n");
            program.jvm("-Djdk.httpclient.HttpClient.log=all").argument("--logging.level.jdk=trace");
            ends(ExitCode.OK, "2 rows: 2 refreshed");
            assertThat(proxy.heads()).isNotEmpty()
                .allSatisfy(head -> assertThat(head)
                    .startsWith("CONNECT " + weChat.baseUrl().substring("https://".length()))
                    .doesNotContain("cgi-bin"));
            assertThat(weChat.requests()).isEqualTo(2);

            Files.writeString(folder.resolve("secrets/proxy.password"), "wr%6fng");
            int asked = proxy.heads().size();
            Ended wrong = ends(ExitCode.ACT, "access_token failed: ", "(the proxy 127.0.0.1:" + proxy.port()
                    + " (wx.api.proxy) wants another user or password (HTTP status 407): correct them");
            assertThat(wrong.text()).doesNotContain("wrong");
            assertThat(wrong.text().lines().filter(line -> line.contains("407"))).hasSize(1);
            assertThat(proxy.heads()).hasSize(asked + 1);
            assertThat(weChat.requests()).isEqualTo(2);

            Files.delete(folder.resolve("secrets/proxy.password"));
            ends(ExitCode.ACT, "wx.api.proxy names a placeholder that nothing fills");
        }
    }

    @Test
    void theEnvironmentsProxyIsTakenUnlessItIsExemptOrASettingIsThere() {
        try (ConnectProxy proxy = new ConnectProxy(null); ConnectProxy other = new ConnectProxy(null)) {
            program.with("HTTPS_PROXY", "http://me:" + ENCODED + "@127.0.0.1:" + proxy.port() + "/");
            ends(ExitCode.OK, "refreshed");
            int asked = proxy.heads().size();
            assertThat(asked).isPositive();
            assertThat(proxy.heads().get(0)).contains("Proxy-Authorization: Basic " + CREDENTIALS + "\r\n");

            program.with("NO_PROXY", "127.0.0.1,localhost");
            ends(ExitCode.OK, "refreshed");
            assertThat(proxy.heads()).hasSize(asked);

            program.with("WX_API_PROXY", "http://127.0.0.1:" + other.port());
            ends(ExitCode.OK, "refreshed");
            assertThat(proxy.heads()).hasSize(asked);
            assertThat(other.heads()).isNotEmpty().noneMatch(head -> head.contains("Proxy-Authorization"));
        }
    }

    @Test
    void anEnvironmentThatNamesNoHttpProxyEndsTheRunUnlessItIsNotNeeded() {
        program.with("HTTPS_PROXY", "socks5://me:" + ENCODED + "@127.0.0.1:1080");
        assertThat(ends(ExitCode.ACT, "wx-token: HTTPS_PROXY is no HTTP proxy: write it like"
                + " http://user:password@proxy.example.com:3128, with special characters in the user and the password"
                + " percent-encoded (its value is not shown, because it may hold the password); or set wx.api.proxy,"
                + " which is used instead")
            .text()
            .lines()).hasSize(1);
        assertThat(weChat.requests()).isZero();
        program.with("no_proxy", "localhost");
        ends(ExitCode.OK, "refreshed");
    }

    @Test
    void aProxyThatIsDownIsNamedWithTheVariable() {
        int port = Memcached.freePort();
        program.with("https_proxy", "127.0.0.1:" + port);
        ends(ExitCode.RETRY, "can't connect to the proxy 127.0.0.1:" + port
                + " (https_proxy): check the network and https_proxy; the next run tries again");
    }

    @Test
    void aCertificateOfTheProxysOwnIsSaidToBeMissingFromTheTrustStore() {
        try (ConnectProxy proxy = new ConnectProxy(null)) {
            program = Program.against(weChat, folder)
                .with("SPRING_DATASOURCE_URL",
                        "jdbc:h2:file:./proxy;MODE=MySQL;DATABASE_TO_LOWER=TRUE;"
                                + "CASE_INSENSITIVE_IDENTIFIERS=TRUE;NON_KEYWORDS=VALUE")
                .with("WX_API_PROXY", "http://127.0.0.1:" + proxy.port());
            ends(ExitCode.RETRY, "TLS to " + weChat.baseUrl() + " through the proxy 127.0.0.1:" + proxy.port()
                    + " (wx.api.proxy) failed, perhaps because the proxy shows a certificate of its own, which is not"
                    + " trusted: add its authority by JAVA_OPTS=-Djavax.net.ssl.trustStore=");
            assertThat(weChat.requests()).isZero();
        }
    }

    @Test
    void aStatusThatTheProxyHasTooIsWeChatsWhenItComesThroughTls() {
        try (ConnectProxy proxy = new ConnectProxy(null)) {
            program.with("WX_API_PROXY", "http://127.0.0.1:" + proxy.port());
            weChat.always(new Fault.Status(407));
            ends(ExitCode.RETRY, "HTTP status 407 from " + weChat.baseUrl() + " through the proxy");
            assertThat(weChat.requests()).as("answered, so it may be repeated").isEqualTo(3);
        }
    }

    @Test
    void theNextHostIsTakenAndItsNameIsGivenWhenItFails() {
        String dead = "https://localhost:" + Memcached.freePort();
        program.with("WX_API_BASEURL", dead + ", " + weChat.baseUrl());
        ends(ExitCode.OK, "2 rows: 2 refreshed");
        assertThat(weChat.requests()).isEqualTo(2);
        weChat.always(new Fault.Status(502));
        ends(ExitCode.RETRY, "HTTP status 502 from " + weChat.baseUrl() + "; before that: can't connect to " + dead
                + ": check the network and wx.api.base-url");
        assertThat(weChat.tokenCalls()).isEqualTo(2);
    }

    @Test
    void tinyproxyWithAndWithoutAPassword() throws Exception {
        try (TinyProxy proxy = new TinyProxy(folder)) {
            program.with("WX_API_PROXY", "http://127.0.0.1:" + proxy.port());
            ends(ExitCode.OK, "2 rows: 2 refreshed");
            assertThat(proxy.log()).contains("CONNECT localhost:");
        }
        int calls = weChat.requests();
        try (TinyProxy proxy = new TinyProxy(folder, "BasicAuth me s3cret", "ConnectPort 443")) {
            program.with("WX_API_PROXY", "http://127.0.0.1:" + proxy.port());
            ends(ExitCode.ACT, "(wx.api.proxy) wants a user and a password (HTTP status 407): write"
                    + " http://user:password@127.0.0.1:" + proxy.port());
            program.with("WX_API_PROXY", "http://me:other@127.0.0.1:" + proxy.port());
            ends(ExitCode.ACT, "(wx.api.proxy) wants another user or password");
            program.with("WX_API_PROXY", "http://me:s3cret@127.0.0.1:" + proxy.port());
            ends(ExitCode.ACT, "(wx.api.proxy) answered HTTP status 403 to CONNECT for " + weChat.baseUrl()
                    + ": make it allow that host and port");
        }
        assertThat(weChat.requests()).isEqualTo(calls);
        try (TinyProxy proxy = new TinyProxy(folder, "BasicAuth me s3cret")) {
            program.with("WX_API_PROXY", "http://me:s3cret@127.0.0.1:" + proxy.port());
            ends(ExitCode.OK, "access_token refreshed");
            weChat.close();
            ends(ExitCode.RETRY, "(wx.api.proxy) answered HTTP status 500 to CONNECT for " + weChat.baseUrl()
                    + ": it can't reach that host, see its log");
        }
    }

}
