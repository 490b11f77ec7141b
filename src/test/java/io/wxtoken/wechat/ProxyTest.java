package io.wxtoken.wechat;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.RawServer;
import io.wxtoken.wechat.Answer.Reach;

/**
 * What a proxy may do instead of a connection to WeChat. (ProxyProof tries connections.)
 * The texts of the JDK's exceptions decide some of it, so this runs on each JDK.
 */
class ProxyTest {

    private static final String WECHAT = "https://no-such-host.invalid";

    private static final String PASSWORD = "s3cret-0123456789";

    private final Account account = new Account("wx1", "secret-of-wx1", Endpoint.TOKEN, List.of(), true);

    private final RawServer proxy = new RawServer();

    @AfterEach
    void stop() {
        proxy.close();
    }

    private Answer.Unknown fetch(String host, String user) {
        return fetch(host, user, Duration.ofMinutes(1));
    }

    private Answer.Unknown fetch(String host, String user, Duration readTimeout) {
        HttpProxy through = new HttpProxy(host, proxy.port(), user, PASSWORD, "wx.api.proxy");
        WeChatClient client = new WeChatClient(
                new ConnectionSettings(List.of(new Route(WECHAT, through)), null, Duration.ofSeconds(2), readTimeout));
        Answer.Unknown answer = (Answer.Unknown) client.fetchToken(account, false);
        assertThat(answer.text()).doesNotContain(PASSWORD).doesNotContain(account.appSecret());
        assertThat(answer.toString()).doesNotContain(PASSWORD);
        return answer;
    }

    private void answer(String answer) {
        proxy.reply(out -> {
            out.write(RawServer.bytes(answer));
            return !answer.contains("Connection: close");
        });
    }

    private String named() {
        return "the proxy 127.0.0.1:" + proxy.port() + " (wx.api.proxy) ";
    }

    @Test
    void aWrongPasswordIsSentOnceAndIsAPersonsToMend() {
        for (String head : new String[] { "407 No\r\nProxy-Authenticate: Basic realm=\"x\"", "407 No",
                "401 No\r\nWWW-Authenticate: Basic realm=\"x\"" }) {
            answer("HTTP/1.1 " + head + "\r\nContent-Length: 2\r\n\r\nno");
            int asked = proxy.requests();
            assertThat(fetch("127.0.0.1", "me:%")).isEqualTo(new Answer.Unknown(
                    named() + "wants another user or password (HTTP status " + head.substring(0, 3) + "): correct them",
                    Reach.NOT_SENT, ExitCode.ACT));
            assertThat(proxy.requests() - asked).isEqualTo(1);
            assertThat(proxy.heads().get(asked)).startsWith("CONNECT no-such-host.invalid:443 HTTP/1.1\r\n")
                .contains("Proxy-Authorization: Basic bWU6JTpzM2NyZXQtMDEyMzQ1Njc4OQ==\r\n")
                .doesNotContain("/cgi-bin");
        }
    }

    @Test
    void aMissingPasswordIsAPersonsToMend() {
        answer("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
                + "Connection: close\r\n\r\n");
        assertThat(fetch("127.0.0.1", null)).isEqualTo(new Answer.Unknown(named()
                + "wants a user and a password (HTTP status 407): write http://user:password@127.0.0.1:" + proxy.port(),
                Reach.NOT_SENT, ExitCode.ACT));
        assertThat(proxy.heads()).hasSize(1).noneMatch(head -> head.contains("Proxy-Authorization"));
    }

    @ParameterizedTest
    @CsvSource(quoteCharacter = '"',
            value = { "302, ACT, make it allow", "403, ACT, make it allow", "405, ACT, make it allow",
                    "500, RETRY, it can't reach", "502, RETRY, it can't reach", "503, RETRY, it can't reach",
                    "504, RETRY, it can't reach" })
    void aRefusedConnectIsARequestThatWasNotSent(int status, ExitCode exitCode, String says) {
        answer("HTTP/1.1 " + status + " Odd\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
        Answer.Unknown refused = fetch("127.0.0.1", "me");
        assertThat(refused.text())
            .startsWith(named() + "answered HTTP status " + status + " to CONNECT for " + WECHAT + ": " + says);
        assertThat(refused.reach()).isEqualTo(Reach.NOT_SENT);
        assertThat(refused.exitCode()).isEqualTo(exitCode);
        assertThat(proxy.requests()).isEqualTo(1);
    }

    @Test
    void aProxyThatIsNotThereIsNamed() {
        proxy.close();
        assertThat(fetch("127.0.0.1", "me")).isEqualTo(new Answer.Unknown(
                "can't connect to " + named().strip() + ": check the network and wx.api.proxy", Reach.NOT_SENT));
        assertThat(fetch("no-such-proxy.invalid", "me"))
            .isEqualTo(new Answer.Unknown("can't resolve the host of the proxy no-such-proxy.invalid:" + proxy.port()
                    + " (wx.api.proxy): check DNS and wx.api.proxy", Reach.NOT_SENT));
    }

    @Test
    void noTlsBehindTheProxyIsARequestThatWasNotSent() {
        answer("HTTP/1.1 200 Connected\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}");
        Answer.Unknown noTls = fetch("127.0.0.1", "me", Duration.ofMillis(500));
        assertThat(noTls.reach()).isNotEqualTo(Reach.ANSWERED);
        assertThat(noTls.text()).contains(WECHAT + " through " + named().strip());
    }

    @Test
    void aProxyThatIsSilentOrHangsUpIsOfUnknownEffectAndAskedOnce() {
        proxy.reply(out -> true);
        assertThat(fetch("127.0.0.1", "me", Duration.ofMillis(500))).isEqualTo(new Answer.Unknown(
                "no answer from " + WECHAT + " through " + named().strip() + " within 2500 ms", Reach.IN_FLIGHT));
        proxy.reply(out -> false);
        assertThat(fetch("127.0.0.1", "me")).isEqualTo(new Answer.Unknown(
                "the connection to " + WECHAT + " through " + named().strip() + " broke before the whole answer came",
                Reach.IN_FLIGHT));
        assertThat(proxy.requests()).isEqualTo(2);
    }

}
