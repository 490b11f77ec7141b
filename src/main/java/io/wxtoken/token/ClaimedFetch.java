package io.wxtoken.token;

import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

import org.springframework.dao.DataAccessException;

import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Answer.Reach;

/**
 * A claim on a row, with which its holder may ask WeChat while the lease lasts, and then
 * publish or give the claim up. Every request that issues a token goes through this
 * class, those of {@link Refresher} and of {@link UnstoredFetch}.
 */
final class ClaimedFetch {

    private final TokenRepository rows;

    private final Claim claim;

    private final Duration lease;

    private final Duration requestTimeout;

    private final LongSupplier nanoTime;

    private final long begun;

    private long asked;

    private ClaimedFetch(TokenRepository rows, Claim claim, Duration lease, Duration requestTimeout,
            LongSupplier nanoTime, long begun) {
        this.rows = rows;
        this.claim = claim;
        this.lease = lease;
        this.requestTimeout = requestTimeout;
        this.nanoTime = nanoTime;
        this.begun = begun;
    }

    /**
     * Claims the row for the length of a lease.
     * @param requestTimeout the longest that one request to WeChat takes
     * @param nanoTime a monotonic clock, in nanoseconds
     * @return empty when another run or an application was faster
     */
    static Optional<ClaimedFetch> claim(TokenRepository rows, TokenRow row, RunId me, Duration lease,
            Duration requestTimeout, LongSupplier nanoTime) {
        // measured from before the claim, because the database's lease begins later
        long begun = nanoTime.getAsLong();
        return rows.claim(row, me.run(), lease)
            .map(claim -> new ClaimedFetch(rows, claim, lease, requestTimeout, nanoTime, begun));
    }

    /**
     * Asks WeChat if the lease outlasts the request; otherwise answers that the request
     * was not sent.
     */
    Answer ask(Supplier<Answer> request) {
        if (!leaseOutlasts(Duration.ZERO)) {
            return new Answer.Unknown(
                    "this run was paused after its claim, and too little of wx.refresh.lease is left to ask WeChat",
                    Reach.NOT_SENT);
        }
        asked = nanoTime.getAsLong();
        return request.get();
    }

    /** Whether the lease leaves time for this pause and a request after it. */
    boolean leaseOutlasts(Duration pause) {
        return lease.minusNanos(nanoTime.getAsLong() - begun).compareTo(pause.plus(requestTimeout)) >= 0;
    }

    /** Whole seconds since WeChat was last asked. */
    long secondsSinceAsked() {
        return Duration.ofNanos(nanoTime.getAsLong() - asked).toSeconds();
    }

    /**
     * Publishes a fetched value.
     * @param notAgainFor seconds in which WeChat is not asked again
     * @return false when fenced
     */
    boolean publish(String appId, FetchedValue fetched, long notAgainFor) {
        return requestRefreshIfBroken(() -> rows.publish(claim, appId, fetched, notAgainFor));
    }

    /** Gives the claim up after a definite answer. */
    void release(Failure failure) {
        requestRefreshUnlessHeld(requestRefreshIfBroken(() -> rows.release(claim, failure)));
    }

    /** Leaves the claim to lapse, because nobody knows whether WeChat issued a token. */
    void leaveToLapse(String error) {
        requestRefreshUnlessHeld(requestRefreshIfBroken(() -> rows.leaveToLapse(claim, error)));
    }

    /**
     * If the claim was no longer this run's, one of its requests may have killed the
     * value that another run published, so a refresh is requested.
     */
    private void requestRefreshUnlessHeld(boolean stillHeld) {
        if (!stillHeld) {
            rows.requestAfterFence(claim.seen().id());
        }
    }

    /**
     * Executes a statement. If it breaks, nobody knows whether it was executed, nor whose
     * claim it was, so a refresh is requested.
     */
    private <T> T requestRefreshIfBroken(Supplier<T> statement) {
        try {
            return statement.get();
        }
        catch (DataAccessException e) {
            rows.requestAfterFence(claim.seen().id());
            throw e;
        }
    }

}
