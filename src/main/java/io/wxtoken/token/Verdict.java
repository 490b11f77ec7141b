package io.wxtoken.token;

/** What the policy says of a row. */
public enum Verdict {

    /** Nothing to do. */
    FRESH("fresh"),

    /** Another run holds it. */
    HELD("held by another run"),

    /** Due, but WeChat is not to be asked yet. */
    ON_HOLD("on hold"),

    NEVER_OBTAINED("never obtained"),
    NONSENSE_EXPIRE("its expire was no Unix time, or one to come"),
    LAPSED_CLAIM("a run that claimed it did not finish, and may have fetched"),
    FOREIGN_VALUE("another program wrote it"),
    FAILED_BEFORE("the last refresh failed"),
    DEAD("WeChat says that it is dead"),
    FORCED("forced"),
    REQUESTED("a refresh was requested"),
    OLD("older than wx.refresh.after"),
    NEAR_EXPIRY("near its end");

    private final String reason;

    Verdict(String reason) {
        this.reason = reason;
    }

    /** The row is to be claimed. */
    public boolean due() {
        return ordinal() > ON_HOLD.ordinal();
    }

    /** For a log line. */
    public String reason() {
        return reason;
    }
}
