package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.dao.DataAccessResourceFailureException;

import io.wxtoken.ExitCode;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.standin.StandIn;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer.Reach;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Endpoint;

/**
 * What a refresh waits for, says and is told of: rules that need an exact time, a row in
 * a state of its own, or an answer that comes at a certain moment. They are the same on
 * each database.
 */
@ParameterizedClass
@MethodSource("embedded")
class RefresherRulesIT extends RowTest {

    private static final RunId ME = new RunId("a", "a");

    private static final Answer BUSY = refused(-1, "system error");

    private final List<String> told = new ArrayList<>();

    private final RefreshListener telling = new RefreshListener() {

        @Override
        public void fetching(RowKey row) {
            told.add("fetching " + row.appId() + " " + row.type());
        }

        @Override
        public void claimLost(RowKey row) {
            told.add("lost " + row.appId() + " " + row.type());
        }

        @Override
        public void publishFenced(RowKey row) {
            told.add("fenced " + row.appId() + " " + row.type());
        }

        @Override
        public void warning(RowKey row, Verdict about, String text) {
            told.add(row.appId() + " " + about + ": " + text);
        }

        @Override
        public void happened(RefreshEvent event) {
            told.add(event.kind() + " (" + event.reason() + ")");
        }
    };

    private static Answer.Refused refused(int errcode, String errmsg) {
        return new Answer.Refused(errcode, errmsg, ACCOUNT);
    }

    /** Gives these answers, one for each request. */
    private static class Script implements TokenFetcher {

        private final Account account;

        private final Deque<Answer> answers;

        Script(Account account, Answer... answers) {
            this.account = account;
            this.answers = new ArrayDeque<>(List.of(answers));
        }

        @Override
        public Account account() {
            return account;
        }

        @Override
        public String blockedBecause(TokenRow row, Verdict why) {
            return null;
        }

        @Override
        public Answer fetch(TokenRow row, Verdict why, Runnable asking) {
            asking.run();
            return answers.poll();
        }

        @Override
        public FetchedValue fetched(TokenRow seen, Answer.Issued given) {
            return new FetchedValue(given.value(), 0, given.expiresIn());
        }

    }

    private Refresher refresher(TokenRepository statements, LongSupplier nanoTime) {
        return new Refresher(statements, POLICY, SETTINGS, Duration.ofSeconds(30), ME, nanoTime, () -> false, telling);
    }

    private Result refresh(TokenRow row, Account account, Answer... answers) {
        return refresher(rows, () -> 0).refresh(row, new Script(account, answers), Trigger.SCHEDULE);
    }

    private Result refresh(Answer... answers) {
        return refresh(row(), ACCOUNT, answers);
    }

    /** The row as it would be read so many seconds later. */
    private static TokenRow later(TokenRow row, long seconds) {
        return new TokenRow(row.id(), row.appId(), row.type(), row.stored(), row.version(), row.claim(),
                row.refreshRequested(), row.doomed(), row.probedAt(), row.lastRefresh(), row.forced(),
                row.now() + seconds);
    }

    private void failedBefore(int failures, String columns) {
        run("b");
        age(3000);
        database.jdbc().sql("UPDATE wx_token SET failures = " + failures + columns + " WHERE id = 1").update();
    }

    // ---- What the listener is told

    @Test
    void theListenerIsToldOfFetchesLostClaimsAndFencedPublishes() {
        String row = StandIn.APP_ID + " access_token";
        TokenRow seen = row();
        rows.claim(seen, "other", SETTINGS.lease()).orElseThrow();
        assertThat(refresh(seen, ACCOUNT).outcome()).isEqualTo(Outcome.LOST);
        assertThat(told).containsExactly("lost " + row);
        lapse();
        told.clear();
        TokenRepository fencing = faulty().before(Step.PUBLISH,
                FaultyRepository.once(() -> class2015Writes(weChat.issueElsewhere())));
        refresher(fencing, () -> 0).refresh(row(),
                new Script(ACCOUNT, new Answer.Issued("T1", 7200), new Answer.Issued("T2", 7200)), Trigger.FORCED);
        assertThat(told).containsExactly("fetching " + row, "fenced " + row, "fenced (forced)", "fetching " + row,
                "refreshed (forced)");
        assertThat(row().value()).isEqualTo("T2");
    }

