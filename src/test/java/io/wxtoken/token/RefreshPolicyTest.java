package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import org.junit.jupiter.api.Test;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;

class RefreshPolicyTest {

    private static final long NOW = 1_800_000_000;

    private final RefreshPolicy policy = new RefreshPolicy(new WxProperties.Refresh(Duration.ofMinutes(50),
            Duration.ofMinutes(5), Duration.ofSeconds(60), Duration.ofSeconds(60), 16),
            new WxProperties.Probe(Duration.ofMinutes(5)));

    private static final Account ACCOUNT = new Account("wx1", "s3cret", Endpoint.TOKEN, List.of(), true);

    private static final Account STABLE = ACCOUNT.at(Endpoint.STABLE_TOKEN);

    private static final RunId ME = new RunId("host", "host-1-run");

    /** A row as a publish of some seconds ago left it; each test spoils one thing. */
    private static final class Row {

        String expire;

        String value = "token";

        long expiresAt;

        String claimedBy;

        long claimedUntil;

        int requested;

        int doomed;

        long probedAt = NOW;

        String fingerprint = Fingerprint.of("token");

        int failures;

        long retryAfter;

        String refusedCaller = "";

        String error = "";

        Integer errcode;

        Row(long age) {
            expire = String.valueOf(NOW - age);
            expiresAt = NOW - age + 7200;
        }

        TokenRow row() {
            return row("access_token");
        }

        TokenRow row(String type) {
            return new TokenRow(1, "wx1", type, new TokenRow.Stored(expire, value, expiresAt, fingerprint), 7,
                    new TokenRow.ClaimMark(claimedBy, claimedUntil), requested, doomed, probedAt,
                    new TokenRow.LastRefresh(failures, retryAfter, refusedCaller, error, errcode),
                    new TokenRow.Forced(0, 0), NOW);
        }

    }

    private Verdict judge(Row row) {
        return judge(row, Trigger.SCHEDULE);
    }

    private Verdict judge(Row row, Trigger trigger) {
        return policy.judge(row.row(), ACCOUNT, trigger, ME);
    }

    @Test
    void aTokenIsFreshUntilItIsAsOldAsAfter() {
        assertThat(judge(new Row(0))).isEqualTo(Verdict.FRESH);
        assertThat(judge(new Row(2999))).isEqualTo(Verdict.FRESH);
        assertThat(judge(new Row(3000))).isEqualTo(Verdict.OLD);
    }

    @Test
    void accountsThatAuthorizedAPlatformTogetherDoNotStayTogether() {
        Account component = new Account("wxc", "s3cret", Endpoint.COMPONENT, List.of(), false);
        Set<Long> ages = new HashSet<>();
        for (int i = 0; i < 100; i++) {
            Account account = new Account("wxmerchant" + i, null, Endpoint.AUTHORIZER, List.of(), false, "", "",
                    new Account.Authorization(component, NOW - 9999, ""));
            long age = 2400;
            while (policy.judge(new Row(age).row(), account, Trigger.SCHEDULE, ME) == Verdict.FRESH) {
                age++;
            }
            assertThat(age).isBetween(2400L, 3000L);
            assertThat(policy.judge(new Row(2399).row(), account, Trigger.SCHEDULE, ME)).isEqualTo(Verdict.FRESH);
            ages.add(age);
        }
        assertThat(ages).hasSizeGreaterThan(60);
        assertThat(policy.spread()).as("a fifth of 3000, and 0").isEqualTo(601);
    }

    // ---- Accounts that authorized a platform

    private static Account authorized(long at, String fingerprint) {
        Account component = new Account("wxc", "s3cret", Endpoint.COMPONENT, List.of(), false);
        return new Account("wx1", null, Endpoint.AUTHORIZER, List.of(), false, "", "",
                new Account.Authorization(component, at, fingerprint));
    }

    private Verdict judgeAuthorizer(TokenRow row, long authorizedAt) {
        return policy.judge(row, authorized(authorizedAt, ""), Trigger.SCHEDULE, ME);
    }

