package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.standin.StandIn;

/** The regular course of a refresh, in which nothing fails. */
@ParameterizedClass
@MethodSource("databases")
class RefresherIT extends RowTest {

    @Test
    void aRowThatWasNeverFilledIsRefreshedAndThenFresh() {
        Result first = run("a");
        assertThat(first.outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(first.row().timeLeft()).isEqualTo(7200);
        assertHoldsTheLastIssued();
        TokenRow row = row();
        assertThat(row.now() - row.obtainedAt()).isBetween(0L, 5L);
        assertThat(row.stored().expiresAt() - row.obtainedAt()).isEqualTo(7200);
        assertThat(row.appId()).isEqualTo(StandIn.APP_ID);
        assertThat(row.stored().fingerprint()).isEqualTo(Fingerprint.of(row.value()));

        assertThat(run("b").outcome()).isEqualTo(Outcome.FRESH);
        assertThat(weChat.requests()).isEqualTo(1);
        assertThat(rows.read(2).orElseThrow().value()).isEmpty();
    }

    @Test
    void aTokenIsRenewedAfterFiftyMinutesWhileTheOldOneLives() {
        run("a");
        age(2990);
        assertThat(run("a").outcome()).isEqualTo(Outcome.FRESH);
        age(10);
        assertThat(run("a").outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(weChat.issued()).hasSize(2);
        assertHoldsTheLastIssued();
    }

    @Test
    void aRowThatAnotherRunHoldsIsLeftAloneAndIsAFailureOnlyIfItsTokenIsDead() {
        run("a");
        age(3000);
        rows.claim(row(), "other", SETTINGS.lease()).orElseThrow();
        Result held = run("b");
        assertThat(held.outcome()).isEqualTo(Outcome.HELD);
        assertThat(held.exitCode()).isEqualTo(ExitCode.OK);
        database.jdbc().sql("UPDATE wx_token SET expires_at = expires_at - 4200 WHERE id = 1").update();
        assertThat(run("b").exitCode()).isEqualTo(ExitCode.RETRY);
        assertThat(weChat.requests()).isEqualTo(1);
    }

    @Test
    void ofTwoRunsThatReadTheSameRowOnlyOneClaimsIt() {
        TokenRow seen = row();
        assertThat(rows.claim(seen, "a", SETTINGS.lease())).isPresent();
        assertThat(rows.claim(seen, "b", SETTINGS.lease())).isEmpty();
        TokenRow claimed = row();
        assertThat(claimed.claim().by()).isEqualTo("a");
        assertThat(claimed.claim().until() - claimed.now()).isBetween(55L, 60L);
    }

    @Test
    void aRunThatIsToldToStopClaimsNothing() {
        Refresher stopped = new Refresher(rows, POLICY, SETTINGS, api().requestTimeout(), new RunId("a", "a"),
                System::nanoTime, () -> true, listener());
        assertThat(stopped.refresh(row(), token(ACCOUNT), Trigger.SCHEDULE).outcome()).isEqualTo(Outcome.LEFT);
        assertThat(row().claim().by()).isNull();
    }

}
