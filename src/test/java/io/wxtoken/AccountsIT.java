package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.wxtoken.standin.Fault;
import io.wxtoken.testing.Program;
import io.wxtoken.testing.Program.Ended;
import io.wxtoken.testing.Program.Started;

/**
 * Processes of the built program refresh many accounts in one table. Calls are counted
 * and asserted, times are not.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.testing.TestDatabase#servers")
@Execution(ExecutionMode.CONCURRENT)
class AccountsIT extends OnEachDatabase {

    private static final int ACCOUNTS = 100;

    private Program node(int accounts) {
        return program().withAccounts(accounts, weChat);
    }

    private void allAreDue() {
        database.jdbc().sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0 WHERE expire <> '0'").update();
    }

    private void assertEachHoldsItsLast(int accounts) {
        List<String> wrong = IntStream.range(0, accounts)
            .mapToObj(Program::accountId)
            .filter(appId -> !weChat.lastIssued(appId)
                .equals(database.jdbc()
                    .sql("SELECT value FROM wx_token WHERE app_id = ?")
                    .param(appId)
                    .query(String.class)
                    .single()))
            .toList();
        assertThat(wrong).isEmpty();
    }

    @Test
    void severalDueAccountsShareAPoolOfOneConnection() {
        Program program = node(10).with("SPRING_DATASOURCE_HIKARI_MAXIMUMPOOLSIZE", "1");
        for (int run = 1; run <= 2; run++) {
            Ended ended = program.run();
            assertThat(ended.exitCode()).as(ended.text()).isZero();
            assertThat(weChat.tokenCalls()).isEqualTo(10 * run);
            allAreDue();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = { 1, 2, 4 })
    void eachOfManyDueAccountsIsFetchedOnceHoweverManyNodesShareTheWork(int nodes) {
        Program program = node(ACCOUNTS);
        Ended first = program.run();
        assertThat(first.exitCode()).as(first.text()).isZero();
        assertThat(weChat.tokenCalls()).isEqualTo(ACCOUNTS);

        allAreDue();
        List<Started> started = Stream.generate(program::start).limit(nodes).toList();
        for (Started node : started) {
            Ended ended = node.end();
            assertThat(ended.exitCode()).as(ended.text()).isZero();
        }
        assertThat(weChat.tokenCalls()).isEqualTo(2 * ACCOUNTS);
        assertEachHoldsItsLast(ACCOUNTS);
    }

    @Test
    void anAccountThatHangsOrIsRefusedDelaysAndFailsNobodyElse() {
        Program program = node(20).with("WX_API_CONNECTTIMEOUT", "1s").with("WX_API_READTIMEOUT", "3s");
        weChat.next(new Fault.Hang(), new Fault.Refuse(40125, "invalid appsecret"));
        Ended ended = program.run();
        assertThat(ended.exitCode()).as(ended.text()).isEqualTo(2);
        assertThat(ended.text()).contains("20 rows: 18 refreshed, 2 failed; exit code 2", "errcode 40125",
                "no answer from");
        assertThat(ended.text().lines().filter(line -> line.contains(" refreshed: "))).hasSize(18);
    }

    @Test
    void readersWithoutAnAppIdGetTheFirstAccountAndRowsOfOtherAccountsAreReportedAndKept() {
        Program program = node(2);
        program.run();
        assertThat(database.jdbc()
            .sql("SELECT value FROM wx_token WHERE type = 'access_token'")
            .query(String.class)
            .list()
            .get(0)).isEqualTo(weChat.lastIssued(Program.accountId(0)));
        String second = weChat.lastIssued(Program.accountId(1));

        allAreDue();
        Ended ended = node(1).run();
        assertThat(ended.exitCode()).isZero();
        assertThat(ended.text()).contains("WARN  wx_token has rows of 1 app id(s) that are not configured",
                Program.accountId(1));
        assertThat(weChat.lastIssued(Program.accountId(1))).isEqualTo(second);
    }

    @Test
    void aRowWhoseAppIdWasReplacedIsReported() {
        Program program = node(2);
        program.run();
        database.jdbc()
            .sql("REPLACE INTO wx_token (id, type, expire, value) VALUES (3, 'access_token', '1', 'theirs')")
            .update();
        assertThat(program.run().text()).contains("rows with a value and without an app_id", "id 3.");
    }

    @Test
    void forceWithAnAppIdRefreshesThatAccountAlone() {
        Program program = node(3);
        program.run();
        Ended ended = program.argument("refresh")
            .argument("--force")
            .argument("--app-id=" + Program.accountId(1))
            .run();
        assertThat(ended.exitCode()).as(ended.text()).isZero();
        assertThat(ended.text()).contains(Program.accountId(1) + " access_token refreshed", "(forced)",
                "1 row: 1 refreshed");
        assertThat(weChat.tokenCalls()).isEqualTo(4);
    }

    @Test
    void anotherNodeRefreshesWhatWeChatRefusesOneNodeForItsAddress() {
        Program program = node(1);
        weChat.next(new Fault.Refuse(40164, "invalid ip"));
        Ended refused = program.run();
        assertThat(refused.exitCode()).isEqualTo(2);
        assertThat(program.run().exitCode()).isEqualTo(2); // the same host waits
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        database.jdbc().sql("UPDATE wx_token SET failed_by = CONCAT('other', failed_by) WHERE id = 1").update();
        assertThat(program.run().exitCode()).isZero();
    }

    @Test
    void aMiniProgramHasATokenAndNoTicket() {
        Program program = program().with("WX_TICKETS", "none");
        Ended ended = program.run();
        assertThat(ended.exitCode()).as(ended.text()).isZero();
        assertThat(ended.text()).contains("1 row: 1 refreshed; exit code 0");
        assertThat(value()).isEqualTo(weChat.lastIssued());
        assertThat(program.run().text()).isEmpty();
        assertThat(program.argument("status").run().exitCode()).isZero();
        assertThat(weChat.ticketCalls()).isZero();
    }

    @Test
    void aScheduleThatIsTooSparseIsWarnedAbout() {
        Program program = node(1);
        program.run();
        database.jdbc().sql("UPDATE wx_token SET expire = expire - 3300, retry_after = 0 WHERE id = 1").update();
        Ended ended = program.run();
        assertThat(ended.text()).contains("was due for 30", "Start the job every minute");
    }

    @Test
    void aForeignWriterAndADeadTokenAreEachWarnedAbout() {
        Program program = node(1).with("WX_PROBE_INTERVAL", "1s");
        program.run();
        weChat.kill(weChat.lastIssued());
        database.jdbc().sql("UPDATE wx_token SET probed_at = probed_at - 100, retry_after = 0").update();
        Ended dead = program.run();
        assertThat(dead.text()).contains("WARN  wx000000 access_token with fingerprint ",
                "somebody else refreshes this app id", "access_token refreshed");
        database.jdbc().sql("UPDATE wx_token SET value = 'theirs', retry_after = 0").update();
        Ended foreign = program.run();
        assertThat(foreign.text()).contains("WARN  wx000000 access_token: another program wrote this row, seen at ",
                "access_token refreshed");
        assertThat(dead.text() + foreign.text()).doesNotContain(weChat.issued());
    }

}
