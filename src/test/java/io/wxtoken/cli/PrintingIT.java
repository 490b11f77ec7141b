package io.wxtoken.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/**
 * {@code wx-token token} and {@code wx-token fetch} print to standard output what was
 * asked for, and nothing else; {@code wx-token clear-quota} prints what it did.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#embedded")
class PrintingIT extends DatabaseFixture {

    /** Standard error never has a token. */
    @Override
    protected CapturedRun run(String... more) {
        CapturedRun said = super.run(more);
        weChat.issued().forEach(token -> assertThat(said.err()).doesNotContain(token));
        return said;
    }

    private String row(String column) {
        return database.jdbc().sql("SELECT " + column + " FROM wx_token WHERE id = 1").query(String.class).single();
    }

    @Test
    void tokenPrintsTheRowsTokenAloneAndRefreshesItFirstIfItIsDue() {
        assertThat(run("token").ended(ExitCode.OK).out()).isEqualTo(weChat.lastIssued() + System.lineSeparator());
        assertThat(run("token").ended(ExitCode.OK).out()).isEqualTo(weChat.lastIssued() + System.lineSeparator());
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        makeDue();
        CapturedRun due = run("token", "--logging.structured.format.console=ecs").ended(ExitCode.OK);
        assertThat(due.out()).isEqualTo(weChat.lastIssued() + System.lineSeparator());
        assertThat(due.err()).contains("refreshed");
        assertThat(weChat.tokenCalls()).isEqualTo(2);
    }

    @Test
    void tokenPrintsALiveTokenThatCanNotBeRefreshedAndNoDeadOne() {
        String token = run("token").ended(ExitCode.OK).out();
        makeDue();
        weChat.always(new Fault.Refuse(40164, "invalid ip 1.2.3.4, not in whitelist"));
        CapturedRun failing = run("token").ended(ExitCode.OK);
        assertThat(failing.out()).isEqualTo(token);
        assertThat(failing.err()).contains("errcode 40164");
        sql("UPDATE wx_token SET expires_at = UNIX_TIMESTAMP() - 1 WHERE id = 1");
        CapturedRun dead = run("token").ended(ExitCode.ACT);
        assertThat(dead.out()).isEmpty();
        assertThat(dead.err()).contains("no live access_token of " + StandIn.APP_ID);
    }

    @Test
    void tokenAndFetchAreForTheAccountThatIsNamed() {
        weChat.addAccount("wx2", "s2");
        String[] two = { "token", "--wx.accounts[0].app-id=wx2", "--wx.accounts[0].app-secret=s2", null };
        two[3] = "--app-id=wx2";
        assertThat(run(two).ended(ExitCode.OK).out().strip()).isEqualTo(weChat.lastIssued("wx2"));
        assertThat(weChat.lastIssued(StandIn.APP_ID)).as("that account alone").isNull();
        two[3] = "--app-id=" + StandIn.APP_ID;
        assertThat(run(two).ended(ExitCode.OK).out().strip()).isEqualTo(weChat.lastIssued(StandIn.APP_ID));
        two[3] = "--app-id=wx3";
        assertThat(run(two).ended(ExitCode.ACT).err()).contains("--app-id=wx3 is none of the configured accounts");
        two[0] = "fetch";
        assertThat(run(two).ended(ExitCode.ACT).err()).contains("--app-id=wx3 is none of the configured accounts");
    }

    private static void assertIsJsonOf(CapturedRun printed, String token) {
        assertThat(new JsonMapper().readValue(printed.out(), Map.class)).containsOnlyKeys("access_token", "expires_in")
            .containsEntry("access_token", token)
            .hasEntrySatisfying("expires_in", left -> assertThat((int) left).isBetween(7100, 7200));
    }

    @Test
    void fetchStoresNothingAndKillsNothing() {
        assertIsJsonOf(run("fetch").ended(ExitCode.OK), weChat.lastIssued());
        database.migrated();
        run("refresh").ended(ExitCode.OK);
        String before = query("SELECT * FROM wx_token ORDER BY id").toString();
        CapturedRun fetched = run("fetch", "--spring.datasource.url=jdbc:mysql://127.0.0.1:1/nowhere")
            .ended(ExitCode.OK);
        assertThat(fetched.err()).isEmpty();
        assertThat(fetched.out()).doesNotContain(value());
        assertThat(query("SELECT * FROM wx_token ORDER BY id").toString()).isEqualTo(before);
        assertThat(weChat.alive(value())).isTrue();
        run("--wx.probe.interval=1").ended(ExitCode.OK);
        assertThat(weChat.tokenCalls()).as("nothing was due").isEqualTo(3);
    }

    @Test
    void fetchFromTheOtherEndpointRequestsARefresh() {
        assertThat(run("fetch", "--endpoint=token").ended(ExitCode.RETRY).err())
            .contains("no row for the access_token of " + StandIn.APP_ID);
        assertThat(weChat.tokenCalls()).isZero();
        run("refresh").ended(ExitCode.OK);
        String stored = value();
        // The row is on hold, although WeChat's answer will show that it need not be.
        sql("UPDATE wx_token SET failures = 2, retry_after = UNIX_TIMESTAMP() + 600, last_error = 'errcode 45009,"
                + " quota' WHERE id = 1");
        CapturedRun fetched = run("fetch", "--endpoint=token").ended(ExitCode.OK);
        assertIsJsonOf(fetched, weChat.lastIssued());
        assertThat(fetched.err()).contains("warning: this fetch kills the token in the table");
        assertThat(value()).as("stored nothing").isEqualTo(stored);
        assertThat(row("refresh_requested")).isEqualTo("2");
        run().ended(ExitCode.OK);
        assertThat(value()).isEqualTo(weChat.lastIssued());
        assertThat(weChat.tokenCalls()).isEqualTo(3);
        assertThat(row("refresh_requested")).isEqualTo("0");
    }

    @Test
    void afterARefusedFetchTheRowIsUnchanged() {
        run("refresh").ended(ExitCode.OK);
        for (int requested = 0; requested <= 2; requested++) {
            sql("UPDATE wx_token SET doomed = " + requested + ", refresh_requested = " + requested
                    + ", failures = 1, retry_after = UNIX_TIMESTAMP() + 600, last_error = 'before' WHERE id = 1");
            weChat.next(new Fault.Refuse(40125, "invalid appsecret"));
            assertThat(run("fetch", "--endpoint=token").ended(ExitCode.ACT).err()).contains("errcode 40125");
            assertThat(row(
                    "CONCAT(doomed, ' ', refresh_requested, ' ', failures, ' ', last_error, ' ', COALESCE(claimed_by,"
                            + " 'unclaimed'))"))
                .isEqualTo(requested + " " + requested + " 1 before unclaimed");
            assertThat(Long.parseLong(row("retry_after - UNIX_TIMESTAMP()"))).isBetween(580L, 601L);
        }
        weChat.close();
        run("fetch", "--endpoint=token").ended(ExitCode.RETRY);
        assertThat(row("refresh_requested")).isEqualTo("2");
        assertThat(weChat.issued()).hasSize(1);
    }

    @Test
    void fetchLeavesARowAloneThatAnotherRunHolds() {
        run("refresh").ended(ExitCode.OK);
        sql("UPDATE wx_token SET claimed_by = 'node-7-0123', claimed_until = UNIX_TIMESTAMP() + 50 WHERE id = 1");
        assertThat(run("fetch", "--endpoint=token").ended(ExitCode.RETRY).err()).contains("another run is at work");
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    void onTheStableEndpointFetchKillsNoTokenInTheTable() {
        String[] stable = { "refresh", "--wx.api.endpoint=stable-token" };
        run(stable).ended(ExitCode.OK);
        stable[0] = "fetch";
        assertThat(run(stable).ended(ExitCode.OK).out()).as("the same").contains(value());
    }

    @Test
    void fetchLooksAtTheRowWhateverTheAccountsEndpointIsNow() {
        run("refresh").ended(ExitCode.OK);
        String stored = value();
        String[] switched = { "refresh", "--wx.api.endpoint=stable-token" };
        assertThat(run("fetch", "--endpoint=token", switched[1]).ended(ExitCode.OK).err())
            .contains("kills the token in the table within 5 minutes, unless that came from stable-token");
        assertThat(row("doomed")).isEqualTo("2");
        run(switched).ended(ExitCode.OK);
        assertThat(value()).isNotEqualTo(stored);
        assertThat(weChat.alive(value())).isTrue();
        assertThat(run("fetch", "--endpoint=token", switched[1]).ended(ExitCode.OK).err()).isNotEmpty();
        stored = value();
        run(switched).ended(ExitCode.OK);
        assertThat(value()).as("stable-token repeats it").isEqualTo(stored);
    }

    @Test
    void aTokenIsPrintedUnlessWeChatSaysThatItIsDeadWhateverElseFails() {
        String token = run("token").ended(ExitCode.OK).out();
        sql("UPDATE wx_token SET probed_at = 0 WHERE id = 1");
        weChat.kill(weChat.lastIssued());
        weChat.next(new Fault.Body("{}")); // no clear answer to a probe
        // From here on no claim can be written.
        execute("ALTER TABLE wx_token MODIFY claimed_by varchar(1)");
        sql("UPDATE wx_token SET refresh_requested = 1, retry_after = 0 WHERE id = 1");
        CapturedRun failing = run("token");
        assertThat(failing.out()).isEqualTo(token);
        assertThat(failing.ended(ExitCode.OK).err()).contains("the database at ", " failed: ");
        assertThat(run("token").ended(ExitCode.DATABASE).out()).as("WeChat says that it is dead").isEmpty();
    }

    @Test
    void clearQuotaClearsTheNamedAccountsCountersAndSaysWhatIsNext() {
        run("refresh").ended(ExitCode.OK);
        weChat.addAccount("wx2", "s2");
        makeDue();
        weChat.next(new Fault.Refuse(45009, "reach max api daily quota limit"));
        assertThat(run().ended(ExitCode.ACT).text()).contains("wx-token clear-quota clears it");
        run().ended(ExitCode.ACT);
        int asked = weChat.requests();
        String before = query("SELECT * FROM wx_token ORDER BY id").toString();
        String[] two = { "clear-quota", "--wx.accounts[0].app-id=wx2", "--wx.accounts[0].app-secret=s2",
                "--spring.datasource.url=jdbc:mysql://127.0.0.1:1/nowhere", null };
        two[4] = "--app-id=wx3";
        assertThat(run(two).ended(ExitCode.ACT).err()).contains("--app-id=wx3 is none of the configured accounts");
        two[4] = "--wx.tickets=jsapi";
        assertThat(run(two).ended(ExitCode.ACT).inOneLine().err())
            .contains("wx-token: clear-quota needs --app-id=APPID here: several accounts are configured");
        assertThat(weChat.requests()).as("WeChat was not asked").isEqualTo(asked);
        two[4] = "--app-id=" + StandIn.APP_ID;
        assertThat(run(two).ended(ExitCode.OK).inOneLine().out())
            .contains("WeChat has cleared the counters of API calls of " + StandIn.APP_ID)
            .contains("10 times a month")
            .contains("wx-token refresh --force --app-id=" + StandIn.APP_ID);
        assertThat(query("SELECT * FROM wx_token ORDER BY id").toString()).isEqualTo(before);
        assertThat(weChat.requests()).isEqualTo(asked + 1);
        String dead = value();
        run("refresh", "--force", "--app-id=" + StandIn.APP_ID).ended(ExitCode.OK);
        assertThat(value()).isEqualTo(weChat.lastIssued()).isNotEqualTo(dead);
    }

    @Test
    void aClearQuotaThatFailsSaysWhetherItMayHaveBeenOneOfTheTen() {
        weChat.next(new Fault.Refuse(48006, "forbid to clear quota because of reaching the limit"));
        assertThat(run("clear-quota").ended(ExitCode.ACT).inOneLine().err())
            .contains("errcode 48006", "10 times a month at most")
            .doesNotContain("may have cleared");
        weChat.next(new Fault.CutAfter());
        assertThat(run("clear-quota").ended(ExitCode.RETRY).inOneLine().err())
            .contains("broke before the whole answer came; WeChat may have cleared the counters: try wx-token refresh");
        assertThat(weChat.requests()).isEqualTo(2);
        run("clear-quota").ended(ExitCode.OK);
        weChat.close();
        assertThat(run("clear-quota").ended(ExitCode.RETRY).inOneLine().err()).contains("can't connect to")
            .doesNotContain("may have cleared");
    }

    @Test
    void aTokenThatCanNotBePrintedIsAFailure() {
        run("refresh").ended(ExitCode.OK);
        PrintStream out = System.out;
        System.setOut(new PrintStream(new OutputStream() {

            @Override
            public void write(int b) throws IOException {
                throw new IOException("disk full");
            }
        }));
        try {
            assertThat(CapturedRun.exitCodeOf(() -> Main.run(arguments("token").toArray(String[]::new))))
                .isEqualTo(ExitCode.RETRY);
        }
        finally {
            System.setOut(out);
        }
    }

    @Test
    void afterAFetchWhoseAnswerWasLostTheRowIsRefreshed() {
        run("refresh").ended(ExitCode.OK);
        for (Fault fault : List.of(new Fault.CutAfter(), new Fault.Status(500))) {
            weChat.next(fault);
            CapturedRun lost = run("fetch", "--endpoint=token");
            assertThat(lost.exitCode()).as(lost.text()).isEqualTo(ExitCode.RETRY);
            assertThat(lost.out()).isEmpty();
            // The row is now as a process that is killed leaves it.
            sql("UPDATE wx_token SET claimed_until = claimed_until - 100, retry_after = 0 WHERE id = 1");
            run().ended(ExitCode.OK);
            assertThat(value()).isEqualTo(weChat.lastIssued());
        }
        assertThat(run("fetch", "--endpoint=token", "--spring.datasource.url=jdbc:mysql://127.0.0.1:1/nowhere")
            .ended(ExitCode.DATABASE)
            .out()).isEmpty();
        assertThat(value()).isEqualTo(weChat.lastIssued());
    }

    @Test
    void aRefusedFetchIsReportedAndPrintsNothing() {
        weChat.next(new Fault.Refuse(40164, "invalid ip 1.2.3.4, not in whitelist"));
        CapturedRun refused = run("fetch").ended(ExitCode.ACT);
        assertThat(refused.out()).isEmpty();
        assertThat(refused.err()).contains("errcode 40164", "IP whitelist");
        assertThat(run("fetch", "--endpoint=tokens").ended(ExitCode.ACT).err())
            .contains("'tokens' is neither token nor stable-token");
        assertThat(run("--force", "fetch").ended(ExitCode.ACT).err()).contains("belong to refresh");
    }

    @Test
    void tokenPrintsTheTicketsOfTheAccountToo() {
        assertThat(run("token", "--type=jsapi_ticket").ended(ExitCode.OK).out().strip())
            .isEqualTo(weChat.ticket("jsapi"));
        assertThat(run("token", "--type=wx_card_ticket").ended(ExitCode.ACT).inOneLine().err())
            .contains("--type=wx_card_ticket is none of the values of wx0123456789abcdef, which are access_token,"
                    + " jsapi_ticket: see wx.tickets");
        run("token", "--type=jsapi", "--wx.name=微店", "--app-id=微店").ended(ExitCode.ACT)
            .saying("is none of the values of wx0123456789abcdef (微店)")
            .inOneLine();
        assertThat(run("token", "--type=wx_card_ticket", "--wx.tickets=jsapi,wx_card").ended(ExitCode.OK).out().strip())
            .isEqualTo(weChat.ticket("wx_card"));
        sql("UPDATE wx_token SET expires_at = UNIX_TIMESTAMP() - 1, retry_after = 0 WHERE type = 'jsapi_ticket'");
        weChat.next(new Fault.Refuse(48001, "api unauthorized"));
        CapturedRun dead = run("token", "--type=jsapi_ticket").ended(ExitCode.ACT);
        assertThat(dead.out()).isEmpty();
        assertThat(dead.err()).contains("there is no live jsapi_ticket of wx0123456789abcdef now");
    }

    @Test
    void tokenNeedsNoSecretToPrintALiveToken() {
        run("refresh").ended(ExitCode.OK);
        List<String> withoutSecret = new ArrayList<>(database.arguments());
        withoutSecret.addAll(List.of("token", "--wx.app-id=" + StandIn.APP_ID));
        CapturedRun printed = CapturedRun.of(withoutSecret).ended(ExitCode.OK);
        assertThat(printed.out().strip()).isEqualTo(weChat.lastIssued());
        assertThat(printed.err()).startsWith("wx-token: warning: wx.app-secret is missing").hasLineCount(1);
        withoutSecret.remove(withoutSecret.size() - 1);
        CapturedRun nobody = CapturedRun.of(withoutSecret).ended(ExitCode.ACT).inOneLine();
        assertThat(nobody.err()).contains("no account is configured: set wx.app-id");
    }

}
