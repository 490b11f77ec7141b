package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;
import io.wxtoken.wechat.WeChatClient;

/**
 * What an account wants: tickets, tokens that die early, requests, force, and a memory of
 * what WeChat said.
 */
@ParameterizedClass
@MethodSource("databases")
class AccountRefresherIT extends RowTest {

    private List<Result> run(String node, Account account, boolean force) {
        return run(node, account, force, SETTINGS);
    }

    private List<Result> run(String node, Account account, boolean force, WxProperties.Refresh settings) {
        Map<RowKey, TokenRow> known = rows.findOrAdd(rows.readAll(), List.of(account)).configured();
        RefreshPolicy policy = new RefreshPolicy(settings, new WxProperties.Probe(Duration.ofMinutes(5)));
        Refresher refresher = new Refresher(rows, policy, settings, api().requestTimeout(), new RunId(node, node),
                System::nanoTime, () -> false, listener());
        return new AccountRefresher(rows, refresher, policy, client(), settings.before(), listener()).refresh(account,
                known, force);
    }

    private List<Result> runAccount(String node) {
        return run(node, ACCOUNT, false);
    }

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
        run("a", cards, false);
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
    void aTicketThatWeChatStillGivesAfterItsEndLivesOnAndIsAskedForSoon() {
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
        run("a", ACCOUNT, false, patient);
        age(6900);
        run("a", ACCOUNT, false, patient);
        int calls = weChat.ticketCalls();
        age(60);
        run("a", ACCOUNT, false, patient);
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
    void aDeadTokenIsCondemnedOnlyIfTheRowStillHoldsIt() {
        runAccount("a");
        assertThat(rows.requestFor(1, "another value")).isFalse();
        assertThat(row().refreshRequested()).isZero();
        assertThat(rows.requestFor(1, row().value())).isTrue();
        rows.requestAfterFence(1);
        rows.requestFor(1, row().value());
        assertThat(row().refreshRequested()).isEqualTo(TokenRow.REQUESTED_BY_FENCED_RUN);
    }

    // ---- Tokens that die early

    @Test
    void aFreshTokenIsProbedOncePerIntervalByOneNode() throws Exception {
        runAccount("a");
        age(299);
        runAccount("a");
        assertThat(weChat.probes()).isZero();
        age(1);
        together(8, () -> runAccount("node-" + Thread.currentThread().getId()));
        assertThat(weChat.probes()).isEqualTo(1);
        runAccount("a");
        assertThat(weChat.probes()).isEqualTo(1);
    }

    @Test
    void aTokenThatAForeignRefresherKilledIsRefreshedByTheNextProbe() {
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
    void onlyAClearWordThatATokenIsDeadLeadsToARefresh() {
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
    void anOperatorsForceRefreshesAFreshTokenAndLiftsAHold() {
        runAccount("a");
        assertThat(run("a", ACCOUNT, true).get(0).outcome()).isEqualTo(Outcome.REFRESHED);
        age(3000);
        weChat.next(new Fault.Refuse(40125, "invalid appsecret"));
        runAccount("a");
        assertThat(runAccount("a").get(0).outcome()).isEqualTo(Outcome.FAILED);
        assertThat(run("a", ACCOUNT, true).get(0).outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

    // ---- The stable endpoint's own rules

    @Test
    void onTheStableEndpointForceIsWeChatsOwnWithItsThirtySecondsAndItsTwentyADay() {
        run("a", STABLE, false);
        String leaked = row().value();
        // the stand-in's token is younger than 30 s
        assertThat(run("a", STABLE, true).get(0).detail()).contains("not forced");
        Result tooSoon = run("a", STABLE, true).get(0);
        assertThat(tooSoon.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(tooSoon.detail()).contains("less than 30 s ago").contains("again in ");

        database.jdbc().sql("UPDATE wx_token SET forced_at = forced_at - 30, forced_count = 20 WHERE id = 1").update();
        assertThat(run("a", STABLE, true).get(0).detail()).contains("20 forced refreshes a day");
        database.jdbc().sql("UPDATE wx_token SET forced_at = forced_at - 86400 WHERE id = 1").update();
        int calls = weChat.tokenCalls();
        run("a", STABLE, true);
        assertThat(weChat.tokenCalls()).isEqualTo(calls + 1);
        assertThat(row().forced().count()).isEqualTo(1);
        assertThat(row().value()).isEqualTo(leaked);
    }

    @Test
    void onTheStableEndpointADeadTokenIsForcedOnlyIfThePlainCallBringsItBack() {
        run("a", STABLE, false);
        String ours = row().value();
        age(300);
        weChat.next(new Fault.Refuse(40001, "invalid credential")); // to the probe
        Result result = run("a", STABLE, false).get(0);
        // the first, the plain one that brought it back, the forced one
        assertThat(weChat.tokenCalls()).isEqualTo(3);
        // younger than 30 s to the stand-in, so that it stays
        assertThat(result.row().value()).isEqualTo(ours);
        assertThat(result.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(row().forced().count()).isEqualTo(1);
    }

    @Test
    void onTheStableEndpointARequestThatBringsTheSameTokenBackIsNotForced() {
        run("a", STABLE, false);
        age(60);
        database.jdbc().sql("UPDATE wx_token SET refresh_requested = 1 WHERE id = 1").update();
        assertThat(run("a", STABLE, false).get(0).outcome()).isEqualTo(Outcome.FRESH);
        assertThat(row().forced().count()).isZero();
        assertThat(row().refreshRequested()).isZero();
    }

    @Test
    void onTheStableEndpointATokenThatApplicationsCallDeadIsProbedAndForcedThoughWeChatGoesOnWithIt() {
        run("a", STABLE, false);
        age(60);
        database.jdbc().sql("UPDATE wx_token SET refresh_requested = 1 WHERE id = 1").update();
        weChat.kill(row().value());
        weChat.next(new Fault.Body("{\"access_token\":\"" + row().value() + "\",\"expires_in\":7000}"));
        Result result = run("a", STABLE, false).get(0);
        assertThat(result.outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(weChat.probes()).isEqualTo(1);
        assertHoldsTheLastIssued();
    }

    @Test
    void aForcedRefreshThatWeChatIsTooBusyForIsAskedAgainInTheSameRunAndCountedOnce() {
        run("a", STABLE, false);
        weChat.next(new Fault.Refuse(-1, "system error"));
        Result result = run("a", STABLE, true).get(0);
        assertThat(weChat.tokenCalls()).isEqualTo(3);
        assertThat(row().forced().count()).isEqualTo(1);
        assertThat(result.exitCode()).as("the stand-in's token is younger than 30 s, and stays")
            .isEqualTo(ExitCode.RETRY);
        assertThat(result.detail()).contains("not forced");
    }

    @Test
    void anOutageThatCostNoCallDoesNotSlowDownWhatComesAfter() {
        run("a", STABLE, false);
        WxProperties.Api nowhere = new WxProperties.Api("http://127.0.0.1:1", Endpoint.TOKEN, Duration.ofSeconds(1),
                Duration.ofSeconds(1));
        TokenFetcher unreachable = new AccessTokenFetcher(ACCOUNT,
                new WeChatClient(nowhere.baseUrl(), nowhere.connectTimeout(), nowhere.readTimeout()), rows);
        for (int i = 0; i < 10; i++) {
            age(3000);
            node("a", rows).refresh(row(), unreachable, Trigger.SCHEDULE);
        }
        assertThat(row().lastRefresh().failures()).isEqualTo(1);
        rows.claim(row(), "dies", SETTINGS.lease());
        age(61);
        assertThat(judge(row())).isEqualTo(Verdict.LAPSED_CLAIM);
    }

    // ---- A day's quota can't be burned by any failure: one run a minute on 3 nodes

    enum Trouble {

        TRANSIENT, RATE_LIMIT, DAY_QUOTA, REFUSED_FOR_AN_HOUR, REFUSED_FOR_A_DAY, WAITS_FOR_ADMINISTRATOR,
        A_PERSON_MUST_ACT, NOT_IN_THE_WHITELIST, UNLISTED, NO_USABLE_ANSWER, ANSWER_LOST, APPLICATIONS_ASK_ALL_THE_TIME,
        APPLICATIONS_ASK_AND_WECHAT_REFUSES, EVERY_TOKEN_IS_DEAD_TO_THE_PROBE, AN_APPLICATION_WRITES_EVERY_MINUTE,
        AN_APPLICATION_SETS_EXPIRE_BACK

    }

    @ParameterizedTest
    @EnumSource
    void theDaysQuotaIsNotBurned(Trouble trouble) {
        assumeTrue(database.isH2(), "what is due is the policy's, and H2 is the fastest: a day is 4320 runs");
        runAccount("a");
        String request = "UPDATE wx_token SET refresh_requested = 1 WHERE type = 'access_token'";
        Fault fault = switch (trouble) {
            case TRANSIENT -> new Fault.Refuse(-1, "system error");
            case RATE_LIMIT -> new Fault.Refuse(45011, "api minute-quota reached");
            case DAY_QUOTA -> new Fault.Refuse(45009, "reach max api daily quota limit");
            case REFUSED_FOR_AN_HOUR -> new Fault.Refuse(89507, "refused");
            case REFUSED_FOR_A_DAY -> new Fault.Refuse(89506, "refused twice");
            case WAITS_FOR_ADMINISTRATOR -> new Fault.Refuse(89503, "wait");
            case A_PERSON_MUST_ACT, APPLICATIONS_ASK_AND_WECHAT_REFUSES -> new Fault.Refuse(40125, "invalid appsecret");
            case NOT_IN_THE_WHITELIST -> new Fault.Refuse(40164, "invalid ip");
            case UNLISTED -> new Fault.Refuse(12345, "what is this?");
            case NO_USABLE_ANSWER -> new Fault.Body("");
            case ANSWER_LOST -> new Fault.CutAfter();
            default -> null;
        };
        age(3000);
        weChat.always(fault);
        int before = weChat.tokenCalls();
        List<String> nodes = List.of("a", "b", "c");
        Account account = new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.TOKEN, List.of(), true);
        for (int minute = 0; minute < 1440; minute++) {
            for (String node : nodes) {
                switch (trouble) {
                    case APPLICATIONS_ASK_ALL_THE_TIME, APPLICATIONS_ASK_AND_WECHAT_REFUSES ->
                        database.jdbc().sql(request).update();
                    case EVERY_TOKEN_IS_DEAD_TO_THE_PROBE -> weChat.kill(row().value());
                    case AN_APPLICATION_WRITES_EVERY_MINUTE -> class2015Writes("token-of-minute-" + minute);
                    case AN_APPLICATION_SETS_EXPIRE_BACK ->
                        database.jdbc().sql("UPDATE wx_token SET expire = '0' WHERE type = 'access_token'").update();
                    default -> {
                    }
                }
                run(node, account, false);
            }
            age(60);
        }
        int calls = weChat.tokenCalls() - before;
        System.out.printf("%s, %s: %d calls in a day%n", database, trouble, calls);
        // Refused by WeChat: within a test account's 200. When every fetch succeeds,
        // request-interval (60 s) bounds it.
        boolean succeeds = fault == null;
        assertThat(calls).isLessThanOrEqualTo(succeeds ? 1441 : 200);
    }

}
