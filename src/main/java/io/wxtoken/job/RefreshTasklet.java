package io.wxtoken.job;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.scope.context.ChunkContext;
import org.springframework.batch.core.step.StepContribution;
import org.springframework.batch.core.step.tasklet.Tasklet;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.dao.DataAccessException;

import io.wxtoken.ExitCode;
import io.wxtoken.settings.Account;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.Outcome;
import io.wxtoken.token.Result;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;

/**
 * The step over the rows: reads them all in one statement and lets each account refresh what is due, several at a time,
 * each for itself. A tasklet, not a chunk: what was fetched is published at once by whoever fetched it, never by a later
 * writer, and no account waits for another. The step's counters and its exit status tell in BATCH_STEP_EXECUTION what
 * happened: read, written (refreshed), filtered (nothing to do), skipped (failed), and the gravest {@link ExitCode} by name.
 */
final class RefreshTasklet implements Tasklet {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    private final List<Account> accounts;

    private final int concurrency;

    private final RefreshRun.Options options;

    private final TokenRows rows;

    private final AccountRefresher refresher;

    /** @param accounts those of this run; the first of all accounts, if it is among them, first */
    RefreshTasklet(List<Account> accounts, int concurrency, RefreshRun.Options options, TokenRows rows, AccountRefresher refresher) {
        this.accounts = accounts;
        this.concurrency = concurrency;
        this.options = options;
        this.rows = rows;
        this.refresher = refresher;
    }

    @Override
    public RepeatStatus execute(StepContribution contribution, ChunkContext context) throws InterruptedException {
        List<TokenRow> all = rows.readAll();
        warnOfOthers(all);
        List<Account> mine = accounts.stream().filter(account -> options.appId() == null || account.appId().equals(options.appId())).toList();
        Map<TokenRows.Key, TokenRow> known = rows.findOrAdd(all, mine, AccountRefresher::types);
        List<Result> results = refresh(mine, known);
        for (Result result : results) {
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
        log.info("{}: {}; exit code {}", results.size() == 1 ? "1 row" : results.size() + " rows",
                results.stream().collect(Collectors.groupingBy(Result::outcome, TreeMap::new, Collectors.counting()))
                    .entrySet().stream().map(entry -> entry.getValue() + " " + entry.getKey()).collect(Collectors.joining(", ")),
                exitCode.code());
        return RepeatStatus.FINISHED;
    }

    private List<Result> refresh(List<Account> mine, Map<TokenRows.Key, TokenRow> known) throws InterruptedException {
        // Nodes that start together would else race for the same row, one after the other.
        List<Account> order = new ArrayList<>(mine);
        Collections.shuffle(order);
        ExecutorService workers = Executors.newFixedThreadPool(Math.max(1, Math.min(concurrency, order.size())));
        try {
            List<Future<List<Result>>> futures = new ArrayList<>();
            for (Account account : order) {
                futures.add(workers.submit(() -> refresh(account, known)));
            }
            List<Result> results = new ArrayList<>();
            for (Future<List<Result>> future : futures) {
                try {
                    results.addAll(future.get());
                }
                catch (ExecutionException e) {
                    throw new IllegalStateException("an account's refresh failed", e.getCause());
                }
            }
            return results;
        }
        finally {
            workers.shutdownNow();
        }
    }

    private List<Result> refresh(Account account, Map<TokenRows.Key, TokenRow> known) {
        List<Result> results;
        try {
            results = refresher.refresh(account, known, options.force());
        }
        catch (DataAccessException e) {
            log.debug("stack trace", e);
            String why = "the database failed: " + NestedExceptionUtils.getMostSpecificCause(e).getMessage().lines().findFirst().orElse("");
            results = AccountRefresher.types(account).stream()
                .map(type -> new Result(known.get(new TokenRows.Key(account.appId(), type)), Outcome.FAILED, why, ExitCode.DATABASE))
                .toList();
        }
        for (Result result : results) {
            log.atLevel(result.exitCode() == ExitCode.OK || result.exitCode() == ExitCode.STOPPED ? Level.INFO : Level.ERROR)
                .log("{} {}", account.appId(), result);
        }
        return results;
    }

    private void warnOfOthers(List<TokenRow> all) {
        Set<String> configured = accounts.stream().map(Account::appId).collect(Collectors.toSet());
        Set<String> others = all.stream().map(TokenRow::appId).filter(appId -> !appId.isEmpty() && !configured.contains(appId))
            .collect(Collectors.toCollection(TreeSet::new));
        if (!others.isEmpty()) {
            log.warn("wx_token has rows of {} app id(s) that are not configured, and they are left alone: {}. Configure them, or delete"
                    + " their rows", others.size(), others.stream().limit(10).collect(Collectors.joining(", ")));
        }
    }
}
