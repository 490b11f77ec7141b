package io.wxtoken.token;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.zip.CRC32;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.ErrorCode;
import io.wxtoken.wechat.Lifetimes;

/**
 * Decides what is due. It is a pure function, without a clock, I/O or state. The rules
 * are, in this order:
 * <ol>
 * <li>A row whose claim has not run out is held: leave it alone.
 * <li>A row is due when it was never obtained, or nobody can tell when (a time that lies
 * ahead of now is nonsense, because the clock that it came from was wrong); when a claim
 * has lapsed (its holder may have fetched and died); when another program wrote it
 * (nobody can tell whose token came last); when the last refresh failed; when a refresh
 * was requested; when it is older than {@code wx.refresh.after}; when its end is nearer
 * than {@code wx.refresh.before}; when WeChat says that it is dead; when its account
 * authorized the platform again after it was obtained.
 * <li>A due row waits until {@code retry_after}, which the last refresh wrote. After a
 * failed refresh this is the wait that WeChat's answer asks for, and a request does not
 * shorten it: applications request all the time exactly when WeChat refuses, and a call a
 * minute would use up a test account's quota of 200 a day. If WeChat refused one node for
 * its address or settings, another node may try, as long as few refreshes in a row have
 * failed. After a success the wait is {@code wx.refresh.request-interval}, because
 * anybody may request, or overwrite, the row all the time. Two rows do not wait for this:
 * a row whose value a fenced run may have killed, and a token of the stable endpoint that
 * WeChat calls dead, because asking that endpoint kills nothing.
 * </ol>
 * An operator's force waits only for a claim.
 */
public final class RefreshPolicy {

    /**
     * An application's clock may be ahead of the database's; more than this makes
     * {@code expire} nonsense.
     */
    static final long CLOCK_SKEW = Duration.ofMinutes(5).toSeconds();

    /**
     * With more failures in a row than this, no node asks before {@code retry_after},
     * whichever node was refused.
     */
    private static final int FEW_FAILURES = 3;

    /**
     * The clocks of a cluster's servers, and that of a platform's web application, may
     * differ by this, in seconds. A wait that is longer by more than this than any that
     * the job writes is nonsense.
     */
    static final long CLOCKS_SKEW = 5;

    /** A run that holds no row and that WeChat has never refused. */
    private static final RunId NOBODY = new RunId("", "");

    private final long after;

    private final long before;

    private final long spacing;

    private final long lease;

    /** Seconds; 0 for never. */
    private final long probeInterval;

    public RefreshPolicy(WxProperties.Refresh refresh, WxProperties.Probe probe) {
        this.after = refresh.after().toSeconds();
        this.before = refresh.before().toSeconds();
        this.lease = refresh.lease().toSeconds();
        this.spacing = Math.min(refresh.requestInterval().toSeconds(), after);
        this.probeInterval = probe.interval().toSeconds();
    }

    /**
     * Whether a run over the account's rows would neither write nor ask WeChat, and would
     * end well, so that nothing needs to be started for it.
     */
    public boolean nothingDue(Account account, RowSet rows) {
        return isUnauthorized(account, rows.configured().get(RowKey.token(account)))
                || RowKey.of(account).stream().allMatch(key -> nothingDue(account, rows.configured().get(key)));
    }

    /**
     * Whether WeChat said within the last day that the account no longer authorizes the
     * platform. Nothing can be done then until it does, so runs leave all of its rows
     * alone.
     * @param tokenRow the row of its access_token; null without one
     */
    public boolean isUnauthorized(Account account, TokenRow tokenRow) {
        return tokenRow != null && account.authorization() != null && lacksAuthorization(tokenRow, account)
                && judge(tokenRow, account, Trigger.SCHEDULE, NOBODY) == Verdict.ON_HOLD;
    }

    /** As {@link #nothingDue(Account, RowSet)}, for one of the account's rows. */
    boolean nothingDue(Account account, TokenRow row) {
        return row != null && row.live() && switch (judge(row, account, Trigger.SCHEDULE, NOBODY)) {
            // A row with a failure needs the run, because each run reports the failure.
            // A token that waits for its next fetch may have to be probed all the same.
            case FRESH, ON_HOLD ->
                row.lastRefresh().failures() == 0 && !(row.type().equals(RowKey.ACCESS_TOKEN) && probeDue(row));
            case HELD -> !row.leftToLapse();
            default -> false;
        };
    }

