package io.wxtoken.job;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.stream.Collectors;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.scope.context.ChunkContext;
import org.springframework.batch.core.step.StepContribution;
import org.springframework.batch.core.step.tasklet.Tasklet;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.dao.DataAccessException;

import io.wxtoken.ExitCode;
import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.database.DatabaseFailure;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.Outcome;
import io.wxtoken.token.Result;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.RowSet;
import io.wxtoken.token.TokenRepository;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;

/**
 * The step over the rows: refreshes what is due, several accounts at a time, each
 * independently of the others. It is a tasklet, not a chunk, because a fetched value is
 * published at once by the worker that fetched it, never by a later writer, and no
 * account waits for another.
 */
final class RefreshTasklet implements Tasklet {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    private static final Duration STALE_AFTER = Duration.ofSeconds(5);

    private final WxProperties wx;

    private final RefreshOptions options;

    private final DueCheck check;

    private final TokenRepository rows;

    private final AccountRefresher refresher;

    private final RunReport report;

    private final String databaseUrl;

    private final boolean severalServers;

    /**
     * @param databaseUrl for messages
     * @param severalServers whether the URL names more than one
     */
    RefreshTasklet(WxProperties wx, RefreshOptions options, DueCheck check, TokenRepository rows,
            AccountRefresher refresher, RunReport report, String databaseUrl, boolean severalServers) {
        this.wx = wx;
        this.options = options;
        this.check = check;
        this.rows = rows;
        this.refresher = refresher;
        this.report = report;
        this.databaseUrl = databaseUrl;
        this.severalServers = severalServers;
    }

    @Override
    public RepeatStatus execute(StepContribution contribution, ChunkContext context) throws InterruptedException {
        report.summary(refresh(options.accounts(wx)));
        if (report.exitCode() == ExitCode.STOPPED) {
            contribution.getStepExecution().setTerminateOnly();
        }
        else if (report.exitCode() != ExitCode.OK) {
            contribution.setExitStatus(ExitStatus.FAILED);
        }
        return RepeatStatus.FINISHED;
    }

    /**
     * Everything runs on the workers' threads. On the step's own thread Spring's JDBC
     * would hold a connection until the step ends, and the pool may have only that one.
     */
    private List<Result> refresh(List<Account> accounts) throws InterruptedException {
        // Otherwise nodes that start together would race for one row after the other.
        List<Account> order = new ArrayList<>(accounts);
        Collections.shuffle(order);
        ExecutorService workers = Executors
            .newFixedThreadPool(Math.max(1, Math.min(wx.refresh().concurrency(), order.size())));
        try {
            KnownRows known = result(
                    workers.submit(() -> retryOnAnotherServer(() -> findRows(accounts), () -> findRows(accounts))));
            List<Future<List<Result>>> futures = new ArrayList<>();
            for (Account account : order) {
                futures.add(workers.submit(() -> refresh(account, rowsOf(account, known.rows()), known.readAt())));
            }
            List<Result> results = new ArrayList<>();
            for (Future<List<Result>> future : futures) {
                results.addAll(result(future));
            }
            return results;
        }
        finally {
            workers.shutdownNow();
        }
    }

    private static <T> T result(Future<T> work) throws InterruptedException {
        try {
            return work.get();
        }
        catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e.getCause());
        }
    }

    /**
     * @param readAt {@link System#nanoTime()} before the rows were read
     */
    private record KnownRows(RowSet rows, long readAt) {
    }

    /**
     * Returns the rows of the due check if they were read a moment ago, because each
     * claim compares them again. Otherwise reads the rows now.
     */
    private KnownRows findRows(List<Account> accounts) {
        boolean current = check.readable() && !options.force() && !isStale(check.readAt());
        long readAt = current ? check.readAt() : System.nanoTime();
        RowSet found = rows.findOrAdd(current ? check.rows().all() : rows.readAll(), accounts);
        report.unusedRows(RowSet.of(found.all(), wx.allAccounts()), wx.allAccounts());
        return new KnownRows(found, readAt);
    }

    private static boolean isStale(long readAt) {
        return System.nanoTime() - readAt > STALE_AFTER.toNanos();
    }

    private static Map<RowKey, TokenRow> rowsOf(Account account, RowSet rows) {
        return RowKey.of(account).stream().collect(Collectors.toMap(key -> key, rows.configured()::get));
    }

    private List<Result> refresh(Account account, Map<RowKey, TokenRow> seen, long readAt) {
        List<Result> results;
        try {
            // An account that waited behind many others must not be judged by old rows,
            // nor by the time that was read with them.
            boolean stale = isStale(readAt);
            results = retryOnAnotherServer(
                    () -> refresher.refresh(account, stale ? rows.readAgain(seen) : seen, options.force()),
                    () -> refresher.refresh(account, rows.readAgain(seen), options.force()));
        }
        catch (RuntimeException e) { // the other accounts go on
            log.debug("stack trace", e);
            results = failed(seen, e);
        }
        report.results(account, results);
        return results;
    }

    private List<Result> failed(Map<RowKey, TokenRow> seen, RuntimeException e) {
        Throwable cause = NestedExceptionUtils.getMostSpecificCause(e);
        DatabaseFailure failure = DatabaseFailure.of(e, databaseUrl)
            .orElseGet(() -> new DatabaseFailure(ExitCode.RETRY,
                    "unexpected: " + cause.getClass().getName() + ": " + DatabaseFailure.firstLine(cause)));
        return seen.values()
            .stream()
            .map(row -> new Result(row, Outcome.FAILED, failure.text(), failure.exitCode()))
            .toList();
    }

    /**
     * Does the work. If the connection breaks or the server no longer takes writes, does
     * it once more on the next server that the URL names, as another run would: the first
     * attempt left either a claim or a finished row.
     */
    private <T> T retryOnAnotherServer(Supplier<T> work, Supplier<T> again) {
        try {
            return work.get();
        }
        catch (DataAccessException e) {
            if (!severalServers || !DatabaseErrors.isForAnotherServer(e)) {
                throw e;
            }
            log.warn("going on with another server: {}", DatabaseFailure.of(e, databaseUrl).orElseThrow().text());
            return again.get();
        }
    }

}
