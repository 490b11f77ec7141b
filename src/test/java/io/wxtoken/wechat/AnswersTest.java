package io.wxtoken.wechat;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.wxtoken.ExitCode;
import io.wxtoken.wechat.Answer.Reach;

/** What an answer's bytes mean, without HTTP. */
class AnswersTest {

    private static final Account ACCOUNT = new Account("wx1", "s3cret", Endpoint.TOKEN, List.of(), true);

    private static byte[] json(String json) {
        return json.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    }

    private static Answer token(String json) {
        return AnswerJson.answer(json(json), "access_token", ACCOUNT, "s3cret");
    }

    @ParameterizedTest
    @CsvSource({ "0, false", "1, true", "2592000, true", "2592001, false" })
    void aTokenLivesForASecondToThirtyDays(long seconds, boolean usable) {
        assertThat(Duration.ofDays(30)).isEqualTo(Lifetimes.LONGEST);
        Answer answer = token("{'access_token':'T','expires_in':" + seconds + "}");
        assertThat(answer).isEqualTo(usable ? new Answer.Issued("T", seconds)
                : new Answer.Unknown("WeChat's answer has no usable expires_in", Reach.ANSWERED));
    }

    /** In two bytes, and in three: Jackson alone reads a letter k in each. */
    @ParameterizedTest
    @ValueSource(strings = { "c1ab", "e081ab", "ff", "80" })
    void anAnswerThatIsNotInUtf8GivesNoToken(String bytes) {
        byte[] body = ("{\"access_token\":\"T" + "?".repeat(bytes.length() / 2) + "\",\"expires_in\":7200}")
            .getBytes(StandardCharsets.UTF_8);
        byte[] spoilt = HexFormat.of().parseHex(bytes);
        System.arraycopy(spoilt, 0, body, "{\"access_token\":\"T".length(), spoilt.length);
        assertThat(AnswerJson.answer(body, "access_token", ACCOUNT, "s3cret"))
            .isEqualTo(new Answer.Unknown("WeChat's answer is not JSON", Reach.ANSWERED));
        assertThat(AnswerJson.probeResult(body)).isEqualTo(ProbeResult.UNKNOWN);
    }

    private static Answer authorizer(String json) {
        return AnswerJson.authorizerAnswer(json(json), ACCOUNT, "platform's", "refresh@@@1");
    }

    @Test
    void anAuthorizersTokenComesWithARefreshToken() {
        String token = "{'authorizer_access_token':'T','expires_in':7200";
        assertThat(authorizer(token + ",'authorizer_refresh_token':'refresh@@@2'}"))
            .isEqualTo(new Answer.Issued("T", 7200, "refresh@@@2"));
        assertThat(authorizer(token + "}")).isEqualTo(new Answer.Issued("T", 7200, null));
        for (String unusable : new String[] { "''", "17", "['a']", "'two words'", "'" + "x".repeat(601) + "'" }) {
            assertThat(authorizer(token + ",'authorizer_refresh_token':" + unusable + "}")).as(unusable)
                .isEqualTo(
                        new Answer.Unknown("WeChat's answer has no usable authorizer_refresh_token", Reach.ANSWERED));
        }
    }

    @Test
    void anAuthorizersCallSaysThatThePlatformsTokenIsDead() {
        Answer dead = authorizer("{'errcode':42001,'errmsg':'access_token expired'}");
        assertThat(dead).isEqualTo(new Answer.TokenDead(42001, "access_token expired"));
        Answer.NoValue told = (Answer.NoValue) dead;
        assertThat(told.code()).isEqualTo(42001);
        assertThat(told.text())
            .isEqualTo("the token that WeChat was asked with is dead (errcode 42001, access_token" + " expired)");
        assertThat(told.exitCode()).isEqualTo(ExitCode.RETRY);
        assertThat(authorizer("{'errcode':61023,'errmsg':'invalid'}")).isInstanceOf(Answer.Refused.class);
    }

