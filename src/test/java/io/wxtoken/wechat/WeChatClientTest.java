package io.wxtoken.wechat;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.wxtoken.fixtures.RawServer;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/** What WeChat may answer, over real HTTP. */
class WeChatClientTest {

    private final StandIn weChat = StandIn.start();

    private final Account account = new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.TOKEN, List.of(), true);

    private final WeChatClient client = client(weChat.baseUrl());

    private final WeChatClient impatient = client(Duration.ofMillis(300), Duration.ofMillis(700), weChat.baseUrl());

    /** A client that a slow machine does not keep waiting for too long. */
    private static WeChatClient client(String... baseUrls) {
        return client(Duration.ofSeconds(2), Duration.ofMinutes(1), baseUrls);
    }

    private static WeChatClient client(Duration connectTimeout, Duration readTimeout, String... baseUrls) {
        return new WeChatClient(new ConnectionSettings(Stream.of(baseUrls).map(url -> new Route(url, null)).toList(),
                null, connectTimeout, readTimeout));
    }

    @AfterEach
    void stop() {
        weChat.close();
    }

    private Answer fetch(Fault... faults) {
        weChat.next(faults);
        return client.fetchToken(account, false);
    }

    private static void assertUnknown(Answer answer, String says) {
        assertThat(answer).isInstanceOfSatisfying(Answer.Unknown.class, unknown -> {
            assertThat(unknown.text()).contains(says).doesNotContain(StandIn.SECRET);
            assertThat(unknown.reach()).isNotEqualTo(Answer.Reach.NOT_SENT);
        });
    }

    @Test
    void theTokenEndpointIssuesANewTokenWithEachCall() {
        Answer.Issued first = (Answer.Issued) fetch();
        Answer.Issued second = (Answer.Issued) fetch();
        assertThat(first.expiresIn()).isEqualTo(7200);
        assertThat(weChat.issued()).containsExactly(first.value(), second.value());
    }

    @Test
    void theStableEndpointReturnsTheSameToken() {
        Account stable = new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.STABLE_TOKEN, List.of(), true);
        Answer.Issued first = (Answer.Issued) client.fetchToken(stable, false);
        assertThat(client.fetchToken(stable, false)).isEqualTo(first);
    }

    @ParameterizedTest
    @EnumSource(names = { "TOKEN", "STABLE_TOKEN" })
    void aWrongSecretOrAppIdIsRefusedWithTheRequestId(Endpoint endpoint) {
        assertThat(client.fetchToken(new Account(StandIn.APP_ID, "wrong", endpoint, List.of(), true), false))
            .isInstanceOfSatisfying(Answer.Refused.class, refused -> {
                assertThat(refused.errcode()).isEqualTo(40125);
                assertThat(refused.errmsg()).contains("invalid appsecret rid: ");
            });
        assertThat(client.fetchToken(new Account("wx1", "a&b=c d%", endpoint, List.of(), true), false))
            .isInstanceOfSatisfying(Answer.Refused.class, refused -> assertThat(refused.errcode()).isEqualTo(40013));
    }

    @Test
    void aRefusalIsOneLineWithoutTheSecretAndKeepsItsRequestId() {
        Answer.Refused refused = (Answer.Refused) fetch(
                new Fault.Refuse(40164, "secret " + StandIn.SECRET + " from\\n" + "1.2.3.4 ".repeat(30)));
        assertThat(refused.errmsg()).startsWith("secret *** from 1.2.3.4")
            .matches(".*… rid: [0-9a-f-]{26}")
            .hasSizeLessThanOrEqualTo(112);
    }

    @Test
    void aNullTokenBesideAnErrcodeIsARefusal() {
        assertThat(fetch(new Fault.NullToken())).isInstanceOfSatisfying(Answer.Refused.class,
                refused -> assertThat(refused.errcode()).isEqualTo(-1000));
    }

    @Test
    void anEmptyHtmlAnswerIsUnknown() {
        assertUnknown(fetch(new Fault.Body("")), "answer is empty");
    }

    @ParameterizedTest
    @ValueSource(strings = { "<html>busy</html>", "null", "[]", "{}", "{\"access_token\":\"T\"",
            "{\"access_token\":\"T\"}", "{\"access_token\":\"\",\"expires_in\":7200}",
            "{\"access_token\":17,\"expires_in\":7200}", "{\"access_token\":\"two words\",\"expires_in\":7200}",
            "{\"access_token\":\"T\",\"expires_in\":\"7200\"}", "{\"access_token\":\"T\",\"expires_in\":0}",
            "{\"access_token\":\"T\",\"expires_in\":-1}",
            "{\"access_token\":\"T\",\"expires_in\":99999999999999999999}",
            "{\"access_token\":\"T\",\"expires_in\":7200.5}",
            "{\"access_token\":\"T\",\"access_token\":\"U\",\"expires_in\":7200}",
            "{\"access_token\":\"T\",\"expires_in\":7200} x",
            "{\"access_token\":\"T\",\"expires_in\":7200,\"errcode\":\"busy\"}" })
    void anAnswerThatIsNotADocumentedOneIsUnknown(String body) {
        assertUnknown(fetch(new Fault.Body(body)), "answer");
    }

    @Test
    void aTokenThatDoesNotFitTheColumnIsNotUsed() {
        assertThat(fetch(
                new Fault.Body("{\"access_token\":\"" + "x".repeat(600) + "\",\"expires_in\":7200,\"errcode\":0}")))
            .isInstanceOf(Answer.Issued.class);
        assertUnknown(fetch(new Fault.Body("{\"access_token\":\"" + "x".repeat(601) + "\",\"expires_in\":7200}")),
                "usable access_token");
    }

    @ParameterizedTest
    @ValueSource(ints = { 404, 500, 502, 503 })
    void anotherStatusIsUnknown(int status) {
        assertUnknown(fetch(new Fault.Status(status)), "HTTP status " + status);
    }

    @ParameterizedTest
    @ValueSource(ints = { 300, 301, 302, 303, 305, 307, 308 })
    void noRedirectIsFollowed(int status) {
        try (RawServer from = new RawServer()) {
            for (String target : new String[] { weChat.baseUrl() + "/cgi-bin/token", from.baseUrl() + "/cgi-bin/token",
                    "/cgi-bin/token" }) {
                from.reply(out -> {
                    out.write(RawServer.bytes("HTTP/1.1 " + status + " Elsewhere\r\nLocation: " + target
                            + "\r\nContent-Length: 0\r\n\r\n"));
                    return true;
                });
                int asked = from.requests();
                for (Endpoint endpoint : List.of(Endpoint.TOKEN, Endpoint.STABLE_TOKEN)) {
                    assertUnknown(
                            client(from.baseUrl()).fetchToken(
                                    new Account(StandIn.APP_ID, StandIn.SECRET, endpoint, List.of(), true), false),
                            "HTTP status " + status);
                }
                assertUnknown(client(from.baseUrl()).fetchTicket(account, Ticket.JSAPI, "T"), "HTTP status " + status);
                assertThat(from.requests() - asked).isEqualTo(3);
            }
        }
        assertThat(weChat.requests()).isZero();
    }

    @Test
    void aConnectionCutBeforeOrAfterTheTokenWasIssuedIsUnknownAndNeverRepeated() {
        fetch(); // so that the next requests use a kept connection
        assertUnknown(fetch(new Fault.CutBefore()), "broke");
        assertUnknown(fetch(new Fault.CutAfter()), "broke");
        assertUnknown(fetch(new Fault.CutInside()), "broke");
        assertThat(weChat.requests()).isEqualTo(4);
        assertThat(weChat.issued()).hasSize(3);
    }

    @Test
    void aCallEndsWithinItsTimeouts() {
        for (Fault fault : new Fault[] { new Fault.Hang(), new Fault.Trickle(),
                new Fault.Delay(Duration.ofSeconds(5)) }) {
            weChat.next(fault);
            assertUnknown(impatient.fetchToken(account, false), "no answer");
        }
        assertThat(weChat.requests()).isEqualTo(3);
    }

    @Test
    void anEndlessAnswerIsCutOff() {
        assertUnknown(fetch(new Fault.Body("{\"access_token\":\"" + "x".repeat(1_000_000))), "more than 65536 bytes");
    }

    @Test
    void aRequestThatNeverReachedWeChatIsKnownNotToHaveBeenSent() throws Exception {
        for (String url : new String[] { "http://127.0.0.1:" + closedPort(), "https://no-such-host.invalid" }) {
            assertThat(client(url).fetchToken(account, false)).isInstanceOfSatisfying(Answer.Unknown.class, unknown -> {
                assertThat(unknown.reach()).isEqualTo(Answer.Reach.NOT_SENT);
                assertThat(unknown.text()).contains("wx.api.base-url").doesNotContain(StandIn.SECRET);
            });
        }
    }

    private static int closedPort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    @Test
    void theNextHostIsAskedWhenTheRequestWasCertainlyNotSentAndThenFirst() throws Exception {
        int port = closedPort();
        try (RawServer silent = new RawServer()) {
            WeChatClient several = client("http://127.0.0.1:" + port, "https://no-such-host.invalid",
                    silent.baseUrl().replace("http:", "https:"), weChat.baseUrl());
            assertThat(several.requestTimeout()).isEqualTo(Duration.ofSeconds(4 * 2 + 60));
            Answer.Issued token = (Answer.Issued) several.fetchToken(account, false);
            assertThat(weChat.issued()).containsExactly(token.value());
            try (StandIn back = StandIn.start(port, Duration.ofHours(2), Duration.ofMinutes(5))) {
                assertThat(several.probe(account, token.value())).isEqualTo(ProbeResult.ALIVE);
                assertThat(several.fetchTicket(account, Ticket.JSAPI, token.value())).isInstanceOf(Answer.Issued.class);
                assertThat(several.clearQuota(account)).isEmpty();
                assertThat(back.requests()).isZero();
                weChat.close();
                assertThat(several.fetchToken(account, false)).as("the others, beginning anew with the first")
                    .isEqualTo(new Answer.Issued(back.lastIssued(), 7200));
            }
        }
    }

    @Test
    void noOtherHostIsAskedWhenARequestMayHaveReachedWeChat() {
        try (StandIn other = StandIn.start()) {
            WeChatClient patient = client(weChat.baseUrl(), other.baseUrl());
            for (Fault fault : new Fault[] { new Fault.Refuse(-1, "system error"), new Fault.Status(500),
                    new Fault.Status(502), new Fault.Body(""), new Fault.CutBefore(), new Fault.CutAfter(),
                    new Fault.CutInside(), new Fault.Hang() }) {
                WeChatClient several = fault instanceof Fault.Hang
                        ? client(Duration.ofMillis(300), Duration.ofMillis(700), weChat.baseUrl(), other.baseUrl())
                        : patient;
                weChat.next(fault);
                assertThat(several.fetchToken(account, false)).isNotInstanceOf(Answer.Issued.class);
                weChat.next(fault);
                assertThat(several.clearQuota(account)).isPresent();
            }
            assertThat(weChat.requests()).isEqualTo(16);
            assertThat(other.requests()).isZero();
        }
    }

    @Test
    void aFailureNamesTheHostsThatWereTried() throws Exception {
        String dead = "http://127.0.0.1:" + closedPort();
        assertThat(client(dead, "https://no-such-host.invalid/").fetchToken(account, false))
            .isEqualTo(new Answer.Unknown(
                    "can't connect to " + dead + ": check the network and wx.api.base-url; can't resolve"
                            + " the host of https://no-such-host.invalid: check DNS and wx.api.base-url",
                    Answer.Reach.NOT_SENT));
        weChat.next(new Fault.Status(500));
        assertUnknown(client(dead, weChat.baseUrl()).fetchToken(account, false), "HTTP status 500 from "
                + weChat.baseUrl() + "; before that: can't connect to " + dead + ": check the network");
    }

    @Test
    void countersAreClearedWithTheSecretTenTimes() {
        for (int i = 0; i < 10; i++) {
            assertThat(client.clearQuota(account)).isEmpty();
        }
        assertThat(client.clearQuota(account).orElseThrow().text()).matches("errcode 48006, .*10 times a month.*");
        assertThat(client.clearQuota(new Account(StandIn.APP_ID, "wrong", Endpoint.TOKEN, List.of(), true))
            .orElseThrow()
            .code()).isEqualTo(40125);
        weChat.next(new Fault.Body("{}"), new Fault.Body("{\"errcode\":0"));
        assertThat(client.clearQuota(account).orElseThrow().text()).isEqualTo("WeChat's answer has no errcode");
        assertThat(client.clearQuota(account).orElseThrow().text()).isEqualTo("WeChat's answer is not JSON");
    }

    @Test
    void aTicketIsGivenForALiveTokenTheSameOneEachTimeWithItsFullLife() {
        String token = ((Answer.Issued) fetch()).value();
        Answer.Issued first = (Answer.Issued) client.fetchTicket(account, Ticket.JSAPI, token);
        assertThat(first.expiresIn()).isEqualTo(7200);
        assertThat(client.fetchTicket(account, Ticket.JSAPI, token)).isEqualTo(first);
        assertThat(client.fetchTicket(account, Ticket.WX_CARD, token)).isNotEqualTo(first);
    }

    @ParameterizedTest
    @ValueSource(ints = { 40001, 40014, 42001 })
    void onlyAnApiCallsErrorCodesSayThatATokenIsDead(int errcode) {
        Fault dead = new Fault.Refuse(errcode, "invalid credential");
        weChat.next(dead, dead, dead);
        assertThat(client.fetchTicket(account, Ticket.JSAPI, "T")).isInstanceOf(Answer.TokenDead.class);
        assertThat(client.probe(account, "T")).isEqualTo(ProbeResult.DEAD);
        assertThat(client.fetchToken(account, false)).isInstanceOf(Answer.Refused.class);
    }

    @Test
    void aProbeSaysDeadOnlyOnAClearErrorCode() {
        String token = ((Answer.Issued) fetch()).value();
        assertThat(client.probe(account, token)).isEqualTo(ProbeResult.ALIVE);
        assertThat(client.probe(account, "never issued")).isEqualTo(ProbeResult.DEAD);
        for (Fault fault : new Fault[] { new Fault.Refuse(-1, "system error"), new Fault.Refuse(45009, "quota"),
                new Fault.Body(""), new Fault.Body("{}"), new Fault.Body("[40001]"), new Fault.Status(500),
                new Fault.CutBefore() }) {
            weChat.next(fault);
            assertThat(client.probe(account, token)).as(fault.toString()).isEqualTo(ProbeResult.UNKNOWN);
        }
        weChat.next(new Fault.Hang());
        assertThat(impatient.probe(account, token)).isEqualTo(ProbeResult.UNKNOWN);
    }

    @Test
    void anUnknownAnswerSaysWhetherTheRequestMayStillBeUnderWay() {
        for (Fault fault : new Fault[] { new Fault.Hang(), new Fault.CutAfter(), new Fault.CutInside(),
                new Fault.Status(504) }) {
            weChat.next(fault);
            assertThat((fault instanceof Fault.Hang ? impatient : client).fetchToken(account, false))
                .isInstanceOfSatisfying(Answer.Unknown.class,
                        unknown -> assertThat(unknown.reach()).isEqualTo(Answer.Reach.IN_FLIGHT));
        }
        for (Fault fault : new Fault[] { new Fault.Body(""), new Fault.Body("<html>"), new Fault.Status(500) }) {
            assertThat(fetch(fault)).isInstanceOfSatisfying(Answer.Unknown.class,
                    unknown -> assertThat(unknown.reach()).isEqualTo(Answer.Reach.ANSWERED));
        }
    }

    @Test
    void weComIsAskedAtItsOwnHostWithItsOwnPaths() {
        weChat.addAgent("ww1", "1000002", "s3cret");
        Account agent = new Account("ww1:1000002", "s3cret", Endpoint.WECOM, List.of(), false);
        try (StandIn another = StandIn.start()) {
            WeChatClient both = new WeChatClient(new ConnectionSettings(List.of(new Route(another.baseUrl(), null)),
                    new Route(weChat.baseUrl(), null), Duration.ofSeconds(2), Duration.ofMinutes(1)));
            String token = ((Answer.Issued) both.fetchToken(agent, false)).value();
            assertThat(both.fetchToken(agent, false)).isEqualTo(new Answer.Issued(token, 7200));
            assertThat(both.probe(agent, token)).isEqualTo(ProbeResult.ALIVE);
            assertThat(((Answer.Issued) both.fetchTicket(agent, Ticket.JSAPI, token)).value())
                .isNotEqualTo(((Answer.Issued) both.fetchTicket(agent, Ticket.AGENT_CONFIG, token)).value());
            weChat.kill(token);
            assertThat(both.probe(agent, token)).isEqualTo(ProbeResult.DEAD);
            assertThat(both.fetchTicket(agent, Ticket.JSAPI, token)).isInstanceOf(Answer.TokenDead.class);
            assertThat(another.requests()).isZero();
            assertThat(both.fetchToken(account, false)).isInstanceOf(Answer.Issued.class);
            assertThat(another.requests()).isEqualTo(1);
        }
        WeChatClient nowhere = new WeChatClient(new ConnectionSettings(List.of(new Route(weChat.baseUrl(), null)),
                new Route("http://127.0.0.1:1", null), Duration.ofMillis(300), Duration.ofMillis(700)));
        assertThat(((Answer.Unknown) nowhere.fetchToken(agent, false)).text())
            .isEqualTo("can't connect to http://127.0.0.1:1: check the network and wx.api.wecom-base-url");
    }

    @Test
    void noToStringShowsAToken() {
        Answer.Issued token = (Answer.Issued) fetch();
        assertThat(token.toString()).doesNotContain(token.value());
    }

}