    @Test
    void aTokenThatMayBeOlderThanItsAuthorizationIsDueAndATicketIsNot() {
        TokenRow row = new Row(100).row();
        assertThat(judgeAuthorizer(row, NOW - 106)).isEqualTo(Verdict.FRESH);
        assertThat(judgeAuthorizer(row, NOW - 105)).as("two clocks differ by 5 s at most")
            .isEqualTo(Verdict.AUTHORIZED);
        assertThat(judgeAuthorizer(row, NOW + 300)).isEqualTo(Verdict.AUTHORIZED);
        assertThat(judgeAuthorizer(row, NOW + 301)).as("no clock is so far ahead").isEqualTo(Verdict.FRESH);
        assertThat(judgeAuthorizer(new Row(100).row("jsapi_ticket"), NOW)).isEqualTo(Verdict.FRESH);
    }

    /** As a refusal of a moment ago left it. */
    private static Row unauthorized() {
        Row row = new Row(100);
        row.failures = 1;
        row.errcode = 61023;
        row.refusedCaller = "refused";
        row.retryAfter = NOW + 86400;
        return row;
    }

    @Test
    void anAccountIsUnauthorizedAsLongAsTheRefusalLasts() {
        Account refused = authorized(NOW - 9999, "refused");
        assertThat(policy.isUnauthorized(refused, unauthorized().row())).isTrue();
        assertThat(policy.isUnauthorized(refused, null)).isFalse();
        assertThat(policy.isUnauthorized(ACCOUNT, unauthorized().row())).isFalse();
        Row over = unauthorized();
        over.retryAfter = NOW;
        assertThat(policy.isUnauthorized(refused, over.row())).isFalse();
        Row succeeded = unauthorized();
        succeeded.failures = 0;
        succeeded.requested = 1;
        succeeded.retryAfter = NOW + 60;
        assertThat(policy.isUnauthorized(refused, succeeded.row())).isFalse();
        for (Integer errcode : new Integer[] { null, 40125 }) {
            Row other = unauthorized();
            other.errcode = errcode;
            other.retryAfter = NOW + 60;
            assertThat(policy.isUnauthorized(refused, other.row())).as("errcode %s", errcode).isFalse();
        }
    }

    @Test
    void aRefusalForWantOfAnAuthorizationIsOverWhenAnotherIsStored() {
        Row row = unauthorized();
        assertThat(policy.judge(row.row(), authorized(NOW - 9999, "another"), Trigger.SCHEDULE, ME))
            .isEqualTo(Verdict.FAILED_BEFORE);
        // the claim was 60 s before now at the earliest, and two clocks differ by 5 s
        assertThat(policy.judge(row.row(), authorized(NOW - 65, "refused"), Trigger.SCHEDULE, ME))
            .isEqualTo(Verdict.FAILED_BEFORE);
        assertThat(policy.judge(row.row(), authorized(NOW - 66, "refused"), Trigger.SCHEDULE, ME))
            .isEqualTo(Verdict.ON_HOLD);
        row.refusedCaller = "";
        assertThat(policy.judge(row.row(), ACCOUNT, Trigger.SCHEDULE, ME)).as("it authorizes no platform any more")
            .isEqualTo(Verdict.ON_HOLD);
    }

    @Test
    void aRefusalOfAnotherKindIsNotOverForAnotherNodeThatAuthorizesNothing() {
        Row row = new Row(100);
        row.failures = 1;
        row.errcode = 40164;
        row.refusedCaller = "other/wx1";
        row.retryAfter = NOW + 600;
        assertThat(policy.judge(row.row(), authorized(NOW, ""), Trigger.SCHEDULE, ME)).isEqualTo(Verdict.FAILED_BEFORE);
        row.refusedCaller = ME.caller("wx1");
        assertThat(policy.judge(row.row(), authorized(NOW, ""), Trigger.SCHEDULE, ME)).isEqualTo(Verdict.ON_HOLD);
    }