    @Test
    void whoseStatementsBreakIsFencedForAllThatItKnows() {
        TokenRepository breaking = faulty().before(Step.PUBLISH, FaultyRepository::breakConnection);
        assertThatThrownBy(() -> refresher(breaking, () -> 0).refresh(row(),
                new Script(ACCOUNT, new Answer.Issued("T1", 7200)), Trigger.SCHEDULE))
            .isInstanceOf(DataAccessResourceFailureException.class);
        assertThat(told).last().isEqualTo("fenced (never obtained)");
        assertThat(row().doomed()).isEqualTo(TokenRow.MAYBE_KILLED);
    }

    @Test
    void aRefreshIsRequestedWhenTheClaimIsGoneAndOnlyThen() {
        for (Answer answer : List.of(refused(40164, "invalid ip"), new Answer.Unknown("broke", Reach.IN_FLIGHT))) {
            for (boolean taken : new boolean[] { false, true }) {
                database.reset();
                Runnable takeOver = () -> {
                    if (taken) {
                        anotherRunTakesOver(StandIn.APP_ID, "theirs");
                    }
                };
                TokenRepository taking = faulty().before(Step.RELEASE, takeOver).before(Step.LEAVE_TO_LAPSE, takeOver);
                refresher(taking, () -> 0).refresh(row(), new Script(ACCOUNT, answer), Trigger.SCHEDULE);
                assertThat(row().doomed()).as("%s, %s", answer, taken).isEqualTo(taken ? TokenRow.MAYBE_KILLED : 0);
            }
        }
    }

    @Test
    void aFailureIsToldAgainOnlyIfItIsAnother() {
        refresh(refused(40164, "invalid ip 1.2.3.4, rid: 1"));
        assertThat(told).contains("failed (never obtained)");
        Map<Answer, Boolean> news = Map.of(refused(40164, "invalid ip 5.6.7.8, rid: 2"), false,
                refused(40125, "invalid appsecret"), true, new Answer.Unknown("broke", Reach.NOT_SENT), true);
        news.forEach((answer, told) -> {
            database.jdbc()
                .sql("UPDATE wx_token SET failures = 1, errcode = 40164, last_error = 'errcode 40164', retry_after = 0"
                        + " WHERE id = 1")
                .update();
            this.told.clear();
            refresh(answer);
            assertThat(this.told.contains("failed (never obtained)")).as("%s", answer).isEqualTo(told);
        });
        // without a code the text decides
        for (String text : List.of("broke", "no answer")) {
            database.jdbc()
                .sql("UPDATE wx_token SET failures = 1, errcode = NULL, last_error = 'broke', retry_after = 0,"
                        + " claimed_by = NULL WHERE id = 1")
                .update();
            told.clear();
            refresh(new Answer.Unknown(text, Reach.NOT_SENT));
            assertThat(told.contains("failed (never obtained)")).as(text).isEqualTo(text.equals("no answer"));
        }
        // a success lies between
        database.jdbc()
            .sql("UPDATE wx_token SET failures = 0, last_error = 'broke', retry_after = 0 WHERE id = 1")
            .update();
        told.clear();
        Answer broke = new Answer.Unknown("broke", Reach.NOT_SENT);
        refresh(broke, broke, broke);
        assertThat(told).contains("failed (never obtained)");
    }

    @Test
    void aValueThatWeChatRepeatsIsToldAfterAFailureAlone() {
        refresh(new Answer.Issued("T1", 7200));
        age(3000);
        told.clear();
        assertThat(refresh(new Answer.Issued("T1", 4200)).outcome()).isEqualTo(Outcome.FRESH);
        assertThat(told).containsExactly("fetching " + StandIn.APP_ID + " access_token");
        age(3000);
        database.jdbc().sql("UPDATE wx_token SET failures = 1 WHERE id = 1").update();
        refresh(new Answer.Issued("T1", 1200));
        assertThat(told).last().isEqualTo("recovered (the last refresh failed)");
    }