    @Test
    void anUnknownAnswerHasNoCodeAndMayBeTriedAgain() {
        Answer.NoValue unknown = (Answer.NoValue) token("");
        assertThat(unknown.code()).isNull();
        assertThat(unknown.exitCode()).isEqualTo(ExitCode.RETRY);
    }

    @Test
    void aRefusalMayHaveACauseThatIsKnownBesides() {
        Answer.Refused refused = new Answer.Refused(61006, "invalid ticket", ACCOUNT).because("none came");
        assertThat(refused).isEqualTo(new Answer.Refused(61006, "invalid ticket (none came)", ACCOUNT));
        assertThat(refused.text()).startsWith("errcode 61006, invalid ticket (none came): see that the platform's");
    }

    @Test
    void aTokenIsNotShown() {
        assertThat(new Answer.Issued("T0KEN", 7200, "refresh@@@1")).hasToString("Issued[expiresIn=7200]");
    }

    @ParameterizedTest
    @ValueSource(strings = { "", "{", "<html>", "{'ip_list':[]} x" })
    void aProbesAnswerThatIsNoJsonSaysNothing(String body) {
        assertThat(AnswerJson.probeResult(json(body))).isEqualTo(ProbeResult.UNKNOWN);
    }

    private static String errmsg(String errmsg) {
        return ((Answer.Refused) token("{'errcode':40164,'errmsg':'" + errmsg + "'}")).errmsg();
    }

    /** Together with the advice it must fit a column of 255 characters. */
    @Test
    void aMessageHasAHundredAndTenCharactersAndItsRequestIdIsKept() {
        String rid = "rid: 0123456789";
        assertThat(errmsg("x".repeat(110))).isEqualTo("x".repeat(110));
        assertThat(errmsg("x".repeat(111))).isEqualTo("x".repeat(108) + "… ");
        assertThat(errmsg("x".repeat(200) + " " + rid)).isEqualTo("x".repeat(93) + "… " + rid);
        assertThat(errmsg("too long " + rid + "y".repeat(100))).as("50 characters from rid: on")
            .isEqualTo("too long… " + rid + "y".repeat(35));
        assertThat(errmsg(rid + "y".repeat(100))).as("nothing before it").isEqualTo("… " + rid + "y".repeat(35));
    }

    @Test
    void whoIsToActIsSaidAndWhatTo() {
        assertThat(new Answer.Refused(40125, "invalid appsecret", ACCOUNT).text())
            .contains("check wx.app-secret: it is not this app id's, or was reset at mp.weixin.qq.com")
            .endsWith("; then wx-token --force");
        assertThat(new Answer.Refused(-1, "system error", ACCOUNT).text()).doesNotContain("--force");
        Account agent = new Account("ww1:1", "s3cret", Endpoint.WECOM, List.of(), false, "", "wx.accounts[0].");
        assertThat(ErrorCode.WRONG_METHOD.advice(ACCOUNT)).startsWith("check wx.api.base-url: ");
        assertThat(ErrorCode.WRONG_METHOD.advice(agent)).startsWith("check wx.api.wecom-base-url: ");
        assertThat(ErrorCode.WRONG_APP_ID.advice(agent)).startsWith("check wx.accounts[0].corp-id: ");
    }

    @Test
    void aCodeConcernsOneNodeOrThePlatformsTicketOrEverybody() {
        assertThat(ErrorCode.NOT_IN_WHITELIST.concernsOneNode()).isTrue();
        assertThat(ErrorCode.DAY_QUOTA.concernsOneNode()).isFalse();
        assertThat(ErrorCode.VERIFY_TICKET_EXPIRED.concernsVerifyTicket()).isTrue();
        assertThat(ErrorCode.VERIFY_TICKET_INVALID.concernsVerifyTicket()).isTrue();
        assertThat(ErrorCode.NOT_AUTHORIZED.concernsVerifyTicket()).isFalse();
    }

}
