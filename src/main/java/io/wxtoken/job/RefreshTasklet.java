package io.wxtoken.job;

import java.time.Duration;
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
import java.util.function.Supplier;
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
import io.wxtoken.database.Database;
import io.wxtoken.settings.Account;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.Outcome;
import io.wxtoken.token.Result;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;

/**
 * The step over the rows: lets each account refresh what is due, several at a time, each for itself. A tasklet, not a chunk:
 * what was fetched is published at once by whoever fetched it, never by a later writer, and no account waits for another. The
 * step's exit status is the gravest {@link ExitCode} by name.
 */
final class RefreshTasklet implements Tasklet {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    private static final Duration STALE = Duration.ofSeconds(5);

    private final List<Account> accounts;

    private final int concurrency;

    private final RefreshRun.Options options;

    private final Look look;

    private final TokenRows rows;

    private final AccountRefresher refresher;

    private final boolean severalServers;

    /** @param severalServers the URL names more than one */
    RefreshTasklet(List<Account> accounts, int concurrency, RefreshRun.Options options, Look look, TokenRows rows, AccountRefresher refresher,
            boolean severalServers) {
        this.accounts = accounts;
        this.concurrency = concurrency;
        this.options = options;
        this.look = look;
        this.rows = rows;
        this.refresher = refresher;
        this.severalServers = severalServers;
    }

    @Override
    public RepeatStatus execute(StepContribution contribution, ChunkContext context) throws InterruptedException {
        List<Account> mine = accounts.stream().filter(account -> options.appId() == null || account.appId().equals(options.appId())).toList();
        List<Result> results = refresh(mine);
        ExitCode exitCode = results.stream().map(Result::exitCode).reduce(ExitCode.OK, ExitCode::and);
        if (exitCode == ExitCode.STOPPED) {
            contribution.getStepExecution().setTerminateOnly();
        }
        else if (exitCode != ExitCode.OK) {
            contribution.setExitStatus(new ExitStatus(exitCode.name()));
        }
        boolean didNothing = results.stream().allMatch(RefreshTasklet::nothing);
        log.atLevel(didNothing && System.console() == null ? Level.DEBUG : Level.INFO).log("{}: {}; exit code {}", results.size() == 1 ? "1 row" : results.size() + " rows",
                results.stream().collect(Collectors.groupingBy(Result::outcome, TreeMap::new, Collectors.counting()))
                    .entrySet().stream().map(entry -> entry.getValue() + " " + entry.getKey()).collect(Collectors.joining(", ")),
                exitCode.code());
        return RepeatStatus.FINISHED;
    }

