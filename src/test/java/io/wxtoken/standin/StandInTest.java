package io.wxtoken.standin;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The stand-in does what WeChat documents. A token lives for 2 s here, and the grace is 1
 * s.
 */
class StandInTest {

    private final StandIn weChat = StandIn.start();

    @AfterEach
    void stop() {
        weChat.close();
    }

    /** Lets the time pass after which a token dies whose successor was issued. */
    private void passGrace() {
        weChat.pass(Duration.ofMinutes(5));
    }

    /** Lets the time pass after which a value has four minutes left. */
    private void passNearlyALife() {
        weChat.pass(Duration.ofMinutes(116));
    }

    private JsonNode token() throws IOException {
        return read(open(
                "/cgi-bin/token?grant_type=client_credential&appid=" + StandIn.APP_ID + "&secret=" + StandIn.SECRET));
    }

    private JsonNode stableToken(boolean force) throws IOException {
        HttpURLConnection connection = open("/cgi-bin/stable_token");
        connection.setDoOutput(true);
        connection.getOutputStream()
            .write(("{\"grant_type\":\"client_credential\",\"appid\":\"" + StandIn.APP_ID + "\",\"secret\":\""
                    + StandIn.SECRET + "\",\"force_refresh\":" + force + "}")
                .getBytes(StandardCharsets.UTF_8));
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
        passGrace();
        assertThat(weChat.alive(first)).isFalse();
        assertThat(weChat.alive(second)).isTrue();
        weChat.pass(Duration.ofMinutes(115));
        assertThat(weChat.alive(second)).isFalse();
        assertThat(weChat.issued()).containsExactly(first, second);
    }

    @Test
    void theStableEndpointAnswersWithWhatRemainsAndRotatesNearTheEnd() throws Exception {
        JsonNode first = stableToken(false);
        assertThat(first.path("expires_in").intValue()).isEqualTo(7200);
        assertThat(value(stableToken(false))).isEqualTo(value(first));
        passNearlyALife();
        assertThat(value(stableToken(false))).isNotEqualTo(value(first));
        assertThat(weChat.alive(value(first))).isTrue();
        passGrace();
        assertThat(weChat.alive(value(first))).isFalse();
    }

    @Test
    void theTwoEndpointsAreIsolated() throws Exception {
        String stable = value(stableToken(false));
        token();
        token();
        assertThat(weChat.millisLeft(stable)).as("no grace ends it").isGreaterThan(Duration.ofHours(1).toMillis());
        assertThat(value(stableToken(false))).isEqualTo(stable);
        assertThat(weChat.alive(stable)).isTrue();
    }

    @Test
    void aForcedRefreshKillsTheStableTokenAtOnce() throws Exception {
        String first = value(stableToken(false));
        weChat.pass(Duration.ofSeconds(30)); // which WeChat wants between forced
                                             // refreshes
        String second = value(stableToken(true));
        assertThat(second).isNotEqualTo(first);
        assertThat(weChat.alive(first)).isFalse();
    }

    @Test
    void wrongCallsGetWeChatsCodes() throws Exception {
        assertThat(read(open("/cgi-bin/token?appid=x")).path("errcode").intValue()).isEqualTo(40002);
        assertThat(read(open("/cgi-bin/token?grant_type=client_credential")).path("errcode").intValue())
            .isEqualTo(41002);
        assertThat(read(open("/cgi-bin/token?grant_type=client_credential&appid=x")).path("errcode").intValue())
            .isEqualTo(41004);
        assertThat(read(open("/cgi-bin/stable_token")).path("errcode").intValue()).isEqualTo(43002);
    }

    @Test
    void aForeignRefresherKillsTheTokenToo() throws Exception {
        String ours = value(token());
        String theirs = weChat.issueElsewhere();
        passGrace();
        assertThat(weChat.alive(ours)).isFalse();
        assertThat(weChat.alive(theirs)).isTrue();
    }

    @Test
    void aTicketIsTheSameAndGetsItsFullExpiresInThroughoutItsLifeAndNeedsALiveToken() throws Exception {
        String token = value(token());
        String path = "/cgi-bin/ticket/getticket?type=jsapi&access_token=";
        String first = read(open(path + token)).path("ticket").stringValue();
        passNearlyALife();
        JsonNode again = read(open(path + token));
        assertThat(again.path("ticket").stringValue()).isEqualTo(first);
        assertThat(again.path("expires_in").intValue()).isEqualTo(7200);
        assertThat(read(open(path + "never-issued")).path("errcode").intValue()).isEqualTo(40001);
        weChat.kill(token);
        assertThat(read(open(path + token)).path("errcode").intValue()).isEqualTo(42001);
        passGrace();
        assertThat(weChat.alive(first)).isFalse();
        assertThat(read(open(path + value(token()))).path("ticket").stringValue()).isNotEqualTo(first);
    }

