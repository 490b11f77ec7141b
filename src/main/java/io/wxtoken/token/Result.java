package io.wxtoken.token;

import io.wxtoken.ExitCode;

/**
 * The result of one run for one row.
 *
 * @param row as it is now, as far as this run knows
 * @param detail the reason of the outcome, on one line, without secrets
 * @param exitCode what it means for the run
 * @param errcode WeChat's error code; null without one
 */
public record Result(TokenRow row, Outcome outcome, String detail, ExitCode exitCode, Integer errcode) {

    /** A result without an error code of WeChat's. */
    public Result(TokenRow row, Outcome outcome, String detail, ExitCode exitCode) {
        this(row, outcome, detail, exitCode, null);
    }

    /**
     * The result for a row that another run is at work on, or that waits:
     * {@link ExitCode#OK} as long as its value lives.
     */
    static Result okIfLive(TokenRow row, Outcome outcome, String detail) {
        return new Result(row, outcome, detail, row.live() ? ExitCode.OK : ExitCode.RETRY);
    }

    /** The result for a row that the run, which is about to end, leaves as it is. */
    public static Result left(TokenRow row) {
        return new Result(row, Outcome.LEFT, "", ExitCode.RETRY);
    }

    /**
     * For people: "access_token refreshed: age 0 s, 7200 s left, fingerprint 0123456789ab
     * (never obtained)".
     */
    @Override
    public String toString() {
        String value = row.value().isEmpty() ? "none yet"
                : "age " + row.age() + " s, " + (row.timeLeft() > 0 ? row.timeLeft() + " s left" : "DEAD")
                        + ", fingerprint " + Fingerprint.shortOf(row.value());
        return row.type() + " " + outcome + ": " + value + (detail.isEmpty() ? "" : " (" + detail + ")");
    }
}
