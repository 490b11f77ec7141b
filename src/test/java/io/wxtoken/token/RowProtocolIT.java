package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.fixtures.Await;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.wechat.Answer;

/**
 * The protocol's properties P1 to P5 (docs/protocol/protocol.md), each in the situations
 * that threaten it most.
 */
@ParameterizedClass
@MethodSource("databases")
class RowProtocolIT extends RowTest {

    // ---- P1: when nobody is in flight and the row looks clean, it holds the last token

    @Test
    void p1ARunWhoseLeaseLapsesDuringItsFetchIsFencedAndRefreshesAgain() throws Exception {
        weChat.next(new Fault.IssueLate(Duration.ofSeconds(1))); // after run b's fetch
        Refresher a = node("a", rows);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        Future<Result> late = thread.submit(() -> a.refresh(row(), token(ACCOUNT), Trigger.SCHEDULE));
        Await.until("run a's request arrives", () -> weChat.requests() > 0);
        lapse();
        assertThat(run("b").outcome()).isEqualTo(Outcome.REFRESHED);
        String doomed = row().value();

        assertThat(late.get().outcome()).isEqualTo(Outcome.REFRESHED);
        thread.shutdown();
        assertThat(weChat.issued()).hasSize(3).startsWith(doomed);
        assertHoldsTheLastIssued();
    }

    @Test
    void p1AFencedRunsReportFencesNoOtherRunAndOutlivesAnotherRunsPublish() {
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
    void p1ARunThatIsFencedInEachOfFourFetchesGivesUpAndLeavesARefreshRequested() {
        TokenRepository written = faulty().before(Step.PUBLISH, () -> class2015Writes(weChat.issueElsewhere()));
        assertThat(run("a", written).outcome()).isEqualTo(Outcome.FAILED);
        assertThat(weChat.requests()).isEqualTo(4);
        assertThat(row().refreshRequested()).isPositive();
        assertTold(RefreshEvent.Kind.FENCED, RefreshEvent.Kind.FENCED, RefreshEvent.Kind.FENCED,
                RefreshEvent.Kind.FENCED);
        assertThat(events.get(3).fingerprintAfter()).as("of the token that was fetched")
            .isNotEqualTo(Fingerprint.of(row().value()));
    }

    @Test
    void p1ARunThatLostItsLeaseBeforeItsFetchAndGetsNoAnswerRequestsARefresh() {
        // WeChat issues a token, and its answer is lost
        weChat.next(new Fault.CutAfter());
        TokenFetcher paused = new AccessTokenFetcher(ACCOUNT, client(), rows) {

            @Override
            public Answer fetch(TokenRow row, Verdict why, Runnable asking) {
                anotherRunTakesOver(StandIn.APP_ID, weChat.issueElsewhere());
                return super.fetch(row, why, asking);
            }
        };
        assertThat(node("a", rows).refresh(row(), paused, Trigger.SCHEDULE).outcome()).isEqualTo(Outcome.FAILED);
        assertThat(row().value()).isNotEqualTo(weChat.lastIssued());
        assertThat(run("c").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

    // ---- P2: N nodes at the same instant on a due row fetch once

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
    void p3AReaderSeesAWholeIssuedTokenAtEveryMoment() throws Exception {
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
        for (int i = 0; i < 16; i++) {
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

    // ---- P4: after a crash at any statement the row is due again, at the latest when
    // the lease lapses

    @ParameterizedTest
    @CsvSource({ "before, CLAIM", "after, CLAIM", "before, PUBLISH", "after, PUBLISH", "before, REPORT",
            "after, REPORT" })
    void p4ARunThatDiesBeforeOrAfterAnyStatementLeavesARowThatTheNextRunRepairs(String moment, Step step) {
        run("a");
        age(3000);
        FaultyRepository dying = faulty();
        if (step == Step.REPORT) { // only a run that is fenced reports
            dying.before(Step.PUBLISH, () -> class2015Writes(weChat.issueElsewhere()));
        }
        if (moment.equals("before")) {
            dying.before(step, ProcessDeath::now);
        }
        else {
            dying.after(step, ProcessDeath::now);
        }
        assertThatThrownBy(() -> run("dies", dying)).isInstanceOf(ProcessDeath.class);
        assertThat(row().value()).isNotEmpty();

        lapse();
        boolean published = moment.equals("after") && step == Step.PUBLISH;
        assertThat(run("b").outcome()).isEqualTo(published ? Outcome.FRESH : Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

    // ---- P5: another program's write is noticed, and not overwritten by an older token

    @Test
    void p5ARowThatAnotherProgramWroteIsRefreshedByTheNextRun() {
        run("a");
        age(60);
        class2015Writes(weChat.issueElsewhere());
        Result result = run("b");
        assertThat(result.outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(result.detail()).isEqualTo(Verdict.FOREIGN_VALUE.reason());
        assertHoldsTheLastIssued();
    }

    @Test
    void p5AWriteByThe2015ClassDuringAFetchIsNotOverwrittenByTheOlderToken() {
        List<String> seenByReaders = new ArrayList<>();
        TokenRepository interrupted = faulty()
            .before(Step.PUBLISH, FaultyRepository.once(() -> class2015Writes(weChat.issueElsewhere())))
            .after(Step.PUBLISH, FaultyRepository.once(() -> seenByReaders.add(row().value())));
        assertThat(run("a", interrupted).outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(weChat.issued()).hasSize(3);
        assertThat(seenByReaders).containsExactly(weChat.issued().get(1));
        assertTold(RefreshEvent.Kind.FENCED, RefreshEvent.Kind.REFRESHED);
        assertHoldsTheLastIssued();
    }

    @Test
    void p5AWriteByThe2015ClassBeforeTheClaimMakesTheClaimFail() {
        TokenRow seen = row();
        class2015Writes("theirs");
        assertThat(rows.claim(seen, "a", SETTINGS.lease())).isEmpty();
    }

    /**
     * The column {@code expire} has whole seconds, so it may be the same after a write.
     */
    @Test
    void p5AWriteThatLeavesExpireAsItWasMakesTheClaimFailToo() {
        run("a");
        TokenRow seen = row();
        database.jdbc().sql("UPDATE wx_token SET value = 'theirs' WHERE id = 1").update();
        assertThat(row().stored().expire()).isEqualTo(seen.stored().expire());
        assertThat(rows.claim(seen, "b", SETTINGS.lease())).isEmpty();
    }

}
