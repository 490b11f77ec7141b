package io.wxtoken.wechat;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.ZonedDateTime;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.wxtoken.ExitCode;
import io.wxtoken.wechat.ErrorCode.Kind;

class ErrorCodeTest {

    /** 2026-11-22 23:59:30 in Shanghai. */
    private static final long NOW = ZonedDateTime.parse("2026-11-22T23:59:30+08:00").toEpochSecond();

    @ParameterizedTest
    @ValueSource(ints = { -1, -1000 })
    void aBusyWeChatIsAskedAgainAtGrowingIntervals(int code) {
        ErrorCode error = ErrorCode.of(code, Endpoint.TOKEN);
        assertThat(error.kind()).isEqualTo(Kind.TRANSIENT);
        assertThat(error.holdFor(NOW, 1)).isZero();
        assertThat(error.holdFor(NOW, 3)).isEqualTo(30);
        assertThat(error.holdFor(NOW, 1000)).isEqualTo(600);
    }

    @Test
    void theMinuteLimitWaitsForTheNextMinute() {
        assertThat(ErrorCode.of(45011, Endpoint.TOKEN).holdFor(NOW, 0)).isEqualTo(30);
    }

    @ParameterizedTest
    @CsvSource({ "45009, 30", "89507, 3600", "89506, 86400", "89501, 600", "89503, 600" })
    void aHoldLastsAsLongAsWeChatSaysAndAPersonMustAct(int code, long seconds) {
        assertThat(ErrorCode.of(code, Endpoint.TOKEN).kind().exitCode()).isEqualTo(ExitCode.ACT);
        assertThat(ErrorCode.of(code, Endpoint.TOKEN).kind()).isEqualTo(Kind.HOLD);
        assertThat(ErrorCode.of(code, Endpoint.TOKEN).holdFor(NOW, 5)).isEqualTo(seconds);
    }

    @ParameterizedTest
    @ValueSource(ints = { 40001, 40002, 40013, 40125, 41002, 41004, 43002, 40164, 61004, 40243, 50004, 50007, 61024,
            48001, 40091, 60020, 48002, 301002 })
    void anErrorThatAPersonMustMendIsAskedAgainAfterTenMinutes(int code) {
        assertThat(ErrorCode.of(code, Endpoint.TOKEN).kind().exitCode()).isEqualTo(ExitCode.ACT);
        assertThat(ErrorCode.of(code, Endpoint.TOKEN).holdFor(NOW, 0)).isEqualTo(600);
    }

    @Test
    void aCodeThatNobodyKnowsIsAskedAgainRarely() {
        assertThat(ErrorCode.of(12345, Endpoint.TOKEN)).isEqualTo(ErrorCode.UNLISTED);
        assertThat(ErrorCode.UNLISTED.holdFor(NOW, 0)).isEqualTo(600);
        assertThat(ErrorCode.UNLISTED.kind().exitCode()).isEqualTo(ExitCode.RETRY);
    }

    @ParameterizedTest
    @EnumSource
    void theTextOfARefusalFitsTheColumnLastErrorAndNamesTheRightConsole(ErrorCode error) {
        for (Endpoint endpoint : Endpoint.values()) {
            Account account = new Account("wx1", "s", endpoint, List.of(), false, "", "wx.accounts[9999].");
            Answer.Refused refused = new Answer.Refused(-99999999, "x".repeat(110), account);
            String advice = error.advice(account);
            assertThat(refused.text().length() - ErrorCode.UNLISTED.advice(account).length() + advice.length())
                .isLessThanOrEqualTo(255);
            assertThat(advice).doesNotContain("{").doesNotContain("}");
        }
    }

    @ParameterizedTest
    @CsvSource({ "TOKEN, mp.weixin.qq.com, app-id, app-secret", "STABLE_TOKEN, mp.weixin.qq.com, app-id, app-secret",
            "WECOM, work.weixin.qq.com, corp-id, secret", "COMPONENT, open.weixin.qq.com, app-id, app-secret" })
    void theAdviceNamesThePlatformsConsoleAndSettings(Endpoint endpoint, String console, String id, String secret) {
        Account account = new Account("wx1", "s", endpoint, List.of(), false, "", "wx.it.");
        assertThat(ErrorCode.of(40001, endpoint).advice(account)).isEqualTo("check wx.it." + secret
                + ": it is not this app id's, or was reset at " + console + "; then wx-token --force");
        assertThat(ErrorCode.of(40013, endpoint).advice(account)).startsWith("check wx.it." + id + ": ");
        assertThat(ErrorCode.of(40164, endpoint).advice(account)).contains(" at " + console + " ");
    }

    @Test
    void weComsLimitEndsSoonerThanTheDay() {
        assertThat(ErrorCode.of(45009, Endpoint.WECOM).holdFor(NOW, 1)).isEqualTo(600);
        assertThat(ErrorCode.of(45009, Endpoint.WECOM).kind().exitCode()).isEqualTo(ExitCode.ACT);
        assertThat(ErrorCode.of(45033, Endpoint.WECOM).holdFor(NOW, 1)).isEqualTo(30);
    }

}