    /**
     * Everything runs on the workers' threads. On the step's own thread Spring's JDBC would hold a connection until the step ends,
     * and the pool may have only that one.
     */
    private List<Result> refresh(List<Account> mine) throws InterruptedException {
        // Nodes that start together would else race for the same row, one after the other.
        List<Account> order = new ArrayList<>(mine);
        Collections.shuffle(order);
        ExecutorService workers = Executors.newFixedThreadPool(Math.max(1, Math.min(concurrency, order.size())));
        try {
            Known known = result(workers.submit(() -> onAnotherServer(() -> known(mine), () -> known(mine))));
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

    private record Known(Map<TokenRows.Key, TokenRow> rows, long readAt) {
    }

    /** The rows that the run looked at, if that was a moment ago (each claim checks them again); else as they are now. */
    private Known known(List<Account> mine) {
        boolean current = look.readable() && !options.force() && System.nanoTime() - look.readAt() < STALE.toNanos();
        long readAt = current ? look.readAt() : System.nanoTime();
        List<TokenRow> all = current ? look.all() : rows.readAll();
        Map<TokenRows.Key, TokenRow> known = rows.findOrAdd(all, mine, AccountRefresher::types);
        warnOfOthers(all, known);
        return new Known(known, readAt);
    }

    private static Map<TokenRows.Key, TokenRow> rowsOf(Account account, Map<TokenRows.Key, TokenRow> known) {
        return AccountRefresher.types(account).stream().map(type -> new TokenRows.Key(account.appId(), type))
            .collect(Collectors.toMap(key -> key, known::get));
    }

    private List<Result> refresh(Account account, Map<TokenRows.Key, TokenRow> seen, long read) {
        List<Result> results;
        try {
            // Behind many others in the queue the rows, and the time that was read with them, are no longer true.
            boolean old = System.nanoTime() - read > STALE.toNanos();
            results = onAnotherServer(() -> refresher.refresh(account, old ? rows.readAgain(seen) : seen, options.force()),
                    () -> refresher.refresh(account, rows.readAgain(seen), options.force()));
        }
        catch (RuntimeException e) { // one account's trouble is not the others'
            log.debug("stack trace", e);
            boolean database = e instanceof DataAccessException;
            Throwable cause = NestedExceptionUtils.getMostSpecificCause(e);
            String why = Database.meaning(e).orElseGet(() -> (database ? "the database failed: " : "unexpected: " + cause.getClass().getName() + ": ")
                    + String.valueOf(cause.getMessage()).lines().findFirst().orElse(""));
            results = seen.values().stream()
                .map(row -> new Result(row, Outcome.FAILED, why, database && !Database.lostAConflict(e) ? ExitCode.DATABASE : ExitCode.RETRY))
                .toList();
        }
        for (Result result : results) {
            log.atLevel(nothing(result) ? Level.DEBUG : result.exitCode() == ExitCode.OK || result.exitCode() == ExitCode.STOPPED ? Level.INFO : Level.ERROR)
                .log("{} {}", account.appId(), result);
        }
        return results;
    }

    /**
     * When the server breaks, or is no longer the one that takes writes: once more, as another run would, on the next server that
     * the URL names. Whatever the first attempt left is a claim, or a finished row.
     */
    private <T> T onAnotherServer(Supplier<T> work, Supplier<T> again) {
        try {
            return work.get();
        }
        catch (DataAccessException e) {
            if (!severalServers || !Database.isForAnotherServer(e)) {
                throw e;
            }
            log.warn("going on with another server: {}", Database.meaning(e).orElseGet(() -> String.valueOf(NestedExceptionUtils.getMostSpecificCause(e).getMessage())
                .lines().findFirst().orElse("")));
            return again.get();
        }
    }

    /** Not worth a line: under cron each one is a mail. */
    private static boolean nothing(Result result) {
        return result.exitCode() == ExitCode.OK && (result.outcome() == Outcome.FRESH || result.outcome() == Outcome.HELD || result.outcome() == Outcome.LOST);
    }

    private void warnOfOthers(List<TokenRow> all, Map<TokenRows.Key, TokenRow> ours) {
        Set<Integer> ourIds = ours.values().stream().map(TokenRow::id).collect(Collectors.toSet());
        all.stream().filter(row -> ours.containsKey(new TokenRows.Key(row.appId(), row.type())) && !ourIds.contains(row.id()))
            .limit(10)
            .forEach(row -> log.warn("{} {} is in wx_token twice: row {} is kept fresh, row {} is not, and an application may read either."
                    + " Delete row {}", row.appId(), row.type(), ours.get(new TokenRows.Key(row.appId(), row.type())).id(), row.id(), row.id()));
        String nobodys = all.stream().filter(row -> row.appId().isEmpty() && !row.value().isEmpty() && !ourIds.contains(row.id()))
            .map(row -> String.valueOf(row.id())).limit(10).collect(Collectors.joining(", "));
        if (!nobodys.isEmpty() && options.appId() == null) {
            log.warn("wx_token has rows with a value and without an app_id, and they are left alone: id {}. (REPLACE INTO resets"
                    + " app_id; let that program only read.) Set their app_id, or delete them", nobodys);
        }
        Set<String> configured = accounts.stream().map(Account::appId).collect(Collectors.toSet());
        Set<String> others = all.stream().map(TokenRow::appId).filter(appId -> !appId.isEmpty() && !configured.contains(appId))
            .collect(Collectors.toCollection(TreeSet::new));
        if (!others.isEmpty()) {
            log.warn("wx_token has rows of {} app id(s) that are not configured, and they are left alone: {}. Configure them, or delete"
                    + " their rows", others.size(), others.stream().limit(10).collect(Collectors.joining(", ")));
        }
    }
}
