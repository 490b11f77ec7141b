package io.wxtoken.token;

import java.time.Duration;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.ErrorCode;

/**
 * Decides what is due: pure, without a clock, I/O or memory. In this order:
 * <ol>
 * <li>A row whose claim has not run out is held: leave it alone.
 * <li>A row is due when it was never obtained, or nobody can tell when; when a claim has lapsed (its holder may have
 * fetched and died); when another program wrote it (nobody can tell whose token came last); when the last refresh
 * failed; when a refresh was requested; when it is older than {@code wx.refresh.after}; when its end is nearer than {@code wx.refresh.before}; when
 * WeChat says that it is dead.
 * <li>But not before {@code retry_after}, as the last refresh wrote it. When that failed, it is what WeChat's answer asks
 * for, and a request does not lift it: applications ask all the time exactly when WeChat refuses, and a call a minute would
 * burn a test account's quota of 200 a day. What WeChat refused to one node for its address or settings, another node may
 * try, as long as the failures in a row are few. When it succeeded, it is {@code wx.refresh.request-interval}, as anybody
 * may request, or overwrite, the row all the time; a fenced run's request does not wait, nor does WeChat's word that a
 * token of the stable endpoint, where asking kills nothing, is dead.
 * </ol>
 * An operator's force waits for a claim only.
 */
public final class RefreshPolicy {

    /** An application's clock may be ahead of the database's; more than this makes {@code expire} nonsense. */
    private static final long CLOCK_SKEW = Duration.ofMinutes(5).toSeconds();

    /** With more failures in a row than this, no node asks before {@code retry_after}, whoever was refused. */
    private static final int FEW_FAILURES = 3;

    private final long after;

    private final long before;

    public RefreshPolicy(WxProperties.Refresh refresh) {
        this.after = refresh.after().toSeconds();
        this.before = refresh.before().toSeconds();
    }

    /**
     * @param ageCounts false on the stable endpoint: WeChat rotates only near the end, so that age says nothing
     * @param me this run, and what WeChat sees of it
     */
    public Verdict judge(TokenRow row, boolean ageCounts, Occasion occasion, Node me, String appId) {
        boolean mine = occasion == Occasion.FENCED && me.run().equals(row.claimedBy());
        if (!mine && held(row)) {
            return Verdict.HELD;
        }
        if (occasion == Occasion.FORCED) {
            return Verdict.FORCED;
        }
        Verdict verdict = reason(row, ageCounts, occasion);
        if (!verdict.due() || mine || !onHold(row)) {
            return verdict;
        }
        boolean mayAskNow = row.failures() > 0 ? mayTryInstead(row, me.as(appId))
                : row.refreshRequested() == TokenRow.REQUESTED_BY_FENCED_RUN || verdict == Verdict.DEAD && !ageCounts;
        return mayAskNow ? verdict : Verdict.ON_HOLD;
    }

    /** @return the Unix time from which a run refreshes the row, if nobody asks for it earlier; not after now when it is due */
    public long dueAt(TokenRow row, boolean ageCounts, Node me, String appId) {
        return switch (judge(row, ageCounts, Occasion.SCHEDULE, me, appId)) {
            case HELD -> row.claimedUntil() + 1;
            case ON_HOLD -> row.retryAfter();
            case FRESH -> Math.min(ageCounts ? row.obtainedAt() + after : Long.MAX_VALUE, row.now() + row.timeLeft() - before);
            default -> row.now();
        };
    }

    /** @param interval {@code wx.probe.interval}; zero for never */
    static boolean probeDue(TokenRow row, Duration interval) {
        return !interval.isZero() && row.live() && row.now() - row.probedAt() >= interval.toSeconds();
    }

    /**
     * The second is counted in full: claimed_until and now are both rounded down, and the holder must not lose by it. A
     * claim further ahead than any lease is nobody's: it would hold the row for ever.
     */
    private static boolean held(TokenRow row) {
        return row.claimedBy() != null && row.now() <= row.claimedUntil()
                && row.claimedUntil() - row.now() <= WxProperties.MAX_LEASE.toSeconds();
    }

    /** A hold further ahead than any that the job writes is nonsense, too. */
    private static boolean onHold(TokenRow row) {
        return row.now() < row.retryAfter()
                && row.retryAfter() - row.now() <= ErrorCode.LONGEST_WAIT + WxProperties.MAX_LEASE.toSeconds();
    }

    private static boolean mayTryInstead(TokenRow row, String me) {
        return !row.failedBy().isEmpty() && !row.failedBy().equals(me) && row.failures() <= FEW_FAILURES;
    }

    private Verdict reason(TokenRow row, boolean ageCounts, Occasion occasion) {
        if (row.value().isEmpty()) {
            return Verdict.NEVER_OBTAINED;
        }
        if (row.obtainedAt() == 0 || row.age() < -CLOCK_SKEW) {
            return Verdict.NONSENSE_EXPIRE;
        }
        if (row.claimedBy() != null) {
            return Verdict.LAPSED_CLAIM;
        }
        if (row.foreign()) {
            return Verdict.FOREIGN_VALUE;
        }
        if (row.failures() > 0) {
            return Verdict.FAILED_BEFORE;
        }
        if (row.refreshRequested() != 0) {
            return occasion == Occasion.DEAD ? Verdict.DEAD : Verdict.REQUESTED;
        }
        if (ageCounts && row.age() >= after) {
            return Verdict.OLD;
        }
        return row.timeLeft() <= before ? Verdict.NEAR_EXPIRY : Verdict.FRESH;
    }
}
