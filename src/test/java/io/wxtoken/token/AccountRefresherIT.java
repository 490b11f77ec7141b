package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.dao.DataRetrievalFailureException;

import io.wxtoken.ExitCode;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;
import io.wxtoken.wechat.WeChatClient;

/**
 * Runs over all of an account's rows: its tickets, tokens that die early, applications'
 * requests and an operator's force.
 */
@ParameterizedClass
@MethodSource("databases")
class AccountRefresherIT extends RowTest {

    private TokenRow ticketRow() {
        return rows.read(2).orElseThrow();
    }

    private static List<Outcome> outcomes(List<Result> results) {
        return results.stream().map(Result::outcome).toList();
    }

    // ---- Tickets

    @Test
    void aTicketIsFetchedWithTheTokenThatWasJustRefreshed() {
        assertThat(outcomes(runAccount("a"))).containsExactly(Outcome.REFRESHED, Outcome.REFRESHED);
        assertThat(ticketRow().value()).isEqualTo(weChat.ticket("jsapi"));
        assertThat(ticketRow().stored().expiresAt() - ticketRow().now()).isBetween(7195L, 7200L);
        assertThat(outcomes(runAccount("a"))).containsExactly(Outcome.FRESH, Outcome.FRESH);
        assertThat(weChat.requests()).isEqualTo(2);
    }

