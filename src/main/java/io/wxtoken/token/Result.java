package io.wxtoken.token;

import io.wxtoken.ExitCode;

/**
 * What came of one row in one run.
 *
 * @param row as it is now, as far as this run knows
 * @param detail why, on one line, without secrets
 * @param exitCode what it means for the run
 */
public record Result(TokenRow row, Outcome outcome, String detail, ExitCode exitCode) {

    /**
     * Somebody else is at work on the row, or it waits: fine as long as its value lives.
     */
    static Result fineIfLive(TokenRow row, Outcome outcome, String detail) {
        return new Result(row, outcome, detail, row.live() ? ExitCode.OK : ExitCode.RETRY);
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
