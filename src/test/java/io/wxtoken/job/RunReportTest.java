package io.wxtoken.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.Logs;
import io.wxtoken.token.Outcome;
import io.wxtoken.token.Result;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.Verdict;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;

/** Which results share a line of the log, at which level each is, and the exit code. */
class RunReportTest {

    private static final long NOW = 1_795_352_428;

    private static final List<Account> ACCOUNTS = IntStream.range(0, 10)
        .mapToObj(i -> new Account("wx" + i, "s3cret", Endpoint.TOKEN, List.of(), i == 0))
        .toList();

    private final ListAppender<ILoggingEvent> said = new ListAppender<>();

    private boolean stopping;

    private final RunReport report = new RunReport(ACCOUNTS, () -> stopping);

    @BeforeEach
    void listen() {
        said.start();
        Logger logger = (Logger) LoggerFactory.getLogger("io.wxtoken");
        logger.setLevel(Level.DEBUG);
        logger.addAppender(said);
    }

    @AfterEach
    void leaveNothingBehind() {
        Logs.silence();
    }

    private static TokenRow row(Account account) {
        return new TokenRow(1, account.appId(), "access_token", new TokenRow.Stored("0", "", 0, ""), 1,
                TokenRow.ClaimMark.NONE, 0, 0, NOW, TokenRow.LastRefresh.SUCCEEDED, new TokenRow.Forced(0, 0), NOW);
    }

    private void failed(int account, String detail, ExitCode exitCode) {
        Account failing = ACCOUNTS.get(account);
        report.results(failing, List.of(new Result(row(failing), Outcome.FAILED, detail, exitCode)));
    }

    private void ended(int account, Outcome outcome, ExitCode exitCode) {
        Account ending = ACCOUNTS.get(account);
        report.results(ending, List.of(new Result(row(ending), outcome, "", exitCode)));
    }

    private List<String> lines(Level level) {
        return said.list.stream()
            .filter(event -> event.getLevel() == level)
            .map(ILoggingEvent::getFormattedMessage)
            .toList();
    }

    private ExitCode summary() {
        report.summary();
        return report.exitCode();
    }

    @Test
    void whatFailsForManyAccountsInTheSameWayIsOneLineAndEachOnesIsAtDebug() {
        IntStream.range(0, 5).forEach(i -> failed(i, "can't connect, attempt " + i, ExitCode.RETRY));
        assertThat(summary()).isEqualTo(ExitCode.RETRY);
        assertThat(lines(Level.ERROR)).containsExactly("5 accounts, such as wx0, wx1, wx2: can't connect, attempt 0");
        assertThat(lines(Level.DEBUG)).hasSize(5)
            .contains("wx4 access_token failed: none yet (can't connect, attempt 4)");
        assertThat(lines(Level.WARN)).containsExactly("5 rows: 5 failed; exit code 1");
    }

    @Test
    void threeAccountsHaveALineEach() {
        IntStream.range(0, 3).forEach(i -> failed(i, "can't connect", ExitCode.RETRY));
        summary();
        assertThat(lines(Level.ERROR)).hasSize(3).allMatch(line -> line.contains(" access_token failed: "));
        assertThat(lines(Level.DEBUG)).isEmpty();
    }

    @Test
    void anErrorCodeMakesAStoryWhateverItsTextAndTheGravestExitCodeCounts() {
        IntStream.range(0, 5).forEach(i -> failed(i, "errcode 40164, invalid ip, rid: a" + i, ExitCode.RETRY));
        failed(5, "errcode 40125, invalid appsecret", ExitCode.ACT);
        failed(6, "errcode 401, what begins like another code", ExitCode.RETRY);
        assertThat(summary()).isEqualTo(ExitCode.ACT);
        assertThat(lines(Level.ERROR)).hasSize(3)
            .anyMatch(line -> line.startsWith("5 accounts, such as wx0, wx1, wx2: errcode 40164"))
            .anyMatch(line -> line.startsWith("wx5 access_token failed: "))
            .anyMatch(line -> line.startsWith("wx6 access_token failed: "));
    }

    @Test
    void aWarningThatConcernsManyIsOneLineAndOfTheSameRowsAnErrorIsAnother() {
        for (int i = 0; i < 5; i++) {
            report.warning(new RowKey("wx" + i, "access_token"), Verdict.FOREIGN_VALUE, "somebody wrote row " + i);
            failed(i, "somebody wrote row " + i, ExitCode.RETRY);
        }
        summary();
        assertThat(lines(Level.WARN)).startsWith("5 accounts, such as wx0, wx1, wx2: somebody wrote row 0").hasSize(2);
        assertThat(lines(Level.ERROR)).containsExactly("5 accounts, such as wx0, wx1, wx2: somebody wrote row 0");
    }

    @Test
    void whatARunLeavesIsOneLineAndEndsWith143WhenItWasToldToStop() {
        IntStream.range(0, 4).forEach(i -> ended(i, Outcome.LEFT, ExitCode.RETRY));
        ended(4, Outcome.REFRESHED, ExitCode.OK);
        stopping = true;
        assertThat(summary()).isEqualTo(ExitCode.STOPPED);
        assertThat(lines(Level.ERROR)).isEmpty();
        assertThat(lines(Level.WARN)).isEmpty();
        assertThat(lines(Level.INFO)).contains("4 accounts, such as wx0, wx1, wx2: left to the next run",
                "5 rows: 1 refreshed, 4 left to the next run; exit code 143");
    }

    @Test
    void whatARunLeavesForWantOfTimeIsWarnedOf() {
        ended(0, Outcome.LEFT, ExitCode.RETRY);
        assertThat(summary()).isEqualTo(ExitCode.RETRY);
        assertThat(lines(Level.WARN)).hasSize(2)
            .anyMatch(line -> line.startsWith("the run ends before all is done, because wx.run.timeout is near"));
    }

    @Test
    void aRunThatChangedNothingSaysNothingToCron() {
        ended(0, Outcome.FRESH, ExitCode.OK);
        ended(1, Outcome.HELD, ExitCode.OK);
        ended(2, Outcome.LOST, ExitCode.OK);
        assertThat(summary()).isEqualTo(ExitCode.OK);
        assertThat(said.list).allMatch(event -> event.getLevel() == Level.DEBUG);
    }

}
