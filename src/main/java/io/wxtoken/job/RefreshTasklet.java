package io.wxtoken.job;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;

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
import io.wxtoken.token.Authorizers;
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

    private static final Duration REMEMBERED_AFTER_WITHDRAWAL = Duration.ofDays(7);

    private final WxProperties wx;

    private final RefreshOptions options;

    private final DueCheck check;

    private final TokenRepository rows;

    private final Authorizers authorizers;

    private final AccountRefresher refresher;

    private final RunReport report;

    private final RunGuard guard;

    private final String databaseUrl;

    private final boolean severalServers;

    /**
     * @param databaseUrl for messages
     * @param severalServers whether the URL names more than one
     */
    RefreshTasklet(WxProperties wx, RefreshOptions options, DueCheck check, TokenRepository rows,
            Authorizers authorizers, AccountRefresher refresher, RunReport report, RunGuard guard, String databaseUrl,
            boolean severalServers) {
        this.wx = wx;
        this.options = options;
        this.check = check;
        this.rows = rows;
        this.authorizers = authorizers;
        this.refresher = refresher;
        this.report = report;
        this.guard = guard;
        this.databaseUrl = databaseUrl;
        this.severalServers = severalServers;
    }

    @Override
    public RepeatStatus execute(StepContribution contribution, ChunkContext context) throws InterruptedException {
        refresh(check.due());
        report.summary();
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
    private void refresh(List<Account> accounts) throws InterruptedException {
        int threads = Math.max(1, Math.min(wx.refresh().concurrency(), accounts.size()));
        ExecutorService workers = Executors.newFixedThreadPool(threads);
        try {
            AccountQueue queue = result(
                    workers.submit(() -> retryOnAnotherServer(() -> findRows(accounts), () -> findRows(accounts))));
            List<Future<Void>> working = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                working.add(workers.submit(() -> {
                    for (AccountQueue.Next next = queue.next(); next != null; next = queue.next()) {
                        report.results(next.account(), refresh(next));
                    }
                    return null;
                }));
            }
            for (Future<Void> worker : working) {
                result(worker);
            }
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
     * The rows of the due check serve if they were read a moment ago, because each claim
     * compares them again.
     */
    private AccountQueue findRows(List<Account> accounts) {
        boolean known = check.readable() && !options.force();
        long readAt = known ? check.readAt() : System.nanoTime();
        RowSet found = rows.findOrAdd(known ? check.rows().all() : rows.read(accounts), accounts);
        reportUnusedRows(found, accounts);
        return new AccountQueue(accounts, found.configured(), seen -> {
            Supplier<Map<RowKey, TokenRow>> again = () -> rows.readAgain(seen);
            return retryOnAnotherServer(again, again);
        }, System::nanoTime, readAt);
    }

    private void reportUnusedRows(RowSet found, List<Account> accounts) {
        List<Account> all = wx.allAccounts();
        Set<String> others = appIdsOfOthers();
        Map<Integer, TokenRow> byId = new TreeMap<>();
        found.all().forEach(row -> byId.put(row.id(), row));
        List<Account> checked = new ArrayList<>(accounts);
        List<Account> first = all.stream().filter(Account::first).toList();
        if (others.remove("") && !accounts.containsAll(first)) {
            // rows without an app id may be the first account's
            checked.addAll(first);
            rows.read(first).forEach(row -> byId.put(row.id(), row));
        }
        report.unusedRows(RowSet.of(List.copyOf(byId.values()), checked), checked, others);
    }

    /**
     * The app ids in the table that are not configured. An account that no longer
     * authorizes the platform leaves its rows behind, which is worth a warning only when
     * it does not come back soon.
     */
    private Set<String> appIdsOfOthers() {
        Optional<Account> component = wx.componentAccount();
        Set<String> others = rows.appIds(component.isPresent() ? REMEMBERED_AFTER_WITHDRAWAL : null);
        wx.allAccounts().forEach(account -> others.remove(account.appId()));
        component.ifPresent(account -> others.removeAll(authorizers.appIds(account)));
        return others;
    }

    private List<Result> refresh(AccountQueue.Next next) {
        if (guard.ending()) {
            return next.rows().values().stream().map(Result::left).toList();
        }
        try {
            if (next.failure() != null) {
                throw next.failure();
            }
            return retryOnAnotherServer(
                    () -> refresher.refresh(next.account(), next.rows(), options.force(), this::failedHere),
                    () -> refresher.refresh(next.account(), rows.readAgain(next.rows()), options.force(),
                            this::failed));
        }
        catch (RuntimeException e) { // the other accounts go on
            return next.rows().values().stream().map(row -> failed(row, e)).toList();
        }
    }

    /** As {@link #failed}, but throws the exception if another server may do better. */
    private Result failedHere(TokenRow row, DataAccessException e) {
        if (severalServers && DatabaseErrors.isForAnotherServer(e)) {
            throw e;
        }
        return failed(row, e);
    }

    private Result failed(TokenRow row, RuntimeException e) {
        log.debug("stack trace", e);
        Throwable cause = NestedExceptionUtils.getMostSpecificCause(e);
        DatabaseFailure failure = DatabaseFailure.of(e, databaseUrl)
            .orElseGet(() -> new DatabaseFailure(ExitCode.RETRY,
                    "unexpected: " + cause.getClass().getName() + ": " + DatabaseFailure.firstLine(cause)));
        return new Result(row, Outcome.FAILED, failure.text(), failure.exitCode());
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
