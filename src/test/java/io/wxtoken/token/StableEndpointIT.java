package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.standin.Fault;

/** WeChat's stable endpoint has rules of its own, and repeats its token. */
@ParameterizedClass
@MethodSource("databases")
class StableEndpointIT extends RowTest {

    @Test
    void anUnchangedTokenIsNoRefreshAndGetsItsTrueEnd() {
        assertThat(run("a", STABLE).outcome()).isEqualTo(Outcome.REFRESHED);
        age(6900); // the row now says 300 s, and WeChat some 7200
        Result same = run("a", STABLE);
        assertThat(same.outcome()).isEqualTo(Outcome.FRESH);
        assertThat(same.row().timeLeft()).isBetween(7190L, 7200L);
        assertThat(row().stored().expiresAt()).isEqualTo(row().obtainedAt() + 7200);
        assertThat(weChat.issued()).hasSize(1);
    }

    @Test
    void expireIsTheTimeAtWhichTheTokenWasFirstIssued() {
        weChat.next(new Fault.Body("{\"access_token\":\"STABLE\",\"expires_in\":345}"));
        assertThat(run("a", STABLE).row().age()).isEqualTo(6855);
        assertThat(row().now() - row().obtainedAt()).isBetween(6855L, 6860L);
        assertThat(row().stored().expiresAt()).isEqualTo(row().obtainedAt() + 7200);
    }

    @Test
    void anOperatorsForceIsAForcedRefreshOfWeChatsAtLeastThirtySecondsApartAndTwentyTimesADay() {
        runAccount("a", STABLE, false);
        String leaked = row().value();
        // The stand-in keeps a token that is younger than 30 s.
        assertThat(runAccount("a", STABLE, true).get(0).detail()).contains("not forced");
        Result tooSoon = runAccount("a", STABLE, true).get(0);
        assertThat(tooSoon.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(tooSoon.detail()).contains("less than 30 s ago").contains("again in ");

        database.jdbc().sql("UPDATE wx_token SET forced_at = forced_at - 30, forced_count = 20 WHERE id = 1").update();
        assertThat(runAccount("a", STABLE, true).get(0).detail()).contains("20 forced refreshes a day");
        database.jdbc().sql("UPDATE wx_token SET forced_at = forced_at - 86400 WHERE id = 1").update();
        int calls = weChat.tokenCalls();
        runAccount("a", STABLE, true);
        assertThat(weChat.tokenCalls()).isEqualTo(calls + 1);
        assertThat(row().forced().count()).isEqualTo(1);
        assertThat(row().value()).isEqualTo(leaked);

        database.jdbc().sql("UPDATE wx_token SET forced_at = forced_at + 8 * 3600 WHERE id = 1").update();
        calls = weChat.tokenCalls();
        runAccount("a", STABLE, true);
        assertThat(weChat.tokenCalls()).as("a clock that was ahead holds nothing up").isEqualTo(calls + 1);
    }

    @Test
    void aDeadTokenIsForcedOnlyIfThePlainCallBringsItBack() {
        runAccount("a", STABLE, false);
        String ours = row().value();
        age(300);
        weChat.next(new Fault.Refuse(40001, "invalid credential")); // answers the probe
        Result result = runAccount("a", STABLE, false).get(0);
        // The first call, the plain one that brought the token back, and the forced one,
        // after which the stand-in keeps a token that is younger than 30 s.
        assertThat(weChat.tokenCalls()).isEqualTo(3);
        assertThat(result.row().value()).isEqualTo(ours);
        assertThat(result.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(row().forced().count()).isEqualTo(1);
    }

    @Test
    void aRequestThatBringsTheSameTokenBackIsNotForced() {
        runAccount("a", STABLE, false);
        age(60);
        database.jdbc().sql("UPDATE wx_token SET refresh_requested = 1 WHERE id = 1").update();
        assertThat(runAccount("a", STABLE, false).get(0).outcome()).isEqualTo(Outcome.FRESH);
        assertThat(row().forced().count()).isZero();
        assertThat(row().refreshRequested()).isZero();
    }

    @Test
    void aTokenThatApplicationsCallDeadIsProbedAndForcedAlthoughWeChatRepeatsIt() {
        runAccount("a", STABLE, false);
        age(60);
        database.jdbc().sql("UPDATE wx_token SET refresh_requested = 1 WHERE id = 1").update();
        weChat.kill(row().value());
        weChat.next(new Fault.Body("{\"access_token\":\"" + row().value() + "\",\"expires_in\":7000}"));
        Result result = runAccount("a", STABLE, false).get(0);
        assertThat(result.outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(weChat.probes()).isEqualTo(1);
        assertHoldsTheLastIssued();
    }

    @Test
    void aForcedRefreshThatWeChatIsTooBusyForIsTriedAgainInTheSameRunAndCountedOnce() {
        runAccount("a", STABLE, false);
        weChat.next(new Fault.Refuse(-1, "system error"));
        Result result = runAccount("a", STABLE, true).get(0);
        assertThat(weChat.tokenCalls()).isEqualTo(3);
        assertThat(row().forced().count()).isEqualTo(1);
        assertThat(result.exitCode()).as("the stand-in's token is younger than 30 s, and stays")
            .isEqualTo(ExitCode.RETRY);
        assertThat(result.detail()).contains("not forced");
    }

}
