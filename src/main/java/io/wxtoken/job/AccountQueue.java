package io.wxtoken.job;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
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

    private final boolean current;

    private int position;

    private RuntimeException failure;

    /**
     * @param rows the accounts' rows, none of them missing
     * @param readAt {@link System#nanoTime()} before the rows were read
     * @param readAgain reads rows again; one call at a time
     */
    AccountQueue(List<Account> accounts, Map<RowKey, TokenRow> rows, long readAt,
            UnaryOperator<Map<RowKey, TokenRow>> readAgain) {
        this.accounts = new ArrayList<>(accounts);
        if (!accounts.isEmpty()) {
            Collections.rotate(this.accounts, ThreadLocalRandom.current().nextInt(accounts.size()));
        }
        this.rows = new HashMap<>(rows);
        this.readAgain = readAgain;
        this.current = System.nanoTime() - readAt <= STALE_AFTER.toNanos();
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
        // the rows of a run with few accounts were read by the due check, a moment ago
        if (position % CHUNK == 0 && (position > 0 || !current)) {
            readChunkAgain();
        }
        Account account = accounts.get(position++);
        return new Next(account, rowsOf(account), failure);
    }

    private void readChunkAgain() {
        Map<RowKey, TokenRow> chunk = new HashMap<>();
        accounts.subList(position, Math.min(accounts.size(), position + CHUNK))
            .forEach(account -> chunk.putAll(rowsOf(account)));
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