    /**
     * Judges a row.
     * @param me this run, which may be the run that holds the row
     */
    public Verdict judge(TokenRow row, Account account, Trigger trigger, RunId me) {
        boolean heldByThisRun = trigger == Trigger.FENCED && me.run().equals(row.claim().by());
        if (!heldByThisRun && held(row)) {
            return Verdict.HELD;
        }
        if (trigger == Trigger.FORCED) {
            return Verdict.FORCED;
        }
        boolean renewedByAge = renewedByAge(row, account);
        Verdict verdict = reason(row, account, renewedByAge, trigger);
        if (!verdict.due() || heldByThisRun || !onHold(row, account)) {
            return verdict;
        }
        boolean mayAskNow = row.lastRefresh().failures() > 0
                ? lacksAuthorization(row, account) ? authorizedSinceRefusal(row, account)
                        : refusedAnotherNode(row, me.caller(account.appId()))
                : row.doomed() == TokenRow.MAYBE_KILLED || verdict == Verdict.DEAD && !renewedByAge;
        return mayAskNow ? verdict : Verdict.ON_HOLD;
    }

    /**
     * @return the Unix time from which a run refreshes the row, if nobody requests it
     * earlier; not later than now when the row is due
     */
    public long dueAt(TokenRow row, Account account, RunId me) {
        return switch (judge(row, account, Trigger.SCHEDULE, me)) {
            case HELD -> Math.max(row.claim().until() + 1, row.leftToLapse() ? row.lastRefresh().retryAfter() : 0);
            case ON_HOLD -> row.lastRefresh().retryAfter();
            case FRESH -> Math.min(renewedByAge(row, account) ? row.obtainedAt() + after(account) : Long.MAX_VALUE,
                    row.now() + row.timeLeft() - before);
            default -> row.now();
        };
    }

    /**
     * @return the seconds for which the row has been due by its age or its end; 0 when it
     * is not, or nobody can tell since when. A value that WeChat repeats until its end
     * counts from the last time that WeChat gave it.
     */
    public long dueFor(TokenRow row, Account account) {
        if (row.value().isEmpty() || row.obtainedAt() == 0) {
            return 0;
        }
        long byAge = renewedByAge(row, account) ? row.age() - after(account) : 0;
        return Math.max(0, Math.max(byAge, Math.min(before - row.timeLeft(), row.age())));
    }

    /**
     * An endpoint that repeats its access_token rotates it near its end only, so the age
     * of that token is no reason to renew it.
     */
    private static boolean renewedByAge(TokenRow row, Account account) {
        return !account.endpoint().repeats() || !row.type().equals(RowKey.ACCESS_TOKEN);
    }

    /** Whether probes are switched on. */
    boolean probesEnabled() {
        return probeInterval != 0;
    }

    /** Seconds; 0 for never. */
    long probeInterval() {
        return probeInterval;
    }

    /** The age in seconds at which a value is renewed at the latest. */
    long after() {
        return after;
    }

    /**
     * The values of accounts that authorized a platform are renewed up to this many
     * seconds earlier, each account's by a fixed number, so that accounts that authorized
     * it together do not stay together.
     */
    long spread() {
        return after / 5 + 1;
    }

    private long after(Account account) {
        if (account.authorization() == null) {
            return after;
        }
        CRC32 fixed = new CRC32(); // which MySQL has, too
        fixed.update(account.appId().getBytes(StandardCharsets.US_ASCII));
        return after - fixed.getValue() % spread();
    }

    /** The seconds before its end at which a value is renewed. */
    long before() {
        return before;
    }

    /** The seconds after a fetch in which WeChat is not asked again. */
    long spacing() {
        return spacing;
    }

    boolean probeDue(TokenRow row) {
        return probesEnabled() && row.live()
                && (row.now() - row.probedAt() >= probeInterval || row.probedAt() > row.now());
    }

