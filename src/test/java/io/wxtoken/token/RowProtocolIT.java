package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.jdbc.core.simple.JdbcClient;

import io.wxtoken.ExitCode;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Answer.Reach;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;

/**
 * The contract of the row: the protocol's properties, and the source's own statements, on
 * every database.
 */
@ParameterizedClass
@MethodSource("databases")
class RowProtocolIT extends RowTest {

    // ---- The course of things

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
    void aHeldRowIsLeftAloneAndFineAsLongAsItsValueLives() {
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
    void onlyOneOfTwoThatReadTheSameRowClaimsIt() {
        TokenRow seen = row();
        assertThat(rows.claim(seen, "a", SETTINGS.lease())).isPresent();
        assertThat(rows.claim(seen, "b", SETTINGS.lease())).isEmpty();
        TokenRow claimed = row();
        assertThat(claimed.claim().by()).isEqualTo("a");
        assertThat(claimed.claim().until() - claimed.now()).isBetween(55L, 60L);
    }

    @Test
    void aMissingRowIsAddedOnceHoweverManyNodesMissIt() throws Exception {
        database.jdbc().sql("DELETE FROM wx_token WHERE id = 1").update();
        Account another = new Account("wx-new", "s", Endpoint.TOKEN, List.of(Ticket.WX_CARD), false);
        together(8, () -> rows.findOrAdd(rows.readAll(), List.of(ACCOUNT, another)));
        assertThat(rows.readAll()).extracting(row -> row.id() + " " + row.appId() + " " + row.type())
            .containsExactly("2  jsapi_ticket", "3 " + StandIn.APP_ID + " access_token", "4 wx-new access_token",
                    "5 wx-new wx_card_ticket");
    }

    @Test
    void theFirstAccountAdoptsTheSourcesRowsAndTheOthersGetTheirOwn() {
        Account second = new Account("wx2", "s", Endpoint.TOKEN, List.of(), false);
        Map<RowKey, TokenRow> found = rows.findOrAdd(rows.readAll(), List.of(second, ACCOUNT)).configured();
        assertThat(found.get(new RowKey(StandIn.APP_ID, "access_token")).id()).isEqualTo(1);
        assertThat(found.get(new RowKey(StandIn.APP_ID, "jsapi_ticket")).id()).isEqualTo(2);
        assertThat(found.get(new RowKey("wx2", "access_token")).id()).isEqualTo(3);
        assertThat(rows.findOrAdd(rows.readAll(), List.of(second, ACCOUNT)).configured().values()).hasSize(3);
    }

    @Test
    void anAccountsOwnRowGoesBeforeOneThatIsNobodys() {
        rows.findOrAdd(rows.readAll(), List.of(new Account(StandIn.APP_ID, "s", Endpoint.TOKEN, List.of(), false)));
        assertThat(rows.findOrAdd(rows.readAll(), List.of(ACCOUNT))
            .configured()
            .get(new RowKey(StandIn.APP_ID, "access_token"))
            .id()).isEqualTo(3);
    }

    @Test
    void aRowThatBecameAnotherAccountsIsNeitherClaimedNorRefreshedAfterAFence() {
        TokenRow seen = row();
        database.jdbc().sql("UPDATE wx_token SET app_id = 'wx-other' WHERE id = 1").update();
        assertThat(rows.claim(seen, "a", SETTINGS.lease())).isEmpty();
        TokenRepository taken = new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                lapse();
                Claim other = super.claim(row(), "b", SETTINGS.lease()).orElseThrow();
                super.publish(other, "wx-other", new FetchedValue("theirs", 0, 7200), 60);
                return super.publish(claim, appId, fetched, notAgainFor);
            }
        };
        assertThat(node("a", taken).refresh(row(), token(ACCOUNT), Trigger.SCHEDULE).detail())
            .contains("another account");
        assertThat(row().value()).isEqualTo("theirs");
    }

    // ---- The stable endpoint

    @Test
    void onTheStableEndpointAnUnchangedTokenIsNoRefreshAndItsEndIsTrue() {
        assertThat(run("a", STABLE).outcome()).isEqualTo(Outcome.REFRESHED);
        age(6900); // the row says 300 s, WeChat some 7200
        Result same = run("a", STABLE);
        assertThat(same.outcome()).isEqualTo(Outcome.FRESH);
        assertThat(same.row().timeLeft()).isBetween(7190L, 7200L);
        assertThat(row().stored().expiresAt()).isEqualTo(row().obtainedAt() + 7200);
        assertThat(weChat.issued()).hasSize(1);
    }

    @Test
    void onTheStableEndpointExpireIsWhenTheTokenWasFirstIssued() {
        weChat.next(new Fault.Body("{\"access_token\":\"STABLE\",\"expires_in\":345}"));
        assertThat(run("a", STABLE).row().age()).isEqualTo(6855);
        assertThat(row().now() - row().obtainedAt()).isBetween(6855L, 6860L);
        assertThat(row().stored().expiresAt()).isEqualTo(row().obtainedAt() + 7200);
    }

    // ---- Errors: the live value stays

    @Test
    void aRefusalGivesTheClaimBackAndIsRememberedForTheNextRuns() {
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
    void aRequestThatWasClaimedAndRefusedStaysDue() {
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
        assertThat(run("b").outcome()).isEqualTo(Outcome.HELD);
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
    void whatIsOverInAMomentIsAskedAgainAtOnceInTheFirstFailedRunAlone() {
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
        // which goes on
        assertTold(RefreshEvent.Kind.REFRESHED, RefreshEvent.Kind.REFRESHED, RefreshEvent.Kind.FAILED);
    }

    @Test
    void anAnswerThatMayStillBeUnderWayIsNotRepeated() {
        weChat.next(new Fault.CutAfter());
        run("a");
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        assertTold(RefreshEvent.Kind.FAILED);
        assertThat(events.get(0).detail()).contains("broke");
    }

    @Test
    void aRunThatDiesEachTimeAfterItsFetchIsSlowedDown() {
        TokenRepository dying = new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                throw new Died();
            }
        };
        run("a");
        age(3000);
        for (int minute = 0; minute < 1440; minute++) {
            try {
                node("dies", dying).refresh(row(), token(ACCOUNT), Trigger.SCHEDULE);
            }
            catch (Died expected) {
                // as the process would
            }
            age(60);
        }
        assertThat(weChat.tokenCalls()).isLessThan(200);
    }

    @Test
    void aRunThatWasPausedAfterItsClaimDoesNotFetch() {
        long[] time = { 0 };
        Refresher paused = new Refresher(rows, POLICY, SETTINGS, api().requestTimeout(), new RunId("a", "a"),
                () -> time[0] += Duration.ofSeconds(31).toNanos(), () -> false, listener());
        assertThat(paused.refresh(row(), token(ACCOUNT), Trigger.SCHEDULE).outcome()).isEqualTo(Outcome.FAILED);
        assertThat(weChat.requests()).isZero();
        assertThat(run("b").outcome()).isEqualTo(Outcome.REFRESHED);
        assertTold(RefreshEvent.Kind.FAILED, RefreshEvent.Kind.REFRESHED);
    }

    @Test
    void aRunThatIsToldToStopClaimsNothing() {
        Refresher stopped = new Refresher(rows, POLICY, SETTINGS, api().requestTimeout(), new RunId("a", "a"),
                System::nanoTime, () -> true, listener());
        assertThat(stopped.refresh(row(), token(ACCOUNT), Trigger.SCHEDULE).exitCode()).isEqualTo(ExitCode.STOPPED);
        assertThat(row().claim().by()).isNull();
    }

    // ---- P1: when nobody is in flight and the row looks clean, it holds the token
    // issued last

    @Test
    void p1ANodeWhoseLeaseLapsedWhileItFetchedIsFencedAndRefreshesAgain() throws Exception {
        // node a's fetch is served after node b's
        weChat.next(new Fault.IssueLate(Duration.ofSeconds(1)));
        Refresher a = node("a", rows);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        Future<Result> late = thread.submit(() -> a.refresh(row(), token(ACCOUNT), Trigger.SCHEDULE));
        while (weChat.requests() == 0) {
            Thread.sleep(10);
        }
        lapse();
        assertThat(run("b").outcome()).isEqualTo(Outcome.REFRESHED);
        String doomed = row().value();

        assertThat(late.get().outcome()).isEqualTo(Outcome.REFRESHED);
        thread.shutdown();
        assertThat(weChat.issued()).hasSize(3).startsWith(doomed);
        assertHoldsTheLastIssued();
    }

    @Test
    void p1AFencedNodesReportFencesNobodyAndSurvivesAnothersPublish() {
        Claim a = rows.claim(row(), "a", SETTINGS.lease()).orElseThrow();
        lapse();
        Claim b = rows.claim(row(), "b", SETTINGS.lease()).orElseThrow();
        assertThat(rows.publish(a, StandIn.APP_ID, new FetchedValue("late", 0, 7200), 60)).isFalse();
        rows.requestAfterFence(1);
        assertThat(rows.publish(b, StandIn.APP_ID, new FetchedValue("doomed", 0, 7200), 60)).isTrue();
        assertThat(row().value()).isEqualTo("doomed");
        assertThat(row().refreshRequested()).isPositive();
        assertThat(judge(row())).isEqualTo(Verdict.REQUESTED);
    }

    @Test
    void p1AReportWhoseConnectionBreaksIsMadeOnAnother() {
        assumeThat(database.isH2()).as("H2 has no connections that another could break").isFalse();
        HikariConfig one = new HikariConfig();
        one.setJdbcUrl(database.url());
        one.setMaximumPoolSize(1);
        try (HikariDataSource pool = new HikariDataSource(one)) {
            long connection = JdbcClient.create(pool).sql("SELECT CONNECTION_ID()").query(Long.class).single();
            database.jdbc().sql("KILL CONNECTION " + connection).update();
            new TokenRepository(pool).requestAfterFence(1);
        }
        assertThat(row().refreshRequested()).isEqualTo(TokenRow.REQUESTED_BY_FENCED_RUN);
    }

    /**
     * A lock that is waited for in vain (1205) is such a conflict on one server, as a
     * certification that fails is in a cluster.
     */
    @Test
    void p1APublishThatLosesAConflictIsMadeAgainAndP2AClaimThatLosesEachIsLost() throws Exception {
        assumeThat(database.isH2()).isFalse();
        HikariConfig impatient = new HikariConfig();
        impatient.setJdbcUrl(database.url() + "&sessionVariables=innodb_lock_wait_timeout=1");
        try (HikariDataSource pool = new HikariDataSource(impatient);
                Connection other = database.dataSource().getConnection();
                Statement statement = other.createStatement()) {
            TokenRepository those = new TokenRepository(pool);
            Claim claim = those.claim(row(), "a", SETTINGS.lease()).orElseThrow();
            other.setAutoCommit(false);
            statement.executeQuery("SELECT * FROM wx_token WHERE id = 1 FOR UPDATE");
            Thread release = new Thread(() -> {
                try {
                    Thread.sleep(1500);
                    other.rollback();
                }
                catch (InterruptedException | SQLException e) {
                    throw new IllegalStateException(e);
                }
            });
            release.start();
            assertThat(those.publish(claim, StandIn.APP_ID, new FetchedValue("99_published", 0, 7200), 60)).isTrue();
            release.join();
            assertThat(row().value()).isEqualTo("99_published");

            TokenRow seen = row();
            statement.executeQuery("SELECT * FROM wx_token WHERE id = 1 FOR UPDATE");
            assertThat(those.claim(seen, "b", SETTINGS.lease())).isEmpty();
            other.rollback();
            other.setAutoCommit(true);
        }
        assertThat(row().claim().by()).isNull();
    }

    @Test
    void p1ARowThatIsWrittenDuringEveryFetchStaysRequestedAndIsGivenUpAfterFourFetches() {
        TokenRepository written = new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                class2015Writes(weChat.issueElsewhere());
                return super.publish(claim, appId, fetched, notAgainFor);
            }
        };
        Result result = node("a", written).refresh(row(), token(ACCOUNT), Trigger.SCHEDULE);
        assertThat(result.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(weChat.requests()).isEqualTo(4);
        assertThat(row().refreshRequested()).isPositive();
        assertTold(RefreshEvent.Kind.FENCED, RefreshEvent.Kind.FENCED, RefreshEvent.Kind.FENCED,
                RefreshEvent.Kind.FENCED);
        assertThat(events.get(3).fingerprintAfter()).as("of the one that was fetched")
            .isNotEqualTo(Fingerprint.of(row().value()));
    }

    @Test
    void p1ANodeThatWasPausedBeforeItsFetchAndGetsNoAnswerReportsWhatItMayHaveKilled() {
        weChat.next(new Fault.CutAfter());
        TokenFetcher paused = new AccessTokenFetcher(ACCOUNT, client(), rows) {

            @Override
            public Answer fetch(TokenRow row, Verdict why) {
                lapse();
                Claim b = rows.claim(row(), "b", SETTINGS.lease()).orElseThrow();
                rows.publish(b, StandIn.APP_ID, new FetchedValue(weChat.issueElsewhere(), 0, 7200), 60);
                // WeChat issues a token, and its answer is lost
                return super.fetch(row, why);
            }
        };
        assertThat(node("a", rows).refresh(row(), paused, Trigger.SCHEDULE).outcome()).isEqualTo(Outcome.FAILED);
        assertThat(row().value()).isNotEqualTo(weChat.lastIssued());
        assertThat(run("c").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

    @Test
    void p1AFencedNodeWhosePublishEndsInAnErrorReportsItAllTheSame() {
        TokenRepository broken = new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                lapse();
                Claim b = super.claim(row(), "b", SETTINGS.lease()).orElseThrow();
                super.publish(b, StandIn.APP_ID, new FetchedValue("doomed", 0, 7200), 60);
                throw new DataAccessResourceFailureException("the connection is gone");
            }
        };
        assertThatThrownBy(() -> node("a", broken).refresh(row(), token(ACCOUNT), Trigger.SCHEDULE))
            .isInstanceOf(DataAccessResourceFailureException.class);
        assertThat(run("c").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
        assertTold(RefreshEvent.Kind.FENCED, RefreshEvent.Kind.REFRESHED);
    }

    /**
     * Whether WeChat refused the last attempt or its answer was lost: an attempt may have
     * killed what b published.
     */
    @ParameterizedTest
    @EnumSource(Reach.class)
    void p1ANodeThatLostItsLeaseAndCanNotSayHowItsFetchEndedReportsItAllTheSame(Reach reach) {
        TokenRepository broken = new TokenRepository(database.dataSource()) {

            @Override
            public boolean release(Claim claim, Failure failed) {
                throw new DataAccessResourceFailureException("the connection is gone");
            }

            @Override
            public boolean leaveToLapse(Claim claim, String error) {
                throw new DataAccessResourceFailureException("the connection is gone");
            }
        };
        TokenFetcher late = new AccessTokenFetcher(ACCOUNT, client(), rows) {

            @Override
            public Answer fetch(TokenRow row, Verdict why) {
                lapse();
                rows.publish(rows.claim(row(), "b", SETTINGS.lease()).orElseThrow(), StandIn.APP_ID,
                        new FetchedValue("doomed-" + row().version(), 0, 7200), 60);
                weChat.issueElsewhere();
                return new Answer.Unknown("no answer", reach);
            }
        };
        assertThatThrownBy(() -> node("a", broken).refresh(row(), late, Trigger.SCHEDULE))
            .isInstanceOf(DataAccessResourceFailureException.class);
        assertThat(run("c").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

    // ---- P2: N nodes at the same instant on a due row: exactly one fetch

    @Test
    void p2EightNodesAtTheSameInstantFetchOnce() throws Exception {
        weChat.always(new Fault.Delay(Duration.ofMillis(200)));
        TokenRow seen = row();
        List<Result> results = together(8, () -> node("node-" + Thread.currentThread().getId(), rows).refresh(seen,
                token(ACCOUNT), Trigger.SCHEDULE));
        assertThat(results).filteredOn(result -> result.outcome() == Outcome.REFRESHED).hasSize(1);
        assertThat(results).filteredOn(result -> result.outcome() == Outcome.LOST).hasSize(7);
        assertThat(weChat.requests()).isEqualTo(1);
        assertHoldsTheLastIssued();
    }

    // ---- P3: readers never see an empty or partial value once there has been one

    @Test
    void p3AReaderSeesAWholeTokenAtEveryMoment() throws Exception {
        run("a");
        AtomicBoolean done = new AtomicBoolean();
        ExecutorService reader = Executors.newSingleThreadExecutor();
        Future<List<String>> seen = reader.submit(() -> {
            List<String> values = new ArrayList<>();
            while (!done.get()) {
                values.add((String) class2015Reads().get("value"));
            }
            return values;
        });
        List<Fault> faults = List.of(new Fault.Refuse(-1, "system error"), new Fault.CutInside(), new Fault.Body(""),
                new Fault.NullToken());
        for (int i = 0; i < 40; i++) {
            age(3000);
            if (i % 2 == 1) {
                weChat.next(faults.get(i / 2 % faults.size()));
            }
            run("a");
            age(700);
        }
        done.set(true);
        assertThat(seen.get()).isNotEmpty().isSubsetOf(weChat.issued());
        reader.shutdown();
    }

    // ---- P4: a crash at any statement: the row is due again at the latest when the
    // lease lapses

    enum Crash {

        BEFORE_CLAIM, AFTER_CLAIM, BEFORE_PUBLISH, AFTER_PUBLISH, BEFORE_REPORT, AFTER_REPORT

    }

    private static Fault busy() {
        return new Fault.Refuse(-1, "system error");
    }

    /** The process dies here: nothing after it happens. */
    private static final class Died extends Error {

    }

    @ParameterizedTest
    @EnumSource
    void p4ANodeThatDiesAtAnyStatementLeavesARowThatTheNextRunMends(Crash crash) {
        run("a");
        age(3000);
        TokenRepository dying = new TokenRepository(database.dataSource()) {

            private void at(Crash point) {
                if (crash == point) {
                    throw new Died();
                }
            }

            @Override
            public Optional<Claim> claim(TokenRow seen, String run, Duration lease) {
                at(Crash.BEFORE_CLAIM);
                Optional<Claim> claim = super.claim(seen, run, lease);
                at(Crash.AFTER_CLAIM);
                return claim;
            }

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                at(Crash.BEFORE_PUBLISH);
                if (crash.name().endsWith("REPORT")) {
                    // so that the publish is fenced
                    class2015Writes(weChat.issueElsewhere());
                }
                boolean published = super.publish(claim, appId, fetched, notAgainFor);
                at(Crash.AFTER_PUBLISH);
                return published;
            }

            @Override
            public void requestAfterFence(int id) {
                at(Crash.BEFORE_REPORT);
                super.requestAfterFence(id);
                at(Crash.AFTER_REPORT);
            }
        };
        assertThatThrownBy(() -> node("dies", dying).refresh(row(), token(ACCOUNT), Trigger.SCHEDULE))
            .isInstanceOf(Died.class);
        assertThat(row().value()).isNotEmpty();

        lapse();
        Result mended = run("b");
        assertThat(mended.outcome()).isEqualTo(crash == Crash.AFTER_PUBLISH ? Outcome.FRESH : Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

    // ---- P5: another program writes the row

    @Test
    void p5ARowWrittenByAnotherProgramIsNoticedByTheNextRun() {
        run("a");
        age(60);
        class2015Writes(weChat.issueElsewhere());
        Result result = run("b");
        assertThat(result.outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(result.detail()).isEqualTo(Verdict.FOREIGN_VALUE.reason());
        assertHoldsTheLastIssued();
    }

    @Test
    void p5AWriteByTheSourcesClassBetweenClaimAndPublishIsNotOverwrittenByAnOlderToken() {
        List<String> seenByReaders = new ArrayList<>();
        TokenRepository interrupted = new TokenRepository(database.dataSource()) {

            private boolean once;

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                if (!once) {
                    once = true;
                    class2015Writes(weChat.issueElsewhere());
                    boolean published = super.publish(claim, appId, fetched, notAgainFor);
                    assertThat(published).isFalse();
                    seenByReaders.add(row().value());
                    return published;
                }
                return super.publish(claim, appId, fetched, notAgainFor);
            }
        };
        assertThat(node("a", interrupted).refresh(row(), token(ACCOUNT), Trigger.SCHEDULE).outcome())
            .isEqualTo(Outcome.REFRESHED);
        assertThat(weChat.issued()).hasSize(3);
        assertThat(seenByReaders).containsExactly(weChat.issued().get(1));
        assertHoldsTheLastIssued();
    }

    @Test
    void p5AWriteByTheSourcesClassBeforeTheClaimLosesTheClaim() {
        TokenRow seen = row();
        class2015Writes("theirs");
        assertThat(rows.claim(seen, "a", SETTINGS.lease())).isEmpty();
    }

    // ---- The source's own statements

    @Test
    void theSourcesSelectFindsTheTokenInTheColumnsThatItKnows() {
        run("a");
        Map<String, Object> row = class2015Reads();
        assertThat(row).containsEntry("value", weChat.lastIssued());
        assertThat(row.get("expire")).isInstanceOf(String.class);
        assertThat(Long.parseLong((String) row.get("expire")) + 3600).isGreaterThan(row().now());
        assertThat(row).containsEntry("id", 1);
    }

    @Test
    void theSourcesInsertNeedsNoneOfTheNewColumnsAndIsOneMoreForeignValue() {
        database.jdbc().sql("DELETE FROM wx_token").update();
        database.jdbc()
            .sql("INSERT INTO wx_token (id, type, expire, value) VALUES (1, 'access_token', '"
                    + System.currentTimeMillis() / 1000 + "', 'theirs'), (2, 'jsapi_ticket', '', '')")
            .update();
        assertThat(class2015Reads()).containsEntry("value", "theirs");
        assertThat(run("a").detail()).isEqualTo(Verdict.FOREIGN_VALUE.reason());
        assertHoldsTheLastIssued();
    }

    @Test
    void aReplaceIntoTakesTheClaimAwayAndIsNotOverwrittenByAnOlderToken() {
        TokenRepository replaced = new TokenRepository(database.dataSource()) {

            private boolean once;

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                if (!once) {
                    once = true;
                    database.jdbc().sql("DELETE FROM wx_token WHERE id = 1").update();
                    database.jdbc()
                        .sql("INSERT INTO wx_token (id, type, expire, value) VALUES (1, 'access_token', '"
                                + claim.seen().now() + "', '" + weChat.issueElsewhere() + "')")
                        .update();
                }
                return super.publish(claim, appId, fetched, notAgainFor);
            }
        };
        assertThat(node("a", replaced).refresh(row(), token(ACCOUNT), Trigger.SCHEDULE).outcome())
            .isEqualTo(Outcome.REFRESHED);
        assertThat(weChat.issued()).hasSize(3);
        assertHoldsTheLastIssued();
    }

    @Test
    void anApplicationsRequestIsAnsweredAndOneThatComesDuringTheFetchSurvivesThePublish() {
        run("a");
        age(100);
        String request = "UPDATE wx_token SET refresh_requested = 1 WHERE type = 'access_token' AND value = '"
                + row().value() + "'";
        assertThat(database.jdbc().sql(request).update()).isEqualTo(1);
        Claim claim = rows.claim(row(), "a", SETTINGS.lease()).orElseThrow();
        assertThat(row().refreshRequested()).isZero();
        assertThat(database.jdbc().sql(request).update()).isEqualTo(1);
        assertThat(rows.publish(claim, StandIn.APP_ID, new FetchedValue("new", 0, 7200), 60)).isTrue();
        assertThat(row().refreshRequested()).isPositive();
    }

}