    // ---- When

    @Test
    void aRowIsDueAtTheAgeOrTheEndThatComesFirst() {
        assertThat(policy.dueAt(new Row(100).row(), ACCOUNT, ME)).isEqualTo(NOW + 2900);
        assertThat(policy.dueAt(new Row(100).row(), STABLE, ME)).isEqualTo(NOW + 7100 - 300);
        Row nearItsEnd = new Row(100);
        nearItsEnd.expiresAt = NOW + 500;
        assertThat(policy.dueAt(nearItsEnd.row(), ACCOUNT, ME)).isEqualTo(NOW + 200);
        assertThat(policy.dueAt(new Row(3500).row(), ACCOUNT, ME)).isEqualTo(NOW);
        Row waits = new Row(3500);
        waits.retryAfter = NOW + 60;
        assertThat(policy.dueAt(waits.row(), ACCOUNT, ME)).isEqualTo(NOW + 60);
    }

    @Test
    void aWaitCountsThatIsNoLongerThanTheJobWritesWhereTwoServersClocksDiffer() {
        Row row = new Row(3500);
        row.retryAfter = NOW + 65;
        assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
        row.retryAfter = NOW + 66;
        assertThat(judge(row)).isEqualTo(Verdict.OLD);
    }

    @Test
    void anEmptyValueOrAnExpireThatIsNoPastTimeIsDue() {
        for (String expire : new String[] { "", "0", "soon", "-5", "1.5", " 1700000000", "1700000000\n", "１７００００００００",
                "9999999999999999", String.valueOf(NOW + 301) }) {
            Row row = new Row(10);
            row.expire = expire;
            assertThat(judge(row)).as("expire '%s'", expire).isEqualTo(Verdict.NONSENSE_TIME);
        }
        Row row = new Row(10);
        row.value = "";
        row.fingerprint = "";
        assertThat(judge(row)).isEqualTo(Verdict.NEVER_OBTAINED);
    }

    private long dueFor(Row row, Account account) {
        return policy.dueFor(row.row(), account);
    }

