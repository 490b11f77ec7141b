package io.wxtoken.token;

/** The policy's judgement of a row. */
public enum Verdict {

    /** Nothing to do. */
    FRESH(false, "fresh"),

    /** Another run holds the row. */
    HELD(false, "held by another run"),

    /** The row is due, but WeChat must not be asked yet. */
    ON_HOLD(false, "on hold"),

    NEVER_OBTAINED(true, "never obtained"),
    NONSENSE_TIME(true, "expire or expires_at was no Unix time, or too far in the future"),
    LAPSED_CLAIM(true, "the claim of an earlier run lapsed, and that run may have fetched"),
    FOREIGN_VALUE(true, "another program wrote it"), FAILED_BEFORE(true, "the last refresh failed"),
    DEAD(true, "WeChat says that it is dead"), FORCED(true, "forced"), REQUESTED(true, "a refresh was requested"),
    AUTHORIZED(true, "the account authorized the platform again"), OLD(true, "older than wx.refresh.after"),
    NEAR_EXPIRY(true, "near its end");

    private final boolean due;

    private final String reason;

    Verdict(boolean due, String reason) {
        this.due = due;
        this.reason = reason;
    }

    /** Whether the row is to be claimed. */
    public boolean due() {
        return due;
    }

    /** The reason, as a clause for a log line. */
    public String reason() {
        return reason;
    }

}
