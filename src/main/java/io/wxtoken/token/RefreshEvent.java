package io.wxtoken.token;

import java.util.Locale;

import io.wxtoken.wechat.Answer;

/**
 * A refresh of a row, or a change of its failure. A failure that repeats is no event, and
 * neither is a run that leaves the row as it is.
 *
 * @param reason why WeChat was asked, on one line
 * @param fingerprintBefore of the value that the run found; empty when there was none
 * @param fingerprintAfter of the value that the run left in the row; for
 * {@link Kind#FENCED} and {@link Kind#FETCHED}, of the value that it fetched and did not
 * store
 * @param errcode WeChat's error code for a failure; null without one
 * @param detail a failure's message, on one line, without secrets; otherwise empty
 */
public record RefreshEvent(String appId, String type, Kind kind, String reason, String fingerprintBefore,
        String fingerprintAfter, Integer errcode, String detail) {

    /** What happened. */
    public enum Kind {

        /** A new value was fetched and published. */
        REFRESHED,

        /** WeChat gave no value, and the row did not hold this failure yet. */
        FAILED,

        /**
         * WeChat answers again after a failure, with the value that the row already has.
         */
        RECOVERED,

        /**
         * A fetched value was not published, because another run or program had taken the
         * row over; or the database failed, and nobody knows whether the value was
         * published. A refresh is requested.
         */
        FENCED,

        /**
         * {@code wx-token fetch} fetched a value that is not stored, which kills the
         * row's value. A refresh is requested.
         */
        FETCHED;

        /** The kind's name in the column {@code outcome}. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }

    }

    static RefreshEvent of(String appId, TokenRow seen, Kind kind, Verdict why, String valueAfter) {
        return new RefreshEvent(appId, seen.type(), kind, why.reason(), fingerprint(seen.value()),
                fingerprint(valueAfter), null, "");
    }

    /**
     * @param value the value that was fetched and is not stored
     */
    public static RefreshEvent fetched(String appId, TokenRow seen, String value) {
        return new RefreshEvent(appId, seen.type(), Kind.FETCHED, "wx-token fetch", fingerprint(seen.value()),
                fingerprint(value), null, "");
    }

    static RefreshEvent failed(String appId, TokenRow seen, Verdict why, Answer.NoValue answer) {
        return new RefreshEvent(appId, seen.type(), Kind.FAILED, why.reason(), fingerprint(seen.value()),
                fingerprint(seen.value()), answer.code(), answer.text());
    }

    private static String fingerprint(String value) {
        return value.isEmpty() ? "" : Fingerprint.of(value);
    }
}
