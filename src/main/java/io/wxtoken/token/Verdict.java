package io.wxtoken.token;

/** What the policy says of a row. */
public enum Verdict {

    /** Nothing to do. */
    FRESH(false, "fresh"),

    /** Another run holds the row. */
    HELD(false, "held by another run"),

    /** The row is due, but WeChat must not be asked yet. */
    ON_HOLD(false, "on hold"),

    NEVER_OBTAINED(true, "never obtained"), NONSENSE_EXPIRE(true, "its expire was no Unix time, or one to come"),
    LAPSED_CLAIM(true, "a run that claimed it did not finish, and may have fetched"),
    FOREIGN_VALUE(true, "another program wrote it"), FAILED_BEFORE(true, "the last refresh failed"),
    DEAD(true, "WeChat says that it is dead"), FORCED(true, "forced"), REQUESTED(true, "a refresh was requested"),
    OLD(true, "older than wx.refresh.after"), NEAR_EXPIRY(true, "near its end");

    private final boolean due;

    private final String reason;

    Verdict(boolean due, String reason) {
        this.due = due;
        this.reason = reason;
    }

    /** The row is to be claimed. */
    public boolean due() {
        return due;
    }

    /** For a log line. */
    public String reason() {
        return reason;
    }

}
