package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.standin.Fault;

/**
 * A refresh that brings no token: the row keeps its live value, and what failed decides
 * when WeChat is asked again.
 */
@ParameterizedClass
@MethodSource("databases")
class FailedRefreshIT extends RowTest {

    private static Fault busy() {
        return new Fault.Refuse(-1, "system error");
    }

    @Test
    void aRefusalReleasesTheClaimAndIsRememberedForTheNextRuns() {
        run("a");
        String live = row().value();
        age(3000);
        weChat.always(new Fault.Refuse(40164, "invalid ip 1.2.3.4, not in whitelist"));
        Result failed = run("a");
        assertThat(failed.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(failed.exitCode()).isEqualTo(ExitCode.ACT);
        TokenRow row = row();
        assertThat(row.value()).isEqualTo(live);
        assertThat(row.claim().by()).isNull();
        assertThat(row.lastRefresh().failures()).isEqualTo(1);
        assertThat(row.lastRefresh().retryAfter() - row.now()).isBetween(590L, 600L);
        assertThat(row.lastRefresh().error()).startsWith("errcode 40164, invalid ip 1.2.3.4")
            .contains("rid: ")
            .contains("whitelist at");

        Result onHold = run("a");
        assertThat(onHold.exitCode()).isEqualTo(ExitCode.ACT);
        assertThat(onHold.detail()).contains("40164").contains("WeChat is asked again in ");
        assertThat(weChat.requests()).isEqualTo(2);

        weChat.always(null);
        assertThat(run("b").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
        assertThat(row().lastRefresh().failures()).isZero();
        assertThat(row().lastRefresh().error()).isEmpty();
    }

    @Test
    void aRequestedRefreshThatWeChatRefusedStaysDue() {
        run("a");
        age(100);
        rows.requestAfterFence(1);
        weChat.next(busy(), busy(), busy());
        assertThat(run("a").exitCode()).isEqualTo(ExitCode.RETRY);
        assertThat(run("b").outcome()).isEqualTo(Outcome.REFRESHED);
    }

    @Test
    void anUnknownOutcomeLeavesTheClaimToLapse() {
        run("a");
        age(3000);
        weChat.next(new Fault.CutAfter());
        Result failed = run("a");
        assertThat(failed.exitCode()).isEqualTo(ExitCode.RETRY);
        assertThat(row().claim().by()).isEqualTo("a");
        assertThat(row().lastRefresh().error()).contains("broke");
        Result other = run("b");
        assertThat(other.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(other.detail()).contains("broke").matches(".*; WeChat is asked again in 6\\d s");
        assertThat(other.exitCode()).isEqualTo(ExitCode.RETRY);
        lapse();
        assertThat(run("b").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

    @Test
    void anAnswerThatCannotBeUsedLeavesTheClaimToLapseAsATokenMayHaveBeenIssued() {
        run("a");
        age(3000);
        weChat.always(new Fault.Body(""));
        assertThat(run("a").exitCode()).isEqualTo(ExitCode.RETRY);
        weChat.always(null);
        assertThat(row().claim().by()).isEqualTo("a");
        assertThat(run("b").exitCode()).as("it is not held by a run at work").isEqualTo(ExitCode.RETRY);
        lapse();
        assertThat(run("b").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

    @Test
    void aRequestThatNeverReachedWeChatIsTriedAgainByTheNextRun() {
        weChat.close();
        assertThat(run("a").exitCode()).isEqualTo(ExitCode.RETRY);
        assertThat(judge(row())).isEqualTo(Verdict.NEVER_OBTAINED);
        assertThat(row().claim().by()).isNull();
    }

    @Test
    void theFirstFailedRunAloneAsksAgainAtOnceAboutWhatMayBeOverInAMoment() {
        run("a");
        age(3000);
        weChat.next(busy(), new Fault.Body(""));
        assertThat(run("a").outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(weChat.tokenCalls()).isEqualTo(4);

        age(3000);
        weChat.always(busy());
        run("a");
        assertThat(weChat.tokenCalls()).isEqualTo(7);
        run("b");
        assertThat(weChat.tokenCalls()).isEqualTo(8);
        // Run b's failure goes on with the one before it, and is no event of its own.
        assertTold(RefreshEvent.Kind.REFRESHED, RefreshEvent.Kind.REFRESHED, RefreshEvent.Kind.FAILED);
    }

    @Test
    void aRequestThatMayStillBeUnderWayIsNotRepeated() {
        weChat.next(new Fault.CutAfter());
        run("a");
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        assertTold(RefreshEvent.Kind.FAILED);
        assertThat(events.get(0).detail()).contains("broke");
    }

    @Test
    void aRunThatIsPausedForTooLongAfterItsClaimDoesNotFetch() {
        long[] time = { 0 };
        Refresher paused = new Refresher(rows, POLICY, SETTINGS, api().requestTimeout(), new RunId("a", "a"),
                () -> time[0] += Duration.ofSeconds(31).toNanos(), () -> false, listener());
        assertThat(paused.refresh(row(), token(ACCOUNT), Trigger.SCHEDULE).outcome()).isEqualTo(Outcome.FAILED);
        assertThat(weChat.requests()).isZero();
        assertThat(run("b").outcome()).isEqualTo(Outcome.REFRESHED);
        assertTold(RefreshEvent.Kind.FAILED, RefreshEvent.Kind.REFRESHED);
    }

}