    /**
     * Whether a run holds the row. The last second is counted in full: claimed_until and
     * now are both rounded down, which must not shorten the holder's lease. A claim that
     * lasts longer than any lease was not written by the job, and is ignored: it would
     * hold the row for ever.
     */
    private static boolean held(TokenRow row) {
        return row.claim().by() != null && row.now() <= row.claim().until()
                && row.claim().until() - row.now() <= WxProperties.MAX_LEASE.toSeconds();
    }

    /**
     * Whether the row has to wait. A wait that is longer than the job writes in such a
     * case is ignored, too.
     */
    private boolean onHold(TokenRow row, Account account) {
        long wait = row.lastRefresh().retryAfter() - row.now();
        return wait > 0 && wait <= longestWait(row, account) + CLOCKS_SKEW;
    }

    private long longestWait(TokenRow row, Account account) {
        TokenRow.LastRefresh last = row.lastRefresh();
        if (last.failures() == 0) {
            return spacing;
        }
        if (last.errcode() != null) {
            return ErrorCode.of(last.errcode(), account.endpoint()).holdFor(row.now(), last.failures());
        }
        // a schema before version 7 keeps WeChat's error code in the text alone
        return last.error().startsWith("errcode ") ? ErrorCode.LONGEST_WAIT
                : WxProperties.MAX_LEASE.toSeconds() + ErrorCode.LONGEST_BACK_OFF;
    }

    /**
     * Whether a refusal for want of an authorization is over: another refresh token is
     * stored than the one that WeChat refused, or the account authorized the platform
     * since. The time alone cannot tell, because the web application may store an
     * authorization long after it. The time of the claim counts, because the refresh
     * token was read after that.
     */
    private boolean authorizedSinceRefusal(TokenRow row, Account account) {
        return account.authorization() != null
                && (!account.authorization().fingerprint().equals(row.lastRefresh().refusedCaller()) || authorizedSince(
                        row.lastRefresh().retryAfter() - ErrorCode.LONGEST_WAIT - lease, row, account));
    }

    private static boolean lacksAuthorization(TokenRow row, Account account) {
        Integer errcode = row.lastRefresh().errcode();
        return row.lastRefresh().failures() > 0 && errcode != null
                && ErrorCode.of(errcode, account.endpoint()).kind() == ErrorCode.Kind.AUTHORIZATION;
    }

    private static boolean refusedAnotherNode(TokenRow row, String me) {
        return !row.lastRefresh().refusedCaller().isEmpty() && !row.lastRefresh().refusedCaller().equals(me)
                && row.lastRefresh().failures() <= FEW_FAILURES;
    }

    /**
     * Whether the account may have authorized the platform at that time, or later.
     */
    private static boolean authorizedSince(long time, TokenRow row, Account account) {
        return account.authorization() != null && account.authorization().at() + CLOCKS_SKEW >= time
                && account.authorization().at() <= row.now() + CLOCK_SKEW;
    }

    private Verdict reason(TokenRow row, Account account, boolean renewedByAge, Trigger trigger) {
        if (row.value().isEmpty()) {
            return Verdict.NEVER_OBTAINED;
        }
        if (row.obtainedAt() == 0 || row.age() < -CLOCK_SKEW || row.timeLeft() > Lifetimes.LONGEST.toSeconds()) {
            return Verdict.NONSENSE_TIME;
        }
        if (row.claim().by() != null) {
            return Verdict.LAPSED_CLAIM;
        }
        if (row.foreign()) {
            return Verdict.FOREIGN_VALUE;
        }
        if (row.lastRefresh().failures() > 0) {
            return Verdict.FAILED_BEFORE;
        }
        if (row.refreshWanted()) {
            return trigger == Trigger.DEAD ? Verdict.DEAD : Verdict.REQUESTED;
        }
        if (row.type().equals(RowKey.ACCESS_TOKEN) && authorizedSince(row.obtainedAt(), row, account)) {
            return Verdict.AUTHORIZED;
        }
        if (renewedByAge && row.age() >= after(account)) {
            return Verdict.OLD;
        }
        return row.timeLeft() <= before ? Verdict.NEAR_EXPIRY : Verdict.FRESH;
    }

}
