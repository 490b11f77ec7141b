package io.wxtoken.job;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.scope.context.ChunkContext;
import org.springframework.batch.core.step.StepContribution;
import org.springframework.batch.core.step.tasklet.Tasklet;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;

import io.wxtoken.ExitCode;
import io.wxtoken.settings.Account;
import io.wxtoken.token.Refresher;
import io.wxtoken.token.Result;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;

/**
 * The step over the rows: reads them all in one statement and refreshes each that is due. A tasklet, not a chunk: what
 * was fetched is published at once by whoever fetched it, never by a later writer. The step's counters and its exit
 * status tell in BATCH_STEP_EXECUTION what happened: read, written (refreshed), filtered (nothing to do), skipped
 * (failed), and the graver {@link ExitCode} by name.
 */
final class RefreshTasklet implements Tasklet {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    private static final String ACCESS_TOKEN = "access_token";

    private final List<Account> accounts;

    private final TokenRows rows;

    private final Refresher refresher;

    RefreshTasklet(List<Account> accounts, TokenRows rows, Refresher refresher) {
        this.accounts = accounts;
        this.rows = rows;
        this.refresher = refresher;
    }

    @Override
    public RepeatStatus execute(StepContribution contribution, ChunkContext context) {
        List<TokenRow> all = rows.readAll();
        List<Result> results = new ArrayList<>();
        for (Account account : accounts) {
            Result result = refresher.refresh(rows.findOrAdd(account.appId(), ACCESS_TOKEN, all), account);
            log.atLevel(result.exitCode() == ExitCode.OK || result.exitCode() == ExitCode.STOPPED
                    ? Level.INFO : Level.ERROR)
                .log("{} {}", account.appId(), result);
            results.add(result);
            contribution.incrementReadCount();
            switch (result.outcome()) {
                case REFRESHED -> contribution.incrementWriteCount(1);
                case FAILED -> contribution.incrementProcessSkipCount();
                default -> contribution.incrementFilterCount(1);
            }
        }
        ExitCode exitCode = results.stream().map(Result::exitCode).reduce(ExitCode.OK, ExitCode::and);
        if (exitCode == ExitCode.STOPPED) {
            contribution.getStepExecution().setTerminateOnly();
        }
        else if (exitCode != ExitCode.OK) {
            contribution.setExitStatus(new ExitStatus(exitCode.name()));
        }
        log.info("{}: {}; exit code {}", results.size() == 1 ? "1 token" : results.size() + " tokens",
                results.stream().collect(Collectors.groupingBy(Result::outcome, TreeMap::new, Collectors.counting()))
                    .entrySet().stream().map(entry -> entry.getValue() + " " + entry.getKey()).collect(Collectors.joining(", ")),
                exitCode.code());
        return RepeatStatus.FINISHED;
    }
}
