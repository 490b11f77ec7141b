package io.wxtoken.mirror;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;

/**
 * Holds all mirrors of the rows. Every run copies the rows to them, after it has
 * published, so that a memcached that was restarted or a file that was deleted is
 * complete again one run later.
 * <p>
 * Two runs may copy at the same time, and the slower one could leave an older value
 * behind. So a run that wrote reads the rows again, and repeats this until the mirror
 * holds what it read after its last write. A run that dies before that leaves the mirror
 * to the next run.
 */
public final class Mirrors {

    /**
     * The most rounds. Each round after the first means that a row changed, or that
     * another program wrote the mirror, within milliseconds.
     */
    private static final int ROUNDS = 5;

    /**
     * The longest time for all mirrors. A disk on a network may hang for ever, and a
     * run's length counts against WeChat's grace.
     */
    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    /**
     * The most failures that get a line each: with many accounts, each file may fail for
     * the same reason.
     */
    private static final int MOST_LINES = 10;

    private final List<Mirror> mirrors;

    private final Duration timeout;

    /**
     * @param accounts the configured ones: some keys in Redis depend on their secrets
     */
    public Mirrors(WxProperties.Mirror settings, List<Account> accounts) {
        this(new ArrayList<>(), TIMEOUT);
        if (settings.toFile()) {
            mirrors.add(new FileMirror(settings));
        }
        settings.memcached().servers().stream().distinct().map(MemcachedMirror::new).forEach(mirrors::add);
        if (settings.redis().used()) {
            mirrors.add(new RedisMirror(settings.redis(), accounts));
        }
    }

    Mirrors(List<Mirror> mirrors, Duration timeout) {
        this.mirrors = mirrors;
        this.timeout = timeout;
    }

    /** Reads the rows. */
    public interface RowReader {

        Map<RowKey, TokenRow> read() throws SQLException;

    }

    /**
     * Copies the rows to all mirrors at the same time, within 20 s. A mirror that fails
     * does not affect the others.
     * @param rows of the configured accounts, as just read
     * @param again reads the rows again; several threads may call it
     * @return a line for the operator for each failure
     */
    public List<String> syncAll(Map<RowKey, TokenRow> rows, RowReader again) {
        return all(mirror -> sync(mirror, rows, again));
    }

    /**
     * Tries whether all mirrors could be written, within 20 s, and writes none.
     * @return a line for the operator for each failure
     */
    public List<String> check(List<Account> accounts) {
        return all(mirror -> {
            Set<String> failures = new LinkedHashSet<>();
            mirror.check(accounts, failures);
            return failures;
        });
    }

    /** What is done with a mirror; it returns a line for each failure. */
    private interface Work {

        Set<String> on(Mirror mirror) throws InterruptedException;

    }

    private List<String> all(Work work) {
        ExecutorService threads = Executors.newCachedThreadPool(runnable -> {
            Thread thread = new Thread(runnable, "mirror");
            // a mirror that hangs must not keep the JVM from ending
            thread.setDaemon(true);
            return thread;
        });
        long end = System.nanoTime() + timeout.toNanos();
        Map<Mirror, Future<Set<String>>> running = new LinkedHashMap<>();
        mirrors.forEach(mirror -> running.put(mirror, threads.submit(() -> work.on(mirror))));
        List<String> failures = new ArrayList<>();
        running.forEach((mirror, result) -> failures.addAll(failures(mirror, result, end - System.nanoTime())));
        threads.shutdownNow();
        int more = failures.size() - MOST_LINES;
        return more <= 1 ? failures
                : Stream
                    .concat(failures.stream().limit(MOST_LINES), Stream.of("and " + more + " more failures like these"))
                    .toList();
    }

    private Set<String> failures(Mirror mirror, Future<Set<String>> result, long nanos) {
        try {
            return result.get(nanos, TimeUnit.NANOSECONDS);
        }
        catch (TimeoutException e) {
            return Set
                .of(mirror + " hangs, and was given up after " + timeout.toSeconds() + " s: the table is not affected");
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Set.of(mirror + " may be older than this run, which was interrupted");
        }
        catch (ExecutionException e) { // its text may quote a value
            return Set.of(mirror + " may be older than this run (" + e.getCause().getClass().getName() + ")");
        }
    }

    private static Set<String> sync(Mirror mirror, Map<RowKey, TokenRow> rows, RowReader again)
            throws InterruptedException {
        Set<String> failures = new LinkedHashSet<>();
        Map<RowKey, TokenRow> now = rows;
        for (int round = 1; mirror.sync(now, failures); round++) {
            if (round == ROUNDS) {
                failures
                    .add(mirror + " does not keep what is written into it: another program writes it, too (that program"
                            + " must only read), or it is full");
                break;
            }
            try {
                now = again.read();
            }
            catch (SQLException e) {
                failures.add(mirror + " may be older than the table, which can't be read again (SQLState "
                        + e.getSQLState() + ")");
                break;
            }
        }
        return failures;
    }

}
