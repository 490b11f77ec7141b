package io.wxtoken.job;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;

import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;

/**
 * Hands the accounts that are due to the workers, each with rows that were read a moment
 * ago. Nodes that start together begin at different places of the same order, so that
 * they meet only where one has finished what another is about to begin; there the rows,
 * which are read again, tell that nothing is left to do.
 */
final class AccountQueue {

    private static final Duration STALE_AFTER = Duration.ofSeconds(5);

    /** The accounts whose rows one statement reads again. */
    private static final int CHUNK = 50;

    private final List<Account> accounts;

    private final Map<RowKey, TokenRow> rows;

    private final UnaryOperator<Map<RowKey, TokenRow>> readAgain;

    private final LongSupplier nanoTime;

    /** When the rows were read, as {@link #nanoTime} has it. */
    private long readAt;

    private int position;

    /** The position of the first account whose rows were not read at that time. */
    private int unread = CHUNK;

    private RuntimeException failure;

    /**
     * @param rows the accounts' rows, none of them missing
     * @param readAgain reads rows again; one call at a time
     * @param nanoTime a monotonic clock, in nanoseconds
     * @param readAt that clock's time before the rows were read
     */
    AccountQueue(List<Account> accounts, Map<RowKey, TokenRow> rows, UnaryOperator<Map<RowKey, TokenRow>> readAgain,
            LongSupplier nanoTime, long readAt) {
        this.accounts = new ArrayList<>(accounts);
        if (!accounts.isEmpty()) {
            Collections.rotate(this.accounts, ThreadLocalRandom.current().nextInt(accounts.size()));
        }
        this.rows = new HashMap<>(rows);
        this.readAgain = readAgain;
        this.nanoTime = nanoTime;
        this.readAt = readAt;
    }

    /**
     * An account, and its rows as just read.
     *
     * @param failure why the rows could not be read again; null if they could
     */
    record Next(Account account, Map<RowKey, TokenRow> rows, RuntimeException failure) {
    }

    /** Returns the next account; null when there is none. */
    synchronized Next next() {
        if (position == accounts.size()) {
            return null;
        }
        // An account that waited behind slow ones must not be judged by old rows, nor by
        // the time that was read with them.
        if (position == unread || nanoTime.getAsLong() - readAt > STALE_AFTER.toNanos()) {
            readChunkAgain();
        }
        Account account = accounts.get(position++);
        return new Next(account, rowsOf(account), failure);
    }

    private void readChunkAgain() {
        unread = position + CHUNK;
        readAt = nanoTime.getAsLong();
        Map<RowKey, TokenRow> chunk = new HashMap<>();
        accounts.subList(position, Math.min(accounts.size(), unread)).forEach(account -> chunk.putAll(rowsOf(account)));
        try {
            failure = null;
            rows.putAll(readAgain.apply(chunk));
        }
        catch (RuntimeException e) { // the accounts after these have their own chance
            failure = e;
        }
    }

    private Map<RowKey, TokenRow> rowsOf(Account account) {
        Map<RowKey, TokenRow> its = new HashMap<>();
        RowKey.of(account).forEach(key -> its.put(key, rows.get(key)));
        return its;
    }

}