    @Test
    void aProbeTellsALiveTokenFromADeadOneAndCallsADoomedOneAlive() throws Exception {
        String doomed = value(token());
        token();
        assertThat(read(open("/cgi-bin/get_api_domain_ip?access_token=" + doomed)).path("ip_list").isArray()).isTrue();
        weChat.kill(doomed);
        assertThat(read(open("/cgi-bin/get_api_domain_ip?access_token=" + doomed)).path("errcode").intValue())
            .isEqualTo(42001);
    }

    @Test
    void aDayHasTwoThousandCallsForEachAccountUnlessTheQuotaIsCleared() throws Exception {
        for (int i = 0; i < 3000; i++) {
            if (i == 1000) {
                weChat.newDay();
            }
            assertThat(token().has("access_token")).isTrue();
        }
        assertThat(errcode(token())).isEqualTo(45009);
        HttpURLConnection clear = open("/cgi-bin/clear_quota/v2");
        clear.setDoOutput(true);
        clear.getOutputStream()
            .write(("{\"appid\":\"" + StandIn.APP_ID + "\",\"appsecret\":\"" + StandIn.SECRET + "\"}")
                .getBytes(StandardCharsets.UTF_8));
        assertThat(errcode(read(clear))).isZero();
        assertThat(token().has("access_token")).isTrue();
    }

    @Test
    void aStandInThatIsStartedAgainRemembersWhatItIssued(@TempDir Path folder) throws Exception {
        String token;
        try (StandIn first = StandIn.start(folder.resolve("memory"))) {
            token = first.issueElsewhere();
        }
        try (StandIn second = StandIn.start(folder.resolve("memory"))) {
            assertThat(second.alive(token)).isTrue();
            assertThat(second.lastIssued()).isEqualTo(token);
        }
    }

    @Test
    void weComsTokenAndTicketsAreTheSameUntilTheirEnd() throws Exception {
        weChat.addAgent("ww1", "1000002", "one");
        weChat.addAgent("ww1", "1000003", "two");
        String path = "/cgi-bin/gettoken?corpid=ww1&corpsecret=";
        assertThat(errcode(read(open("/cgi-bin/gettoken?corpid=ww2&corpsecret=one")))).isEqualTo(40013);
        assertThat(errcode(read(open(path + "three")))).isEqualTo(40001);
        String one = value(read(open(path + "one")));
        String two = value(read(open(path + "two")));
        passNearlyALife();
        JsonNode again = read(open(path + "one"));
        assertThat(value(again)).isEqualTo(one).isEqualTo(weChat.lastIssued("ww1:1000002")).isNotEqualTo(two);
        assertThat(again.path("expires_in").intValue()).isEqualTo(7200);
        weChat.kill(one);
        assertThat(errcode(read(open("/cgi-bin/get_jsapi_ticket?access_token=" + one)))).isEqualTo(42001);
        one = value(read(open(path + "one")));
        two = value(read(open(path + "two")));
        String ofCorp = read(open("/cgi-bin/get_jsapi_ticket?access_token=" + one)).path("ticket").stringValue();
        assertThat(read(open("/cgi-bin/get_jsapi_ticket?access_token=" + two)).path("ticket").stringValue())
            .isEqualTo(ofCorp);
        assertThat(read(open("/cgi-bin/ticket/get?type=agent_config&access_token=" + one)).path("ticket").stringValue())
            .isNotEqualTo(ofCorp);
        assertThat(errcode(read(open("/cgi-bin/ticket/getticket?type=jsapi&access_token=" + one)))).isEqualTo(40001);
    }

