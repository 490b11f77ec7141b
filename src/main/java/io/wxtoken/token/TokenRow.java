package io.wxtoken.token;

import java.util.regex.Pattern;

import io.wxtoken.wechat.Lifetimes;

/**
 * One row of {@code wx_token} as one statement read it. All times are Unix seconds by the
 * database's clock.
 *
 * @param stored the value and what belongs to it
 * @param version rises with every claim and every publish: the fencing token
 * @param claim the run that may have asked WeChat and has not published yet
 * @param refreshRequested not 0 when an application reports that the value is dead; the
 * job sets it as well, for nodes with a version that knows no {@code doomed}
 * @param doomed what a run knows of the value: 0 nothing bad, {@link #DEAD} or
 * {@link #MAYBE_KILLED}; only the job may write it
 * @param probedAt when WeChat was last asked whether the value lives
 * @param lastRefresh what the last attempt to refresh the row left
 * @param forced the forced refreshes on the stable endpoint
 * @param now the time when the row was read
 */
public record TokenRow(int id, String appId, String type, Stored stored, long version, ClaimMark claim,
        int refreshRequested, int doomed, long probedAt, LastRefresh lastRefresh, Forced forced, long now) {

    /**
     * A row's value.
     *
     * @param expire when the value was obtained, as text: whatever an application wrote
     * there
     * @param value the token or ticket; empty when there is none
     * @param expiresAt when the value dies; 0 if the job did not write it
     * @param fingerprint of the value that the job published (or adopted) last
     */
    public record Stored(String expire, String value, long expiresAt, String fingerprint) {

        @Override
        public String toString() {
            return Fingerprint.shortOf(value);
        }
    }

    /**
     * The claim on a row.
     *
     * @param by the run that holds the row; null when none does
     * @param until when others may take the row over
     */
    public record ClaimMark(String by, long until) {

        /** No run holds the row. */
        public static final ClaimMark NONE = new ClaimMark(null, 0);

    }

    /**
     * What the last attempt to refresh a row left in it.
     *
     * @param failures how many attempts in a row failed or did not finish; 0 after a
     * success
     * @param retryAfter WeChat is not asked before this time
     * @param refusedCaller host and app id that WeChat refused, or the fingerprint of the
     * refresh token that it refused; empty when the refusal concerns all callers
     * @param error the failure's message; empty after a success
     * @param errcode WeChat's error code of the failure; null without one
     */
    public record LastRefresh(int failures, long retryAfter, String refusedCaller, String error, Integer errcode) {

        /** The last attempt succeeded, and WeChat may be asked at any time. */
        public static final LastRefresh SUCCEEDED = new LastRefresh(0, 0, "", "", null);

    }

    /**
     * The forced refreshes on the stable endpoint, of which WeChat allows few.
     *
     * @param at when the last one was asked for; 0 if there was none
     * @param count how many there were on that day, in Shanghai
     */
    public record Forced(long at, int count) {
    }

    /** WeChat says that the value is dead. */
    public static final int DEAD = 1;

    /** A run whose publish was fenced may have killed the value. */
    public static final int MAYBE_KILLED = 2;

    private static final Pattern UNIX_TIME = Pattern.compile("[0-9]{1,11}");

    /** The row's purpose, by its own columns. */
    public RowKey key() {
        return new RowKey(appId, type);
    }

    /** The token or ticket; empty when there is none. */
    public String value() {
        return stored.value();
    }

    /** {@code expire} as a number; 0 when it is none. */
    public long obtainedAt() {
        return UNIX_TIME.matcher(stored.expire()).matches() ? Long.parseLong(stored.expire()) : 0;
    }

    /** Seconds since the value was obtained. */
    public long age() {
        return now - obtainedAt();
    }

    /** Whether another program wrote the value after the job last did. */
    public boolean foreign() {
        return !value().isEmpty() && !stored.fingerprint().equals(Fingerprint.of(value()));
    }

    /**
     * Seconds that the value still lives; for another program's value they are computed
     * from WeChat's usual lifetime.
     */
    public long timeLeft() {
        boolean unknown = stored.expiresAt() == 0 || foreign();
        return (unknown ? obtainedAt() + Lifetimes.TOKEN.toSeconds() : stored.expiresAt()) - now;
    }

    /** Whether there is a value that has not expired. */
    public boolean live() {
        return !value().isEmpty() && timeLeft() > 0;
    }

    /** The last error of a row that is claimed; it stays if the run does not finish. */
    static String unfinished(String run) {
        return "claimed by " + run + ", which did not finish";
    }

    /**
     * Whether the run that claimed the row has failed and has left the claim to lapse,
     * because a token may have been issued. Otherwise that run may still be at work.
     */
    public boolean leftToLapse() {
        return claim.by() != null && !lastRefresh.error().equals(unfinished(claim.by()));
    }

    /** Whether an application or a run asks for a refresh. */
    public boolean refreshWanted() {
        return refreshRequested != 0 || doomed != 0;
    }

    /** This row after a publish. */
    TokenRow published(FetchedValue fetched) {
        boolean same = fetched.value().equals(value());
        Stored published = new Stored(String.valueOf(now - fetched.obtainedAgo()), fetched.value(),
                now + fetched.timeLeft(), Fingerprint.of(fetched.value()));
        return new TokenRow(id, appId, type, published, version + 2, ClaimMark.NONE, refreshRequested, doomed,
                same ? probedAt : now, LastRefresh.SUCCEEDED, forced, now);
    }

    @Override
    public String toString() {
        return "TokenRow[" + id + ", " + type + ", version " + version + ", " + stored + "]";
    }
}