    @Test
    void aRowThatWasDueForTooLongIsWarnedOfWhenItIsRefreshed() {
        refresh(new Answer.Issued("T1", 7200));
        told.clear();
        long due = 3000 - row().age();
        refresh(later(row(), due + 210), ACCOUNT, new Answer.Issued("T2", 7200));
        assertThat(told).as("210 s, a lease and a request are the grace")
            .noneMatch(line -> line.contains("Start the job every minute"));
        due = 3000 - row().age();
        refresh(later(row(), due + 211), ACCOUNT, new Answer.Issued("T3", 7200));
        assertThat(told).filteredOn(line -> line.contains("Start the job every minute"))
            .singleElement()
            .asString()
            .startsWith(StandIn.APP_ID + " OLD: access_token was due for 211 s before a run started. With"
                    + " wx.refresh.lease and a request this is 301 s, more than WeChat's grace of 300 s");
        told.clear();
        database.jdbc().sql("UPDATE wx_token SET expires_at = UNIX_TIMESTAMP() + 7200 WHERE id = 1").update();
        refresh(later(row(), 7200 - 300 + 211), STABLE, new Answer.Issued("T4", 7200));
        assertThat(told).anyMatch(line -> line.startsWith(StandIn.APP_ID + " NEAR_EXPIRY: "));
        told.clear();
        database.jdbc().sql("UPDATE wx_token SET refresh_requested = 1, retry_after = 0 WHERE id = 1").update();
        refresh(later(row(), 9000), ACCOUNT, new Answer.Issued("T5", 7200));
        assertThat(told).as("nobody knows since when").noneMatch(line -> line.contains("Start the job"));
    }

    // ---- Waits

    @Test
    void eachFailureIsCountedAndMakesTheNextWaitLonger() {
        failedBefore(2, "");
        Result failed = refresh(BUSY);
        assertThat(row().lastRefresh().failures()).isEqualTo(3);
        assertThat(row().lastRefresh().retryAfter() - row().now()).isBetween(25L, 30L);
        assertThat(failed.exitCode()).isEqualTo(ExitCode.RETRY);
        database.jdbc().sql("UPDATE wx_token SET failures = 2, retry_after = 0 WHERE id = 1").update();
        assertThat(refresh(new Answer.Unknown("broke", Reach.IN_FLIGHT)).detail())
            .isEqualTo("broke; a run tries again after 90 s");
    }

    @Test
    void whatNeverReachedWeChatIsOneFailureHoweverOften() {
        assertThat(refresh(new Answer.Unknown("can't connect", Reach.NOT_SENT, ExitCode.ACT)).detail())
            .isEqualTo("can't connect; the next run tries again");
        assertThat(refresh(new Answer.Unknown("can't connect", Reach.NOT_SENT)).row().id()).isEqualTo(1);
        assertThat(row().lastRefresh().failures()).isEqualTo(1);
        assertThat(row().lastRefresh().retryAfter()).isLessThanOrEqualTo(row().now());
        assertThat(refresh(new Answer.TokenDead(42001, "expired")).detail()).endsWith("(errcode 42001, expired)");
    }

    @Test
    void aRefusalForWantOfAnAuthorizationIsRememberedWithTheRefreshTokensFingerprint() {
        Account component = new Account("wxc", "s3cret", Endpoint.COMPONENT, List.of(), false);
        Account authorizer = new Account(StandIn.APP_ID, null, Endpoint.AUTHORIZER, List.of(), true, "", "",
                new Account.Authorization(component, 0, "f1ngerprint"));
        refresh(row(), authorizer, new Answer.Refused(61023, "refresh_token is invalid", authorizer));
        assertThat(row().lastRefresh().refusedCaller()).isEqualTo("f1ngerprint");
        database.reset();
        refresh(row(), ACCOUNT, refused(61023, "refresh_token is invalid"));
        assertThat(row().lastRefresh().refusedCaller()).isEmpty();
        database.reset();
        refresh(row(), authorizer, new Answer.Refused(-1, "system error", authorizer), BUSY, BUSY);
        assertThat(row().lastRefresh().refusedCaller()).as("it concerns everybody").isEmpty();
    }

    /** Statements that tell how long WeChat must not be asked after a publish. */
    private final class Waits extends TokenRepository {

        private final List<Long> waits = new ArrayList<>();

        Waits() {
            super(database.dataSource());
        }

