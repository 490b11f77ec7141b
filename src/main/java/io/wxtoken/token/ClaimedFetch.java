package io.wxtoken.token;

import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

import org.springframework.dao.DataAccessException;

import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Answer.Reach;

/**
 * A claim on a row, and what its holder may do with it: ask WeChat while the lease lasts,
 * and give the claim up. Every request that issues a token goes through here, whoever it
 * is for ({@link Refresher}, {@link UnstoredFetch}).
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
     * @return empty when somebody else was faster
     */
    static Optional<ClaimedFetch> claim(TokenRepository rows, TokenRow row, RunId me, Duration lease,
            Duration requestTimeout, LongSupplier nanoTime) {
        // from before the claim on: the database's lease begins later
        long begun = nanoTime.getAsLong();
        return rows.claim(row, me.run(), lease)
            .map(claim -> new ClaimedFetch(rows, claim, lease, requestTimeout, nanoTime, begun));
    }

    Claim claim() {
        return claim;
    }

    /**
     * Asks WeChat, if the lease outlasts the request; otherwise the answer says that the
     * request was not sent.
     */
    Answer ask(Supplier<Answer> request) {
        if (!leaseOutlasts(Duration.ZERO)) {
            return new Answer.Unknown("paused for too long after the claim to ask WeChat within wx.refresh.lease",
                    Reach.NOT_SENT);
        }
        asked = nanoTime.getAsLong();
        return request.get();
    }

    /** The lease leaves room for this pause and a request after it. */
    boolean leaseOutlasts(Duration pause) {
        return lease.minusNanos(nanoTime.getAsLong() - begun).compareTo(pause.plus(requestTimeout)) >= 0;
    }

    /** Whole seconds since WeChat was last asked. */
    long secondsSinceAsked() {
        return Duration.ofNanos(nanoTime.getAsLong() - asked).toSeconds();
    }

    /**
     * @return false when fenced
     */
    boolean publish(String appId, FetchedValue fetched, long notAgainFor) {
        return unlessItBreaks(() -> rows.publish(claim, appId, fetched, notAgainFor));
    }

    /** Gives the claim up after a definite answer. */
    void release(Failure failure) {
        requestRefreshUnless(unlessItBreaks(() -> rows.release(claim, failure)));
    }

    /** Leaves the claim to lapse, as nobody knows whether WeChat issued a token. */
    void leaveToLapse(String error) {
        requestRefreshUnless(unlessItBreaks(() -> rows.leaveToLapse(claim, error)));
    }

    /**
     * When the claim is no longer this run's, one of its requests may have killed what
     * another run published.
     */
    private void requestRefreshUnless(boolean stillClaimed) {
        if (!stillClaimed) {
            rows.requestAfterFence(claim.seen().id());
        }
    }

    /**
     * When a statement breaks, nobody knows whether it was executed, nor whose claim it
     * was: then others must refresh.
     */
    private <T> T unlessItBreaks(Supplier<T> statement) {
        try {
            return statement.get();
        }
        catch (DataAccessException e) {
            rows.requestAfterFence(claim.seen().id());
            throw e;
        }
    }

}
