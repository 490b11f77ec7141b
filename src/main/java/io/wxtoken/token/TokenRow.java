package io.wxtoken.token;

import java.util.regex.Pattern;

import io.wxtoken.settings.WxProperties;

/**
 * One row of {@code wx_token} as one statement read it. All times are Unix seconds by the database's clock.
 *
 * @param expire when the token was obtained, as text: whatever an application wrote there
 * @param expiresAt when it dies, 0 if the job did not write it
 * @param claimedBy the run that holds the row, or null
 * @param fingerprint of the value that the job published (or adopted) last
 * @param failures refreshes in a row that failed or did not finish
 * @param retryAfter WeChat is not asked before this time
 * @param failedBy host and app id that WeChat refused, empty when the refusal concerns all
 * @param now when the row was read
 */
public record TokenRow(int id, String appId, String type, String expire, String value, long expiresAt, long version,
        String claimedBy, long claimedUntil, int refreshRequested, String fingerprint, long probedAt, int failures,
        long retryAfter, String failedBy, String lastError, long forcedAt, int forcedCount, long now) {

    /** {@code refresh_requested} by a run whose publish was fenced, and who knows that the row is doomed. */
    public static final int REQUESTED_BY_FENCED_RUN = 2;

    private static final Pattern UNIX_TIME = Pattern.compile("[0-9]{1,11}");

    /** {@code expire} as a number; 0 when it is none. */
    public long obtainedAt() {
        return UNIX_TIME.matcher(expire).matches() ? Long.parseLong(expire) : 0;
    }

    /** Seconds since the token was obtained. */
    public long age() {
        return now - obtainedAt();
    }

    /** Another program wrote the value since the job last did. */
    public boolean foreign() {
        return !value.isEmpty() && !fingerprint.equals(Fingerprint.of(value));
    }

    /** This row after a publish. */
    TokenRow published(String newValue, long obtainedAgo, long timeLeft) {
        long probed = newValue.equals(value) ? probedAt : now;
        return new TokenRow(id, appId, type, String.valueOf(now - obtainedAgo), newValue, now + timeLeft, version + 2, null, 0,
                refreshRequested, Fingerprint.of(newValue), probed, 0, 0, "", "", forcedAt, forcedCount, now);
    }

    /** Seconds that the value has left; of a value that the job did not write, as far as WeChat's usual life tells. */
    public long timeLeft() {
        long end = expiresAt == 0 || foreign() ? obtainedAt() + WxProperties.TOKEN_LIFE.toSeconds() : expiresAt;
        return end - now;
    }

    /** There is a value, and its time is not over. */
    public boolean live() {
        return !value.isEmpty() && timeLeft() > 0;
    }

    @Override
    public String toString() {
        return "TokenRow[" + id + ", " + type + ", version " + version + ", " + Fingerprint.shortOf(value) + "]";
    }
}