        @Override
        public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
            waits.add(notAgainFor);
            return super.publish(claim, appId, fetched, notAgainFor);
        }

    }

    @Test
    void afterARefreshWeChatIsAskedAgainAfterTheIntervalUnlessAnotherValueIsExpectedSooner() {
        Waits waits = new Waits();
        WxProperties.Refresh patient = new WxProperties.Refresh(SETTINGS.after(), SETTINGS.before(), SETTINGS.lease(),
                Duration.ofMinutes(10), 16);
        RefreshPolicy policy = new RefreshPolicy(patient, new WxProperties.Probe(Duration.ofMinutes(5)));
        Refresher refresher = new Refresher(waits, policy, patient, Duration.ofSeconds(30), ME, () -> 0, () -> false,
                telling);
        record Given(String value, long life, long notAgainFor) {
        }
        for (Given given : List.of(new Given("T1", 7200, 600), new Given("T1", 7200, 60), new Given("T1", 40, 40),
                new Given("T1", 0, 1), new Given("T2", 301, 600), new Given("T3", 300, 60), new Given("T4", 40, 60))) {
            refresher.refresh(row(), new Script(ACCOUNT, new Answer.Issued(given.value(), given.life())),
                    Trigger.FORCED);
            assertThat(waits.waits).last().as("%s", given).isEqualTo(given.notAgainFor());
        }
    }

    @Test
    void aRunAsksWeChatAsLongAsALeaseLeavesTimeForARequest() {
        long second = Duration.ofSeconds(1).toNanos();
        long[] time = { 0 };
        // the clock is looked at before the claim, and then before the request
        Refresher justInTime = refresher(rows, () -> 30 * second * time[0]++);
        assertThat(justInTime.refresh(row(), new Script(ACCOUNT, new Answer.Issued("T1", 7200)), Trigger.SCHEDULE)
            .outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(row().age()).as("and after the answer, 30 s later").isBetween(30L, 35L);
    }

    @Test
    void aPauseBeforeTheNextRequestIsRealAndAnInterruptEndsIt() {
        long begun = System.nanoTime();
        refresh(BUSY, new Answer.Issued("T1", 7200));
        assertThat(row().value()).isEqualTo("T1");
        assertThat(Duration.ofNanos(System.nanoTime() - begun)).isGreaterThan(Duration.ofMillis(120));
        age(3000);
        told.clear();
        Result interrupted = refresher(rows, () -> 0).refresh(row(), new Script(ACCOUNT, BUSY, BUSY) {

            @Override
            public Answer fetch(TokenRow row, Verdict why, Runnable asking) {
                Thread.currentThread().interrupt();
                return super.fetch(row, why, asking);
            }
        }, Trigger.SCHEDULE);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(interrupted.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(told).filteredOn(line -> line.startsWith("fetching")).hasSize(1);
    }

    // ---- What is said of a row that is not due

    private static TokenRow held(TokenRow row, long until, String error, long retryAfter) {
        return new TokenRow(row.id(), row.appId(), row.type(), row.stored(), row.version(),
                new TokenRow.ClaimMark("other", row.now() + until), 0, 0, row.probedAt(),
                new TokenRow.LastRefresh(1, row.now() + retryAfter, "", error, null), row.forced(), row.now());
    }

    @Test
    void whoWaitsIsToldForHowLong() {
        refresh(new Answer.Issued("T1", 7200));
        TokenRow row = row();
        assertThat(refresh(held(row, 45, TokenRow.unfinished("other"), 0), ACCOUNT).detail())
            .isEqualTo("by other for 45 s at most");
        assertThat(refresh(held(row, 45, "broke", 0), ACCOUNT).detail())
            .isEqualTo("broke; WeChat is asked again in 46 s");
        assertThat(refresh(held(row, 45, "broke", 90), ACCOUNT).detail())
            .isEqualTo("broke; WeChat is asked again in 90 s");
        TokenRow requested = new TokenRow(row.id(), row.appId(), row.type(), row.stored(), row.version(),
                TokenRow.ClaimMark.NONE, 1, 0, row.probedAt(),
                new TokenRow.LastRefresh(0, row.now() + 40, "", "", null), row.forced(), row.now());
        Result waits = refresh(requested, ACCOUNT);
        assertThat(waits.detail()).isEqualTo("WeChat is asked again in 40 s");
        assertThat(waits.outcome()).isEqualTo(Outcome.FRESH);
    }

}