    private JsonNode post(String path, String... namesAndValues) throws IOException {
        ObjectNode body = new JsonMapper().createObjectNode();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            body.put(namesAndValues[i], namesAndValues[i + 1]);
        }
        HttpURLConnection connection = open(path);
        connection.setDoOutput(true);
        connection.getOutputStream().write(body.toString().getBytes(StandardCharsets.UTF_8));
        return read(connection);
    }

    private JsonNode componentToken(String secret, String ticket) throws IOException {
        return post("/cgi-bin/component/api_component_token", "component_appid", "wxplatform", "component_appsecret",
                secret, "component_verify_ticket", ticket);
    }

    private JsonNode authorizerToken(String componentToken, String refreshToken) throws IOException {
        return post("/cgi-bin/component/api_authorizer_token?component_access_token=" + componentToken,
                "component_appid", "wxplatform", "authorizer_appid", "wxauthorizer", "authorizer_refresh_token",
                refreshToken);
    }

    private static String refreshToken(JsonNode answer) {
        return answer.path("authorizer_refresh_token").stringValue();
    }

    private static int errcode(JsonNode answer) {
        return answer.path("errcode").intValue();
    }

    private String aPlatformsToken() throws IOException {
        weChat.addComponent("wxplatform", "platform-secret");
        return componentToken("platform-secret", weChat.pushTicket("wxplatform")).path("component_access_token")
            .stringValue();
    }

    @Test
    void aPlatformsTokenNeedsATicketThatWasPushed() throws Exception {
        assertThat(errcode(componentToken("platform-secret", "any"))).isEqualTo(40013);
        String first = aPlatformsToken();
        assertThat(weChat.lastIssued("wxplatform")).isEqualTo(first);
        assertThat(errcode(componentToken("another", "any"))).isEqualTo(40125);
        assertThat(errcode(componentToken("platform-secret", "never pushed"))).isEqualTo(61006);
        String earlier = weChat.pushTicket("wxplatform");
        weChat.pushTicket("wxplatform");
        JsonNode second = componentToken("platform-secret", earlier);
        assertThat(second.path("expires_in").intValue()).isEqualTo(7200);
        assertThat(weChat.lastIssued("wxplatform")).isEqualTo(second.path("component_access_token").stringValue());
        assertThat(weChat.alive(first)).as("in its grace").isTrue();
        passGrace();
        assertThat(weChat.alive(first)).isFalse();
        assertThat(weChat.componentTokenCalls()).isEqualTo(5);
    }

    @Test
    void anExpiredTicketGetsNoToken() throws Exception {
        weChat.addComponent("wxplatform", "platform-secret");
        String ticket = weChat.pushTicket("wxplatform");
        weChat.pass(Duration.ofHours(12));
        assertThat(errcode(componentToken("platform-secret", ticket))).isEqualTo(61005);
    }

    @Test
    void anAuthorizersTokenIsOneOfTheAccount() throws Exception {
        String platform = aPlatformsToken();
        JsonNode answer = authorizerToken(platform, weChat.authorize("wxplatform", "wxauthorizer"));
        String token = answer.path("authorizer_access_token").stringValue();
        assertThat(answer.path("expires_in").intValue()).isEqualTo(7200);
        assertThat(weChat.lastIssued("wxauthorizer")).isEqualTo(token);
        assertThat(weChat.alive("wxauthorizer", token)).isTrue();
        assertThat(weChat.issues("wxauthorizer").get(0).askedFrom()).isPositive();
        assertThat(read(open("/cgi-bin/get_api_domain_ip?access_token=" + token)).has("ip_list")).isTrue();
        assertThat(read(open("/cgi-bin/ticket/getticket?type=jsapi&access_token=" + token)).has("ticket")).isTrue();
        authorizerToken(platform, refreshToken(answer));
        assertThat(weChat.issuedAfter("wxauthorizer", token)).isPresent();
        passGrace();
        assertThat(weChat.alive(token)).isFalse();
    }

    @Test
    void aRefreshTokenIsUsableUntilOneThatWasAnsweredToItIsUsed() throws Exception {
        String platform = aPlatformsToken();
        String first = weChat.authorize("wxplatform", "wxauthorizer");
        String lost = refreshToken(authorizerToken(platform, first));
        String second = refreshToken(authorizerToken(platform, first));
        assertThat(List.of(first, lost, second)).doesNotHaveDuplicates()
            .allMatch(token -> weChat.refreshTokenUsable("wxauthorizer", token));
        String third = refreshToken(authorizerToken(platform, second));
        assertThat(List.of(first, lost)).noneMatch(token -> weChat.refreshTokenUsable("wxauthorizer", token));
        assertThat(errcode(authorizerToken(platform, first))).isEqualTo(61023);
        assertThat(List.of(second, third)).allMatch(token -> weChat.refreshTokenUsable("wxauthorizer", token));
        weChat.authorize("wxplatform", "wxauthorizer");
        assertThat(weChat.refreshTokenUsable("wxauthorizer", third)).isFalse();
        assertThat(weChat.alive(weChat.lastIssued("wxauthorizer"))).isFalse();
    }

    @Test
    void anAuthorizersTokenNeedsALivePlatformsTokenAndTheAuthorization() throws Exception {
        String platform = aPlatformsToken();
        assertThat(errcode(authorizerToken(platform, "any"))).isEqualTo(61003);
        String refreshToken = weChat.authorize("wxplatform", "wxauthorizer");
        authorizerToken(platform, refreshToken);
        assertThat(errcode(authorizerToken("never-issued", refreshToken))).isEqualTo(40001);
        weChat.withdraw("wxauthorizer");
        assertThat(weChat.alive(weChat.lastIssued("wxauthorizer"))).isFalse();
        assertThat(weChat.refreshTokenUsable("wxauthorizer", refreshToken)).isFalse();
        assertThat(errcode(authorizerToken(platform, refreshToken))).isEqualTo(61003);
        weChat.kill(platform);
        assertThat(errcode(authorizerToken(platform, refreshToken))).isEqualTo(42001);
    }

}
