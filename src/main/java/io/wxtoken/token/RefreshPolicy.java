package io.wxtoken.token;

import java.time.Duration;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Endpoint;

/**
 * Decides what is due: pure, without a clock, I/O or memory. In this order:
 * <ol>
 * <li>A row whose claim has not run out is held: leave it alone.
 * <li>A row is due when it was never obtained; when a claim has lapsed (its holder may have fetched and died); when
 * another program wrote it (nobody can tell whose token came last; a row with no fingerprint is taken as it is); when
 * the last refresh failed; when a refresh was requested; when it is older than {@code wx.refresh.after}; when its end is
 * nearer than {@code wx.refresh.before}.
 * <li>But not before {@code retry_after}. A request does not lift that: applications ask all the time exactly when
 * WeChat refuses, and one call a minute would burn a test account's quota of 200 a day.
 * <li>A request, by itself, waits until the last fetch is {@code wx.refresh.request-interval} old, for the same reason.
 * </ol>
 * On the stable endpoint age says nothing, since WeChat rotates only near the end: there the end alone decides.
 */
public final class RefreshPolicy {

    /** An application's clock may be ahead of the database's; more than this makes {@code expire} nonsense. */
    private static final long CLOCK_SKEW = Duration.ofMinutes(5).toSeconds();

    private final long after;

    private final long before;

    private final long requestInterval;

    public RefreshPolicy(WxProperties.Refresh refresh) {
        this.after = refresh.after().toSeconds();
        this.before = refresh.before().toSeconds();
        this.requestInterval = refresh.requestInterval().toSeconds();
    }

    public Verdict judge(TokenRow row, Endpoint endpoint) {
        return judge(row, endpoint, requestInterval, null);
    }

    /**
     * For a run whose publish was fenced: the request is its own, and it knows that the row is doomed. Its own claim may
     * still stand, when an application wrote the row, and does not hold the run itself.
     */
    public Verdict judgeAfterFence(TokenRow row, Endpoint endpoint, String run) {
        return judge(row, endpoint, 0, run);
    }

    private Verdict judge(TokenRow row, Endpoint endpoint, long requestWait, String run) {
        boolean claimed = row.claimedBy() != null;
        // The second is counted in full: claimed_until and now are both rounded down, and the holder must not lose by it.
        // A claim further ahead than any lease is nobody's: it would hold the row for ever.
        if (claimed && !row.claimedBy().equals(run) && row.now() <= row.claimedUntil()
                && row.claimedUntil() - row.now() <= WxProperties.MAX_LEASE.toSeconds()) {
            return Verdict.HELD;
        }
        Verdict verdict = Verdict.FRESH;
        if (row.value().isEmpty() || row.obtainedAt() == 0 || row.age() < -CLOCK_SKEW) {
            verdict = Verdict.NEVER_OBTAINED;
        }
        else if (claimed) {
            verdict = Verdict.LAPSED_CLAIM;
        }
        else if (row.foreign()) {
            verdict = Verdict.FOREIGN_VALUE;
        }
        else if (row.failures() > 0) {
            verdict = Verdict.FAILED_BEFORE;
        }
        else if (row.refreshRequested() && row.age() >= requestWait) {
            verdict = Verdict.REQUESTED;
        }
        else if (endpoint == Endpoint.TOKEN && row.age() >= after) {
            verdict = Verdict.OLD;
        }
        else if (row.timeLeft() <= before) {
            verdict = Verdict.NEAR_EXPIRY;
        }
        return verdict.due() && row.now() < row.retryAfter() ? Verdict.ON_HOLD : verdict;
    }
}
