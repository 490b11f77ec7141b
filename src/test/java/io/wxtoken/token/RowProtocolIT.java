package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.settings.Account;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.TestDatabase;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.WeChatClient;

/** The contract of the row: the protocol's properties, and the source's own statements, on every database. */
@ParameterizedClass
@MethodSource("databases")
class RowProtocolIT {

    private static final Duration LEASE = Duration.ofSeconds(60);

    private static final Account ACCOUNT = new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.TOKEN);

    private static final RefreshPolicy POLICY = new RefreshPolicy(new WxProperties.Refresh(Duration.ofMinutes(50),
            Duration.ofMinutes(5), LEASE, Duration.ofSeconds(60)));

    @Parameter
    TestDatabase database;

    private TokenRows rows;

    private StandIn weChat;

    static Stream<TestDatabase> databases() {
        return TestDatabase.all().map(TestDatabase::migrated);
    }

    @BeforeEach
    void start() {
        database.reset();
        rows = new TokenRows(database.dataSource());
        weChat = StandIn.start();
    }

    @AfterEach
    void stop() {
        weChat.close();
    }

    private WeChatClient client() {
        return new WeChatClient(new WxProperties.Api(weChat.baseUrl(), Endpoint.TOKEN, Duration.ofSeconds(2), Duration.ofSeconds(8)));
    }

    private Refresher node(String name, TokenRows rows) {
        return new Refresher(rows, POLICY, client(), LEASE, name, System::nanoTime, () -> false);
    }

    private Result run(String node) {
        return node(node, rows).refresh(row(), ACCOUNT);
    }

    private TokenRow row() {
        return rows.read(1).orElseThrow();
    }

    /** As time would. */
    private void age(int seconds) {
        database.jdbc()
            .sql("UPDATE wx_token SET expire = :expire, expires_at = expires_at - :s WHERE id = 1")
            .param("expire", String.valueOf(row().obtainedAt() - seconds))
            .param("s", seconds)
            .update();
    }

    private void lapse() {
        database.jdbc().sql("UPDATE wx_token SET claimed_until = claimed_until - 1000 WHERE id = 1").update();
    }

    /** The source's class, which knows four columns. */
    private void sourceWrites(String token) {
        long now = row().now();
        database.jdbc()
            .sql("UPDATE wx_token SET expire = '" + now + "', value = '" + token + "' WHERE type = 'access_token'")
            .update();
    }

    private void assertHoldsTheLastIssued() {
        TokenRow row = row();
        assertThat(row.value()).isEqualTo(weChat.lastIssued());
        assertThat(row.claimedBy()).isNull();
        assertThat(row.refreshRequested()).isFalse();
        assertThat(POLICY.judge(row, Endpoint.TOKEN)).isEqualTo(Verdict.FRESH);
    }

    // ---- The course of things

    @Test
    void aRowThatWasNeverFilledIsRefreshedAndThenFresh() {
        Result first = run("a");
        assertThat(first.outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(first.timeLeft()).isEqualTo(7200);
        assertHoldsTheLastIssued();
        TokenRow row = row();
        assertThat(row.now() - row.obtainedAt()).isBetween(0L, 5L);
        assertThat(row.expiresAt() - row.obtainedAt()).isEqualTo(7200);
        assertThat(row.appId()).isEqualTo(StandIn.APP_ID);
        assertThat(row.fingerprint()).isEqualTo(Fingerprint.of(row.value()));

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
        rows.claim(row(), "other", LEASE).orElseThrow();
        Result held = run("b");
        assertThat(held.outcome()).isEqualTo(Outcome.HELD);
        assertThat(held.exitCode()).isEqualTo(ExitCode.OK);
        age(4200);
        assertThat(run("b").exitCode()).isEqualTo(ExitCode.RETRY);
        assertThat(weChat.requests()).isEqualTo(1);
    }

    @Test
    void onlyOneOfTwoThatReadTheSameRowClaimsIt() {
        TokenRow seen = row();
        assertThat(rows.claim(seen, "a", LEASE)).isPresent();
        assertThat(rows.claim(seen, "b", LEASE)).isEmpty();
        TokenRow claimed = row();
        assertThat(claimed.claimedBy()).isEqualTo("a");
        assertThat(claimed.claimedUntil() - claimed.now()).isBetween(55L, 60L);
    }

    @Test
    void aMissingRowIsAddedOnceHoweverManyNodesMissIt() throws Exception {
        database.jdbc().sql("DELETE FROM wx_token WHERE id = 1").update();
        List<TokenRow> found = together(8, () -> rows.findOrAdd("wx-new", "access_token", rows.readAll()));
        assertThat(found).extracting(TokenRow::id).containsOnly(3);
        assertThat(rows.readAll()).hasSize(2);
    }

    @Test
    void theSourcesRowIsAdoptedAndAnotherAccountGetsARowOfItsOwn() {
        assertThat(rows.findOrAdd("wx1", "access_token", rows.readAll()).id()).isEqualTo(1);
        run("a");
        assertThat(rows.findOrAdd(StandIn.APP_ID, "access_token", rows.readAll()).id()).isEqualTo(1);
        assertThat(rows.findOrAdd("wx1", "access_token", rows.readAll()).id()).isEqualTo(3);
    }

    // ---- The stable endpoint

    @Test
    void onTheStableEndpointAnUnchangedTokenIsNoRefreshAndItsEndIsTrue() throws Exception {
        Account stable = new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.STABLE_TOKEN);
        Refresher node = node("a", rows);
        assertThat(node.refresh(row(), stable).outcome()).isEqualTo(Outcome.REFRESHED);
        age(6900); // the row says 300 s, WeChat some 7200
        Result same = node.refresh(row(), stable);
        assertThat(same.outcome()).isEqualTo(Outcome.FRESH);
        assertThat(same.timeLeft()).isBetween(7190L, 7200L);
        assertThat(row().expiresAt()).isEqualTo(row().obtainedAt() + 7200);
        assertThat(weChat.issued()).hasSize(1);
    }

    @Test
    void onTheStableEndpointExpireIsWhenTheTokenWasFirstIssued() {
        weChat.next(new Fault.Body("{\"access_token\":\"STABLE\",\"expires_in\":345}"));
        Result result = node("a", rows).refresh(row(), new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.STABLE_TOKEN));
        assertThat(result.age()).isEqualTo(6855);
        assertThat(row().now() - row().obtainedAt()).isBetween(6855L, 6860L);
        assertThat(row().expiresAt()).isEqualTo(row().obtainedAt() + 7200);
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
        assertThat(row.claimedBy()).isNull();
        assertThat(row.failures()).isEqualTo(1);
        assertThat(row.retryAfter() - row.now()).isBetween(590L, 600L);
        assertThat(row.lastError()).startsWith("errcode 40164, invalid ip 1.2.3.4").contains("rid: ").contains("whitelist at");

        Result onHold = run("b");
        assertThat(onHold.exitCode()).isEqualTo(ExitCode.ACT);
        assertThat(onHold.detail()).contains("40164");
        assertThat(weChat.requests()).isEqualTo(2);

        weChat.always(null);
        database.jdbc().sql("UPDATE wx_token SET retry_after = 0 WHERE id = 1").update();
        assertThat(run("b").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
        assertThat(row().failures()).isZero();
        assertThat(row().lastError()).isEmpty();
    }

    @Test
    void aRequestThatWasClaimedAndRefusedStaysDue() {
        run("a");
        age(100);
        rows.requestRefresh(1);
        weChat.next(new Fault.Refuse(-1, "system error"));
        assertThat(run("a").exitCode()).isEqualTo(ExitCode.RETRY);
        database.jdbc().sql("UPDATE wx_token SET retry_after = 0 WHERE id = 1").update();
        assertThat(run("b").outcome()).isEqualTo(Outcome.REFRESHED);
    }

    @Test
    void anUnknownOutcomeLeavesTheClaimToLapse() {
        run("a");
        age(3000);
        weChat.next(new Fault.CutAfter());
        Result failed = run("a");
        assertThat(failed.exitCode()).isEqualTo(ExitCode.RETRY);
        assertThat(row().claimedBy()).isEqualTo("a");
        assertThat(run("b").outcome()).isEqualTo(Outcome.HELD);
        lapse();
        database.jdbc().sql("UPDATE wx_token SET retry_after = 0 WHERE id = 1").update();
        assertThat(run("b").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

    @Test
    void aRequestThatNeverReachedWeChatIsTriedAgainByTheNextRun() {
        weChat.close();
        assertThat(run("a").exitCode()).isEqualTo(ExitCode.RETRY);
        assertThat(POLICY.judge(row(), Endpoint.TOKEN)).isEqualTo(Verdict.NEVER_OBTAINED);
        assertThat(row().claimedBy()).isNull();
    }

    @Test
    void aRunThatWasPausedAfterItsClaimDoesNotFetch() {
        long[] time = { 0 };
        Refresher paused = new Refresher(rows, POLICY, client(), LEASE, "a", () -> time[0] += Duration.ofSeconds(51).toNanos(), () -> false);
        assertThat(paused.refresh(row(), ACCOUNT).outcome()).isEqualTo(Outcome.FAILED);
        assertThat(weChat.requests()).isZero();
        assertThat(row().claimedBy()).isEqualTo("a");
    }

    @Test
    void aRunThatIsToldToStopClaimsNothing() {
        Refresher stopped = new Refresher(rows, POLICY, client(), LEASE, "a", System::nanoTime, () -> true);
        assertThat(stopped.refresh(row(), ACCOUNT).exitCode()).isEqualTo(ExitCode.STOPPED);
        assertThat(row().claimedBy()).isNull();
    }

    // ---- P1: when nobody is in flight and the row looks clean, it holds the token issued last

    @Test
    void p1ANodeWhoseLeaseLapsedWhileItFetchedIsFencedAndRefreshesAgain() throws Exception {
        weChat.next(new Fault.IssueLate(Duration.ofSeconds(1))); // node a's fetch is served after node b's
        Refresher a = node("a", rows);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        Future<Result> late = thread.submit(() -> a.refresh(row(), ACCOUNT));
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
        Claim a = rows.claim(row(), "a", LEASE).orElseThrow();
        lapse();
        Claim b = rows.claim(row(), "b", LEASE).orElseThrow();
        assertThat(rows.publish(a, ACCOUNT, new Answer.Issued("late", 7200), 0, 0)).isFalse();
        rows.requestRefresh(1);
        assertThat(rows.publish(b, ACCOUNT, new Answer.Issued("doomed", 7200), 0, 0)).isTrue();
        assertThat(row().value()).isEqualTo("doomed");
        assertThat(row().refreshRequested()).isTrue();
        assertThat(POLICY.judgeAfterFence(row(), Endpoint.TOKEN, "c")).isEqualTo(Verdict.REQUESTED);
    }

    @Test
    void p1ARowThatIsWrittenDuringEveryFetchStaysRequestedAndIsGivenUpAfterFourFetches() {
        TokenRows written = new TokenRows(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, Account account, Answer.Issued token, long age, long lifeUsed) {
                sourceWrites(weChat.issueElsewhere());
                return super.publish(claim, account, token, age, lifeUsed);
            }
        };
        Result result = node("a", written).refresh(row(), ACCOUNT);
        assertThat(result.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(weChat.requests()).isEqualTo(4);
        assertThat(row().refreshRequested()).isTrue();
    }

    // ---- P2: N nodes at the same instant on a due row: exactly one fetch

    @Test
    void p2EightNodesAtTheSameInstantFetchOnce() throws Exception {
        weChat.always(new Fault.Delay(Duration.ofMillis(200)));
        TokenRow seen = row();
        List<Result> results = together(8, () -> node("node-" + Thread.currentThread().getId(), rows).refresh(seen, ACCOUNT));
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
                values.add((String) sourceReads().get("value"));
            }
            return values;
        });
        List<Fault> faults = List.of(new Fault.Refuse(-1, "system error"), new Fault.CutInside(), new Fault.Body(""), new Fault.NullToken());
        for (int i = 0; i < 40; i++) {
            age(3000);
            if (i % 2 == 1) {
                weChat.next(faults.get(i / 2 % faults.size()));
            }
            run("a");
            lapse();
            database.jdbc().sql("UPDATE wx_token SET retry_after = 0").update();
        }
        done.set(true);
        assertThat(seen.get()).isNotEmpty().isSubsetOf(weChat.issued());
        reader.shutdown();
    }

    // ---- P4: a crash at any statement: the row is due again at the latest when the lease lapses

    enum Crash {
        BEFORE_CLAIM, AFTER_CLAIM, BEFORE_PUBLISH, AFTER_PUBLISH, BEFORE_REPORT, AFTER_REPORT
    }

    /** The process dies here: nothing after it happens. */
    private static final class Died extends Error {
    }

    @ParameterizedTest
    @EnumSource
    void p4ANodeThatDiesAtAnyStatementLeavesARowThatTheNextRunMends(Crash crash) {
        run("a");
        age(3000);
        TokenRows dying = new TokenRows(database.dataSource()) {

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
            public boolean publish(Claim claim, Account account, Answer.Issued token, long age, long lifeUsed) {
                at(Crash.BEFORE_PUBLISH);
                if (crash.name().endsWith("REPORT")) {
                    sourceWrites(weChat.issueElsewhere()); // so that the publish is fenced
                }
                boolean published = super.publish(claim, account, token, age, lifeUsed);
                at(Crash.AFTER_PUBLISH);
                return published;
            }

            @Override
            public void requestRefresh(int id) {
                at(Crash.BEFORE_REPORT);
                super.requestRefresh(id);
                at(Crash.AFTER_REPORT);
            }
        };
        assertThatThrownBy(() -> node("dies", dying).refresh(row(), ACCOUNT)).isInstanceOf(Died.class);
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
        sourceWrites(weChat.issueElsewhere());
        Result result = run("b");
        assertThat(result.outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(result.detail()).isEqualTo(Verdict.FOREIGN_VALUE.reason());
        assertHoldsTheLastIssued();
    }

    @Test
    void p5AWriteByTheSourcesClassBetweenClaimAndPublishIsNotOverwrittenByAnOlderToken() {
        List<String> seenByReaders = new ArrayList<>();
        TokenRows interrupted = new TokenRows(database.dataSource()) {

            private boolean once;

            @Override
            public boolean publish(Claim claim, Account account, Answer.Issued token, long age, long lifeUsed) {
                if (!once) {
                    once = true;
                    sourceWrites(weChat.issueElsewhere());
                    boolean published = super.publish(claim, account, token, age, lifeUsed);
                    assertThat(published).isFalse();
                    seenByReaders.add(row().value());
                    return published;
                }
                return super.publish(claim, account, token, age, lifeUsed);
            }
        };
        assertThat(node("a", interrupted).refresh(row(), ACCOUNT).outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(weChat.issued()).hasSize(3);
        assertThat(seenByReaders).containsExactly(weChat.issued().get(1));
        assertHoldsTheLastIssued();
    }

    @Test
    void p5AWriteByTheSourcesClassBeforeTheClaimLosesTheClaim() {
        TokenRow seen = row();
        sourceWrites("theirs");
        assertThat(rows.claim(seen, "a", LEASE)).isEmpty();
    }

    // ---- The source's own statements

    private Map<String, Object> sourceReads() {
        return database.jdbc().sql("SELECT * FROM wx_token WHERE type = 'access_token'").query().listOfRows().get(0);
    }

    @Test
    void theSourcesSelectFindsTheTokenInTheColumnsThatItKnows() {
        run("a");
        Map<String, Object> row = sourceReads();
        assertThat(row).containsEntry("value", weChat.lastIssued());
        assertThat(row.get("expire")).isInstanceOf(String.class);
        assertThat(Long.parseLong((String) row.get("expire")) + 3600).isGreaterThan(row().now());
        assertThat(row).containsEntry("id", 1);
    }

    @Test
    void theSourcesInsertNeedsNoneOfTheNewColumns() {
        database.jdbc().sql("DELETE FROM wx_token").update();
        database.jdbc()
            .sql("INSERT INTO wx_token (id, type, expire, value) VALUES (1, 'access_token', '" + System.currentTimeMillis() / 1000 + "', 'adopted'), (2, 'jsapi_ticket', '', '')")
            .update();
        Result result = run("a");
        assertThat(result.outcome()).isEqualTo(Outcome.FRESH);
        assertThat(result.fingerprint()).isEqualTo(Fingerprint.shortOf("adopted"));
        age(3000);
        assertThat(run("a").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

    @Test
    void anApplicationsRequestIsAnsweredAndOneThatComesDuringTheFetchSurvivesThePublish() {
        run("a");
        age(100);
        String request = "UPDATE wx_token SET refresh_requested = 1 WHERE type = 'access_token' AND value = '" + row().value() + "'";
        assertThat(database.jdbc().sql(request).update()).isEqualTo(1);
        Claim claim = rows.claim(row(), "a", LEASE).orElseThrow();
        assertThat(row().refreshRequested()).isFalse();
        assertThat(database.jdbc().sql(request).update()).isEqualTo(1);
        assertThat(rows.publish(claim, ACCOUNT, new Answer.Issued("new", 7200), 0, 0)).isTrue();
        assertThat(row().refreshRequested()).isTrue();
    }

    private static <T> List<T> together(int nodes, Callable<T> work) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(nodes);
        try {
            List<T> results = new ArrayList<>();
            for (Future<T> future : threads.invokeAll(Collections.nCopies(nodes, work))) {
                results.add(future.get());
            }
            return results;
        }
        finally {
            threads.shutdownNow();
        }
    }
}
