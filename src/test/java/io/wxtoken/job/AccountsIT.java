package io.wxtoken.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.fixtures.Program.Ended;
import io.wxtoken.fixtures.Program.Started;
import io.wxtoken.fixtures.Program;
import io.wxtoken.standin.Fault;

/**
 * Runs refresh several accounts in one table. Calls are counted and asserted, times are
 * not.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class AccountsIT extends DatabaseFixture {

    private static String appId(int i) {
        return Program.accountId(i);
    }

    private CapturedRun runFor(int accounts, ExitCode exitCode, String... more) {
        return CapturedRun.of(argumentsFor(accounts, more)).ended(exitCode);
    }

    private void allAreDue() {
        sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0 WHERE expire <> '0'");
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
        for (int run = 1; run <= 2; run++) {
            runFor(10, ExitCode.OK, "--spring.datasource.hikari.maximum-pool-size=1");
            assertThat(weChat.tokenCalls()).isEqualTo(10 * run);
            allAreDue();
        }
    }

    /** Two processes, as only these have a pool and a job each. */
    @Test
    void eachOfManyDueAccountsIsFetchedOnceByTwoNodesThatShareTheWork() {
        int accounts = 50;
        Program program = program().withAccounts(accounts, weChat);
        runFor(accounts, ExitCode.OK);
        allAreDue();
        List<Started> started = Stream.generate(program::start).limit(2).toList();
        for (Started node : started) {
            Ended ended = node.end();
            assertThat(ended.exitCode()).as(ended.text()).isZero();
        }
        assertThat(weChat.tokenCalls()).isEqualTo(2 * accounts);
        assertEachHoldsItsLast(accounts);
    }

    @Test
    void anAccountThatHangsOrIsRefusedDelaysAndFailsNobodyElse() {
        weChat.next(new Fault.Hang(), new Fault.Refuse(40125, "invalid appsecret"));
        CapturedRun run = runFor(20, ExitCode.ACT, "--wx.api.connect-timeout=1s", "--wx.api.read-timeout=3s")
            .saying("20 rows: 18 refreshed, 2 failed; exit code 2", "errcode 40125", "no answer from");
        assertThat(run.text().lines().filter(line -> line.contains(" refreshed: "))).hasSize(18);
    }

    @Test
    void readersWithoutAnAppIdGetTheFirstAccountAndRowsOfOtherAccountsAreReportedAndKept() {
        runFor(2, ExitCode.OK);
        assertThat(database.jdbc()
            .sql("SELECT value FROM wx_token WHERE type = 'access_token'")
            .query(String.class)
            .list()
            .get(0)).isEqualTo(weChat.lastIssued(appId(0)));
        String second = weChat.lastIssued(appId(1));

        allAreDue();
        runFor(1, ExitCode.OK).saying("WARN  wx_token has rows of 1 app id(s) that are not configured", appId(1));
        assertThat(weChat.lastIssued(appId(1))).isEqualTo(second);
    }

    @Test
    void aRowWhoseAppIdWasReplacedIsReported() {
        runFor(2, ExitCode.OK);
        sql("REPLACE INTO wx_token (id, type, expire, value) VALUES (3, 'access_token', '1', 'theirs')");
        runFor(2, ExitCode.OK).saying("rows with a value and without an app_id", "id 3.");
    }

    @Test
    void forceWithAnAppIdRefreshesThatAccountAlone() {
        runFor(3, ExitCode.OK);
        runFor(3, ExitCode.OK, "refresh", "--force", "--app-id=" + appId(1))
            .saying(appId(1) + " access_token refreshed", "(forced)", "1 row: 1 refreshed");
        assertThat(weChat.tokenCalls()).isEqualTo(4);
    }

    @Test
    void anotherNodeRefreshesWhatWeChatRefusesOneNodeForItsAddress() {
        weChat.next(new Fault.Refuse(40164, "invalid ip"));
        runFor(1, ExitCode.ACT);
        runFor(1, ExitCode.ACT); // the same host waits
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        sql("UPDATE wx_token SET failed_by = CONCAT('other', failed_by) WHERE id = 1");
        runFor(1, ExitCode.OK);
    }

    @Test
    void aMiniProgramHasATokenAndNoTicket() {
        run("--wx.tickets=none").ended(ExitCode.OK).saying("1 row: 1 refreshed; exit code 0");
        assertThat(value()).isEqualTo(weChat.lastIssued());
        assertThat(run("--wx.tickets=none").ended(ExitCode.OK).text()).isEmpty();
        run("--wx.tickets=none", "status").ended(ExitCode.OK);
        assertThat(weChat.ticketCalls()).isZero();
    }

    @Test
    void aScheduleThatIsTooSparseIsWarnedAbout() {
        runFor(1, ExitCode.OK);
        sql("UPDATE wx_token SET expire = expire - 3300, retry_after = 0 WHERE id = 1");
        runFor(1, ExitCode.OK).saying("was due for 30", "Start the job every minute");
    }

    @Test
    void aForeignWriterAndADeadTokenAreEachWarnedAbout() {
        runFor(1, ExitCode.OK);
        weChat.kill(weChat.lastIssued(appId(0)));
        sql("UPDATE wx_token SET probed_at = 0, retry_after = 0");
        CapturedRun dead = runFor(1, ExitCode.OK).saying("WARN  wx000000 access_token with fingerprint ",
                "somebody else refreshes this app id", "access_token refreshed");
        sql("UPDATE wx_token SET value = 'theirs', retry_after = 0 WHERE id = 1");
        CapturedRun foreign = runFor(1, ExitCode.OK)
            .saying("WARN  wx000000 access_token: another program wrote this row, seen at ", "access_token refreshed");
        assertThat(dead.text() + foreign.text()).doesNotContain(weChat.issued());
    }

}
