package io.wxtoken.token;

import io.wxtoken.ExitCode;

/**
 * What came of one row in one run. Ages are by the database's clock.
 *
 * @param age seconds since the value was obtained; meaningless without a value
 * @param timeLeft seconds that the value has left
 * @param fingerprint of the value, short; "none" without one
 * @param detail why, on one line, without secrets
 * @param exitCode what it means for the run
 */
public record Result(String type, Outcome outcome, long age, long timeLeft, String fingerprint, String detail,
        ExitCode exitCode) {

    /** The value is what it was when the row was read. */
    static Result unchanged(TokenRow row, Outcome outcome, String detail, ExitCode exitCode) {
        return new Result(row.type(), outcome, row.age(), row.timeLeft(), Fingerprint.shortOf(row.value()), detail, exitCode);
    }

    /** Somebody else is at work on the row: fine as long as its value lives. */
    static Result withOthers(TokenRow row, Outcome outcome, String detail) {
        return unchanged(row, outcome, detail, row.live() ? ExitCode.OK : ExitCode.RETRY);
    }

    private boolean hasValue() {
        return !fingerprint.equals("none");
    }

    /** For people: "access_token refreshed: age 0 s, 7200 s left, fingerprint 0123456789ab (never obtained)". */
    @Override
    public String toString() {
        String value = !hasValue() ? "no token yet"
                : "age " + age + " s, " + (timeLeft > 0 ? timeLeft + " s left" : "DEAD") + ", fingerprint " + fingerprint;
        return type + " " + outcome + ": " + value + (detail.isEmpty() ? "" : " (" + detail + ")");
    }
}