    @Test
    void aRowIsDueSinceItWasAsOldAsAfterOrAsNearItsEndAsBefore() {
        assertThat(dueFor(new Row(3000), ACCOUNT)).isZero();
        assertThat(dueFor(new Row(6600), ACCOUNT)).isEqualTo(3600);
        assertThat(dueFor(new Row(6600), STABLE)).as("its age does not count").isZero();
        assertThat(dueFor(new Row(7000), STABLE)).isEqualTo(100);
        Row held = new Row(3100);
        held.claimedBy = "another";
        held.claimedUntil = NOW + 30;
        assertThat(dueFor(held, ACCOUNT)).isEqualTo(100);
        Row repeated = new Row(10);
        repeated.expiresAt = NOW + 100;
        assertThat(dueFor(repeated, ACCOUNT)).as("WeChat gave it 10 s ago").isEqualTo(10);
        Row requested = new Row(10);
        requested.requested = 1;
        assertThat(dueFor(requested, ACCOUNT)).as("nobody can tell since when").isZero();
        for (String expire : new String[] { "", "soon", String.valueOf(NOW + 8000) }) {
            Row nonsense = new Row(10);
            nonsense.expire = expire;
            assertThat(dueFor(nonsense, ACCOUNT)).as("expire '%s'", expire).isZero();
        }
        Row none = new Row(10);
        none.value = "";
        assertThat(dueFor(none, ACCOUNT)).isZero();
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
    void onTheStableEndpointATokenIsDueByItsEndAndNotByItsAge() {
        Row row = new Row(6899);
        assertThat(policy.judge(row.row(), STABLE, Trigger.SCHEDULE, ME)).isEqualTo(Verdict.FRESH);
        assertThat(policy.judge(new Row(6900).row(), STABLE, Trigger.SCHEDULE, ME)).isEqualTo(Verdict.NEAR_EXPIRY);
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
        row.claimedUntil = NOW + 240;
        assertThat(judge(row)).isEqualTo(Verdict.HELD);
    }

    @Test
    void aValueThatTheJobDidNotWriteIsDue() {
        Row row = new Row(10);
        row.fingerprint = Fingerprint.of("another token");
        assertThat(judge(row)).isEqualTo(Verdict.FOREIGN_VALUE);
    }

    @Test
    void aValueWithoutFingerprintIsForeignAndEndsTwoHoursAfterItsExpire() {
        Row row = new Row(10);
        row.fingerprint = "";
        row.expiresAt = 0;
        assertThat(judge(row)).isEqualTo(Verdict.FOREIGN_VALUE);
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
    void anotherNodeMayTryWhatWasRefusedToOneWhileTheFailuresAreFew() {
        Row row = new Row(3000);
        row.failures = 3;
        row.retryAfter = NOW + 600;
        row.refusedCaller = ME.caller("wx1");
        assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
        row.refusedCaller = "other/wx1";
        assertThat(judge(row)).isEqualTo(Verdict.FAILED_BEFORE);
        row.refusedCaller = ME.caller("wx-mistyped");
        assertThat(judge(row)).isEqualTo(Verdict.FAILED_BEFORE);
        row.failures = 4;
        assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
    }

    @Test
    void requestsAndForeignValuesWaitUntilTheLastFetchIsOldEnough() {
        Row row = new Row(59);
        row.requested = 1;
        row.retryAfter = NOW + 1;
        assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
        assertThat(judge(row, Trigger.DEAD)).isEqualTo(Verdict.ON_HOLD);
        row.fingerprint = Fingerprint.of("another token");
        assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
        row.retryAfter = NOW;
        assertThat(judge(row)).isEqualTo(Verdict.FOREIGN_VALUE);
        row.fingerprint = Fingerprint.of("token");
        assertThat(judge(row)).isEqualTo(Verdict.REQUESTED);
        assertThat(judge(row, Trigger.DEAD)).isEqualTo(Verdict.DEAD);
    }

    @Test
    void aRowWhoseExpireAnApplicationSpoiledWaitsToo() {
        Row row = new Row(3000);
        row.retryAfter = NOW + 60;
        assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
        row.expire = "0";
        assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
        row.retryAfter = NOW + 2 * 86400;
        assertThat(judge(row)).as("nobody wrote a hold of two days").isEqualTo(Verdict.NONSENSE_TIME);
    }

    @Test
    void onTheStableEndpointADeadTokenDoesNotWait() {
        Row row = new Row(10);
        row.requested = 1;
        row.retryAfter = NOW + 60;
        assertThat(policy.judge(row.row(), STABLE, Trigger.DEAD, ME)).isEqualTo(Verdict.DEAD);
        assertThat(policy.judge(row.row(), ACCOUNT, Trigger.DEAD, ME)).isEqualTo(Verdict.ON_HOLD);
    }

    @Test
    void aFencedRunsRequestDoesNotWaitWhoeverAnswersIt() {
        Row row = new Row(0);
        row.doomed = TokenRow.MAYBE_KILLED;
        row.retryAfter = NOW + 60;
        assertThat(judge(row)).isEqualTo(Verdict.REQUESTED);
        assertThat(judge(row, Trigger.FENCED)).isEqualTo(Verdict.REQUESTED);
    }

    @Test
    void whatAnApplicationWritesNeverShortensTheWaitNorHidesADoomedValue() {
        Row row = new Row(0);
        row.retryAfter = NOW + 60;
        for (int requested : new int[] { 1, 2, -1, 127 }) {
            row.requested = requested;
            assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
        }
        row.requested = 0;
        row.doomed = TokenRow.DEAD;
        assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
        row.retryAfter = NOW;
        assertThat(judge(row)).isEqualTo(Verdict.REQUESTED);
    }

    @Test
    void aTimeAheadOfNowIsNonsenseWhicheverColumnItIsIn() {
        long hours = 8 * 3600;
        Row all = new Row(-hours);
        all.retryAfter = NOW + hours + 60;
        all.probedAt = NOW + hours;
        assertThat(judge(all)).as("as a publish left it, by a clock 8 h ahead").isEqualTo(Verdict.NONSENSE_TIME);

        Row hold = new Row(100);
        hold.requested = 1;
        hold.retryAfter = NOW + hours;
        assertThat(judge(hold)).isEqualTo(Verdict.REQUESTED);
        hold.failures = 2;
        assertThat(judge(hold)).isEqualTo(Verdict.FAILED_BEFORE);
        hold.errcode = 40125;
        assertThat(judge(hold)).isEqualTo(Verdict.FAILED_BEFORE);
        hold.errcode = 89506;
        assertThat(judge(hold)).as("WeChat wants 24 h").isEqualTo(Verdict.ON_HOLD);
        hold.errcode = null;
        hold.error = "errcode 89506, as a schema without the column has it";
        assertThat(judge(hold)).isEqualTo(Verdict.ON_HOLD);

        Row end = new Row(100);
        end.expiresAt = NOW + 30 * 86400;
        assertThat(judge(end)).isEqualTo(Verdict.FRESH);
        end.expiresAt++;
        assertThat(judge(end)).isEqualTo(Verdict.NONSENSE_TIME);

        Row probe = new Row(100);
        assertThat(policy.probeDue(probe.row())).isFalse();
        probe.probedAt = NOW + 1;
        assertThat(policy.probeDue(probe.row())).isTrue();
    }

    @Test
    void aClaimThatIsLeftToLapseAfterAFailureIsNoRunAtWork() {
        Row row = new Row(100);
        row.claimedBy = "other";
        row.claimedUntil = NOW + 60;
        row.failures = 1;
        row.retryAfter = NOW + 90;
        row.error = TokenRow.unfinished("other");
        assertThat(policy.nothingDue(ACCOUNT, row.row())).isTrue();
        assertThat(policy.dueAt(row.row(), ACCOUNT, ME)).isEqualTo(NOW + 61);
        row.error = "HTTP status 502 from https://api.weixin.qq.com";
        assertThat(judge(row)).isEqualTo(Verdict.HELD);
        assertThat(policy.nothingDue(ACCOUNT, row.row())).as("each run reports it").isFalse();
        assertThat(policy.dueAt(row.row(), ACCOUNT, ME)).isEqualTo(NOW + 90);
    }

    @Test
    void aFencedRunIsHeldByOthersButNotByItself() {
        Row row = new Row(0);
        row.claimedUntil = NOW + 60;
        row.claimedBy = ME.run();
        row.failures = 1;
        row.retryAfter = NOW + 60;
        assertThat(judge(row, Trigger.FENCED)).isEqualTo(Verdict.LAPSED_CLAIM);
        assertThat(judge(row, Trigger.SCHEDULE)).isEqualTo(Verdict.HELD);
        row.claimedBy = "other";
        assertThat(judge(row, Trigger.FENCED)).isEqualTo(Verdict.HELD);
    }

    @Test
    void aRequestDoesNotShortenTheWaitAfterAFailure() {
        Row row = new Row(600);
        row.requested = 1;
        row.failures = 3;
        row.retryAfter = NOW + 1;
        assertThat(judge(row)).isEqualTo(Verdict.ON_HOLD);
    }

    @Test
    void anOperatorsForceWaitsForAClaimAndForNothingElse() {
        Row row = new Row(5);
        row.failures = 9;
        row.retryAfter = NOW + 600;
        assertThat(judge(row, Trigger.FORCED)).isEqualTo(Verdict.FORCED);
        row.claimedBy = "other";
        row.claimedUntil = NOW + 5;
        assertThat(judge(row, Trigger.FORCED)).isEqualTo(Verdict.HELD);
    }

}