    @Test
    void anAccountGetsTheTicketsThatItWants() {
        Account cards = new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.TOKEN, List.of(Ticket.WX_CARD), true);
        runAccount("a", cards, false);
        assertThat(rows.read(3).orElseThrow().type()).isEqualTo("wx_card_ticket");
        assertThat(rows.read(3).orElseThrow().value()).isEqualTo(weChat.ticket("wx_card"));
        assertThat(ticketRow().value()).isEmpty();
    }

    @Test
    void anUnchangedTicketKeepsTheEndThatItHadWhenFirstSeenAndIsNotAskedForInEveryRun() {
        runAccount("a");
        String ticket = ticketRow().value();
        int calls = 0;
        for (int minute = 1; minute < 120; minute++) {
            age(60);
            runAccount("a");
            assertThat(ticketRow().value()).isEqualTo(ticket);
            assertThat(ticketRow().timeLeft()).isBetween(7200L - 60 * minute - 60, 7200L - 60 * minute + 60);
            calls = weChat.ticketCalls();
        }
        assertThat(calls).isBetween(4, 10);

        weChat.kill(ticket);
        age(60);
        runAccount("a");
        assertThat(ticketRow().value()).isEqualTo(weChat.ticket("jsapi")).isNotEqualTo(ticket);
        assertThat(ticketRow().timeLeft()).isGreaterThan(7190);
    }

    @Test
    void aTicketThatWeChatStillGivesAfterItsEndCountsAsLiveAndIsAskedForAgainSoon() {
        runAccount("a");
        age(7300);
        runAccount("a");
        assertThat(ticketRow().live()).isTrue();
        assertThat(ticketRow().timeLeft()).isLessThanOrEqualTo(300);
    }

    @Test
    void anUnchangedTicketIsAskedForAgainBeforeItEndsHoweverLongRequestsWait() {
        WxProperties.Refresh patient = new WxProperties.Refresh(SETTINGS.after(), SETTINGS.before(), SETTINGS.lease(),
                Duration.ofMinutes(10), 16);
        runAccount("a", ACCOUNT, false, patient);
        age(6900);
        runAccount("a", ACCOUNT, false, patient);
        int calls = weChat.ticketCalls();
        age(60);
        runAccount("a", ACCOUNT, false, patient);
        assertThat(weChat.ticketCalls()).isEqualTo(calls + 1);
    }

    @Test
    void withoutALiveTokenATicketIsNotAskedFor() {
        weChat.always(new Fault.Refuse(40125, "invalid appsecret"));
        List<Result> results = runAccount("a");
        assertThat(outcomes(results)).containsExactly(Outcome.FAILED, Outcome.FAILED);
        assertThat(results.get(1).detail()).isEqualTo("needs a live access_token");
        assertThat(weChat.ticketCalls()).isZero();
    }

    @Test
    void aTokenFoundDeadByATicketIsRefreshedAndTheTicketFetchedWithTheNewOneInTheSameRun() {
        runAccount("a");
        String dead = row().value();
        age(100);
        weChat.kill(dead);
        database.jdbc().sql("UPDATE wx_token SET expire = '1' WHERE id = 2").update();
        weChat.kill(ticketRow().value());
        assertThat(outcomes(runAccount("a"))).containsExactly(Outcome.REFRESHED, Outcome.REFRESHED);
        assertHoldsTheLastIssued();
        assertThat(row().value()).isNotEqualTo(dead);
        assertThat(ticketRow().value()).isEqualTo(weChat.ticket("jsapi"));
        assertThat(ticketRow().lastRefresh().failures()).isZero();
    }

    @Test
    void aTicketThatCallsALivingTokenDeadFailsAloneAndIsAskedForLessAndLessOften() {
        runAccount("a");
        String live = row().value();
        database.jdbc().sql("UPDATE wx_token SET expire = '1' WHERE id = 2").update();
        weChat.alwaysFor("/getticket",
                new Fault.Refuse(40001, "invalid credential, access_token is invalid or not latest"));
        for (int minute = 0; minute < 40; minute++) {
            age(minute == 0 ? 100 : 60);
            List<Result> results = runAccount("a");
            assertThat(results.get(0).exitCode()).isEqualTo(ExitCode.OK);
            assertThat(results.get(1).outcome()).isEqualTo(Outcome.FAILED);
            assertThat(results.get(1).detail()).contains("errcode 40001").contains("although the access_token lives");
        }
        assertThat(weChat.ticketCalls()).isBetween(5, 15);
        assertThat(row().value()).isEqualTo(live);
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        weChat.alwaysFor("/getticket", null);
        age(700);
        assertThat(outcomes(runAccount("a")).get(1)).isIn(Outcome.REFRESHED, Outcome.FRESH);
        assertThat(ticketRow().lastRefresh().failures()).isZero();
    }

    @Test
    void eachRowTellsItsOwnStoryWhenAStatementOfATicketFails() {
        database.jdbc().sql("UPDATE wx_token SET expire = '1' WHERE id = 2").update();
        TokenRepository failing = faulty().before(Step.PUBLISH, () -> {
            if (weChat.ticketCalls() > 0) {
                throw new DataRetrievalFailureException("the disk is full");
            }
        });
        Refresher refresher = new Refresher(failing, POLICY, SETTINGS, api().requestTimeout(), new RunId("a", "a"),
                System::nanoTime, () -> false, listener());
        List<Result> results = new AccountRefresher(failing, refresher, POLICY, client(), null, SETTINGS.before(),
                listener())
            .refresh(ACCOUNT, rows.findOrAdd(allRows(), List.of(ACCOUNT)).configured(), false,
                    (row, e) -> new Result(row, Outcome.FAILED, e.getMessage(), ExitCode.DATABASE));
        assertThat(results.get(0).outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(results.get(0).row().value()).isEqualTo(weChat.lastIssued());
        assertThat(results.get(1).toString()).startsWith("jsapi_ticket failed").endsWith("(the disk is full)");
    }

    @Test
    void aRefreshOfADeadTokenIsRequestedOnlyIfTheRowStillHoldsIt() {
        runAccount("a");
        assertThat(rows.requestFor(1, "another value")).isFalse();
        assertThat(row().doomed()).isZero();
        assertThat(rows.requestFor(1, row().value())).isTrue();
        assertThat(row().doomed()).isEqualTo(TokenRow.DEAD);
        rows.requestAfterFence(1);
        rows.requestFor(1, row().value());
        assertThat(row().doomed()).isEqualTo(TokenRow.MAYBE_KILLED);
    }

    // ---- Tokens that die early

    @Test
    void aFreshTokenIsProbedOncePerIntervalByOneNode() throws Exception {
        runAccount("a");
        age(280);
        runAccount("a");
        assertThat(weChat.probes()).isZero();
        age(20);
        together(8, () -> runAccount("node-" + Thread.currentThread().getId()));
        assertThat(weChat.probes()).isEqualTo(1);
        runAccount("a");
        assertThat(weChat.probes()).isEqualTo(1);
    }

    @Test
    void aTokenThatAnotherProgramKilledIsRefreshedByTheNextProbe() {
        runAccount("a");
        String ours = row().value();
        weChat.issueElsewhere();
        weChat.kill(ours); // its grace is over
        age(300);
        List<Result> results = runAccount("b");
        assertThat(results.get(0).outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(results.get(0).detail()).isEqualTo(Verdict.DEAD.reason());
        assertHoldsTheLastIssued();
    }

    @Test
    void aProbeWithoutAClearAnswerLeadsToNoRefresh() {
        runAccount("a");
        for (Fault fault : new Fault[] { new Fault.Refuse(-1, "system error"), new Fault.Refuse(45009, "quota"),
                new Fault.Body(""), new Fault.Status(500), new Fault.CutBefore() }) {
            age(300);
            weChat.next(fault);
            assertThat(runAccount("a").get(0).outcome()).isEqualTo(Outcome.FRESH);
        }
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        assertThat(weChat.probes()).isEqualTo(5);
    }

    // ---- Requests and force

    @Test
    void anApplicationsRequestIsAnsweredOnceTheLastFetchIsAMinuteOld() {
        runAccount("a");
        String request = "UPDATE wx_token SET refresh_requested = 1 WHERE type = 'access_token' AND value = '"
                + row().value() + "'";
        assertThat(database.jdbc().sql(request).update()).isEqualTo(1);
        Result waits = runAccount("a").get(0);
        assertThat(waits.outcome()).isEqualTo(Outcome.FRESH);
        assertThat(waits.detail()).contains("WeChat is asked again in ");
        age(60);
        assertThat(runAccount("a").get(0).outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(database.jdbc().sql(request).update()).as("the dead value is no longer there").isZero();
    }

    @Test
    void anOperatorsForceRefreshesAFreshTokenAndDoesNotWaitAfterAFailure() {
        runAccount("a");
        assertThat(runAccount("a", ACCOUNT, true).get(0).outcome()).isEqualTo(Outcome.REFRESHED);
        age(3000);
        weChat.next(new Fault.Refuse(40125, "invalid appsecret"));
        runAccount("a");
        assertThat(runAccount("a").get(0).outcome()).isEqualTo(Outcome.FAILED);
        assertThat(runAccount("a", ACCOUNT, true).get(0).outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

    @Test
    void runsThatNeverReachedWeChatDoNotLengthenTheWaitAfterALaterFailure() {
        runAccount("a", STABLE, false);
        WxProperties.Api nowhere = new WxProperties.Api(List.of("http://127.0.0.1:1"), "http://127.0.0.1:1",
                Endpoint.TOKEN, Duration.ofSeconds(1), Duration.ofSeconds(1), null);
        TokenFetcher unreachable = new AccessTokenFetcher(ACCOUNT, new WeChatClient(nowhere.connection()), rows);
        for (int i = 0; i < 10; i++) {
            age(3000);
            node("a", rows).refresh(row(), unreachable, Trigger.SCHEDULE);
        }
        assertThat(row().lastRefresh().failures()).isEqualTo(1);
        rows.claim(row(), "dies", SETTINGS.lease());
        age(61);
        assertThat(judge(row())).isEqualTo(Verdict.LAPSED_CLAIM);
    }

}
