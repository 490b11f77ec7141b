package io.wxtoken.standin;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

import org.junit.jupiter.api.Test;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The stand-in is what wechat-api.md says of WeChat; its life here is 2 s, its grace 1 s. */
class StandInTest {

    private final StandIn weChat = StandIn.start(0, Duration.ofSeconds(2), Duration.ofSeconds(1));

    private JsonNode token() throws IOException {
        return read(open("/cgi-bin/token?grant_type=client_credential&appid=" + StandIn.APP_ID + "&secret=" + StandIn.SECRET));
    }

    private JsonNode stableToken(boolean force) throws IOException {
        HttpURLConnection connection = open("/cgi-bin/stable_token");
        connection.setDoOutput(true);
        connection.getOutputStream()
            .write(("{\"grant_type\":\"client_credential\",\"appid\":\"" + StandIn.APP_ID + "\",\"secret\":\"" + StandIn.SECRET
                    + "\",\"force_refresh\":" + force + "}").getBytes(StandardCharsets.UTF_8));
        return read(connection);
    }

    private HttpURLConnection open(String path) throws IOException {
        return (HttpURLConnection) URI.create(weChat.baseUrl() + path).toURL().openConnection();
    }

    private static JsonNode read(HttpURLConnection connection) throws IOException {
        assertThat(connection.getResponseCode()).isEqualTo(200);
        assertThat(connection.getContentType()).isEqualTo("text/plain");
        return new JsonMapper().readTree(connection.getInputStream());
    }

    private static String value(JsonNode answer) {
        return answer.path("access_token").stringValue();
    }

    @Test
    void aNewTokenKillsTheOneBeforeItAfterTheGrace() throws Exception {
        String first = value(token());
        String second = value(token());
        assertThat(weChat.alive(first)).isTrue();
        Thread.sleep(1100);
        assertThat(weChat.alive(first)).isFalse();
        assertThat(weChat.alive(second)).isTrue();
        Thread.sleep(1000);
        assertThat(weChat.alive(second)).isFalse();
        assertThat(weChat.issued()).containsExactly(first, second);
    }

    @Test
    void theStableEndpointAnswersWithWhatRemainsAndRotatesNearTheEnd() throws Exception {
        JsonNode first = stableToken(false);
        assertThat(first.path("expires_in").intValue()).isEqualTo(2);
        assertThat(value(stableToken(false))).isEqualTo(value(first));
        Thread.sleep(1100);
        assertThat(value(stableToken(false))).isNotEqualTo(value(first));
        assertThat(weChat.alive(value(first))).isTrue();
        Thread.sleep(1100);
        assertThat(weChat.alive(value(first))).isFalse();
    }

    @Test
    void theTwoEndpointsAreIsolated() throws Exception {
        String stable = value(stableToken(false));
        token();
        token();
        Thread.sleep(900);
        assertThat(value(stableToken(false))).isEqualTo(stable);
        assertThat(weChat.alive(stable)).isTrue();
    }

    @Test
    void aForcedRefreshKillsTheStableTokenAtOnce() throws Exception {
        String first = value(stableToken(false));
        Thread.sleep(50);
        String second = value(stableToken(true));
        assertThat(second).isNotEqualTo(first);
        assertThat(weChat.alive(first)).isFalse();
    }

    @Test
    void wrongCallsGetWeChatsCodes() throws Exception {
        assertThat(read(open("/cgi-bin/token?appid=x")).path("errcode").intValue()).isEqualTo(40002);
        assertThat(read(open("/cgi-bin/token?grant_type=client_credential")).path("errcode").intValue()).isEqualTo(41002);
        assertThat(read(open("/cgi-bin/token?grant_type=client_credential&appid=x")).path("errcode").intValue()).isEqualTo(41004);
        assertThat(read(open("/cgi-bin/stable_token")).path("errcode").intValue()).isEqualTo(43002);
    }

    @Test
    void aForeignRefresherKillsTheTokenToo() throws Exception {
        String ours = value(token());
        String theirs = weChat.issueElsewhere();
        Thread.sleep(1100);
        assertThat(weChat.alive(ours)).isFalse();
        assertThat(weChat.alive(theirs)).isTrue();
    }
}
