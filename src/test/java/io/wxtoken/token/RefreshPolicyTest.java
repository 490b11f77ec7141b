package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;

import org.junit.jupiter.api.Test;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Endpoint;

class RefreshPolicyTest {

    private static final long NOW = 1_800_000_000;

    private final RefreshPolicy policy = new RefreshPolicy(new WxProperties.Refresh(Duration.ofMinutes(50),
            Duration.ofMinutes(5), Duration.ofSeconds(60), Duration.ofSeconds(60)));

    /** A row as a publish of some seconds ago left it; each test spoils one thing. */
    private static final class Row {

        String expire;

        String value = "token";

        long expiresAt;

        String claimedBy;

        long claimedUntil;

        boolean requested;

        String fingerprint = Fingerprint.of("token");

        int failures;

        long retryAfter;

        Row(long age) {
            expire = String.valueOf(NOW - age);
            expiresAt = NOW - age + 7200;
        }

        TokenRow row() {
            return new TokenRow(1, "wx1", "access_token", expire, value, expiresAt, 7, claimedBy, claimedUntil, requested,
                    fingerprint, failures, retryAfter, "", NOW);
        }
    }

    private Verdict judge(Row row) {
        return policy.judge(row.row(), Endpoint.TOKEN);
    }

    @Test
    void aTokenIsFreshUntilItIsAsOldAsAfter() {
        assertThat(judge(new Row(0))).isEqualTo(Verdict.FRESH);
        assertThat(judge(new Row(2999))).isEqualTo(Verdict.FRESH);
        assertThat(judge(new Row(3000))).isEqualTo(Verdict.OLD);
    }

    @Test
    void anEmptyValueOrAnExpireThatIsNoPastTimeWasNeverObtained() {
        for (String expire : new String[] { "", "0", "soon", "-5", "1.5", String.valueOf(NOW + 301) }) {
            Row row = new Row(10);
            row.expire = expire;
            assertThat(judge(row)).as("expire '%s'", expire).isEqualTo(Verdict.NEVER_OBTAINED);
        }
        Row row = new Row(10);
        row.value = "";
        row.fingerprint = "";
        assertThat(judge(row)).isEqualTo(Verdict.NEVER_OBTAINED);
    }

    @Test
    void anApplicationsClockMayBeALittleAhead() {
        assertThat(judge(new Row(-300))).isEqualTo(Verdict.FRESH);
    }

    @Test
    void aTokenNearItsEndIsDueWhateverItsAge() {
        Row row = new Row(10);
        row.expiresAt = NOW + 301;
        assertThat(judge(row)).isEqualTo(Verdict.FRESH);
        row.expiresAt = NOW + 300;
        assertThat(judge(row)).isEqualTo(Verdict.NEAR_EXPIRY);
    }

    @Test
    void onTheStableEndpointTheEndAloneDecides() {
        Row row = new Row(6899);
        assertThat(policy.judge(row.row(), Endpoint.STABLE_TOKEN)).isEqualTo(Verdict.FRESH);
        assertThat(policy.judge(new Row(6900).row(), Endpoint.STABLE_TOKEN)).isEqualTo(Verdict.NEAR_EXPIRY);
    }

    @Test
    void aClaimHoldsTheRowThroughItsLastSecondHoweverDueItIs() {
        Row row = new Row(7000);
        row.claimedBy = "other";
        row.claimedUntil = NOW;
        assertThat(judge(row)).isEqualTo(Verdict.HELD);
        row.claimedUntil = NOW - 1;
        assertThat(judge(row)).isEqualTo(Verdict.LAPSED_CLAIM);
    }

    @Test
    void aLapsedClaimOnAFreshTokenIsDueSinceItsHolderMayHaveFetched() {
        Row row = new Row(10);
        row.claimedBy = "dead";
        row.claimedUntil = NOW - 1;
        assertThat(judge(row)).isEqualTo(Verdict.LAPSED_CLAIM);
    }

    @Test
    void aClaimFurtherAheadThanAnyLeaseHoldsNothing() {
        Row row = new Row(10);
        row.claimedBy = "broken";
        row.claimedUntil = NOW + 241;
        assertThat(judge(row)).isEqualTo(Verdict.LAPSED_CLAIM);
    }

    @Test
    void aValueThatTheJobDidNotWriteIsDue() {
        Row row = new Row(10);
        row.fingerprint = Fingerprint.of("another token");
        assertThat(judge(row)).isEqualTo(Verdict.FOREIGN_VALUE);
    }

    @Test
    void anAdoptedValueWithoutFingerprintIsTakenAsItIs() {
        Row row = new Row(10);
        row.fingerprint = "";
        row.expiresAt = 0;
        assertThat(judge(row)).isEqualTo(Verdict.FRESH);
        assertThat(row.row().timeLeft()).isEqualTo(7190);
    }

    @Test
    void aFailedRefreshStaysDueButNotBeforeRetryAfter() {
        Row row = new Row(10);
        row.failures = 1;
        row.retryAfter = NOW;
        assertThat(judge(row)).isEqualTo(Verdict.FAILED_BEFORE);
        row.retryAfter = NOW + 1;
        assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
    }

    @Test
    void aRequestWaitsUntilTheLastFetchIsAMinuteOld() {
        Row row = new Row(59);
        row.requested = true;
        assertThat(judge(row)).isEqualTo(Verdict.FRESH);
        row = new Row(60);
        row.requested = true;
        assertThat(judge(row)).isEqualTo(Verdict.REQUESTED);
    }

    @Test
    void aFencedRunsOwnRequestDoesNotWait() {
        Row row = new Row(0);
        row.requested = true;
        assertThat(policy.judgeAfterFence(row.row(), Endpoint.TOKEN, "me")).isEqualTo(Verdict.REQUESTED);
    }

    @Test
    void aFencedRunIsHeldByOthersButNotByItself() {
        Row row = new Row(0);
        row.claimedUntil = NOW + 60;
        row.claimedBy = "me";
        assertThat(policy.judgeAfterFence(row.row(), Endpoint.TOKEN, "me")).isEqualTo(Verdict.LAPSED_CLAIM);
        row.claimedBy = "other";
        assertThat(policy.judgeAfterFence(row.row(), Endpoint.TOKEN, "me")).isEqualTo(Verdict.HELD);
    }

    @Test
    void aRequestDoesNotLiftAHold() {
        Row row = new Row(600);
        row.requested = true;
        row.failures = 3;
        row.retryAfter = NOW + 1;
        assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
    }
}
