package io.wxtoken.token;

import io.wxtoken.token.Authorizers.Rotation;
import io.wxtoken.wechat.Answer;

/**
 * A value that WeChat has given, with its times.
 *
 * @param obtainedAgo seconds since the value was issued
 * @param timeLeft seconds that the value still lives
 * @param rotation the refresh token that came with it, which is stored together with it;
 * null without one
 */
record FetchedValue(String value, long obtainedAgo, long timeLeft, Rotation rotation) {

    /** A value without a refresh token. */
    FetchedValue(String value, long obtainedAgo, long timeLeft) {
        this(value, obtainedAgo, timeLeft, null);
    }

    /**
     * WeChat answers 7200 s each time that it repeats a ticket, and so, as users report,
     * does WeCom with an access_token. So an unchanged value keeps the end that it had
     * when it was first seen. One that is still given after that end has been extended by
     * an unknown time, so it is fetched again soon.
     * @param seen the row as it was before
     * @param soon in seconds
     */
    static FetchedValue perhapsRepeated(TokenRow seen, Answer.Issued given, long soon) {
        boolean repeated = given.value().equals(seen.value());
        long timeLeft = repeated ? Math.min(given.expiresIn(), seen.timeLeft() > 0 ? seen.timeLeft() : soon)
                : given.expiresIn();
        return new FetchedValue(given.value(), 0, timeLeft);
    }

    /** This value as it is some seconds later. */
    FetchedValue after(long seconds) {
        return new FetchedValue(value, obtainedAgo + seconds, timeLeft - seconds, rotation);
    }

    @Override
    public String toString() {
        return "FetchedValue[" + Fingerprint.shortOf(value) + ", " + obtainedAgo + ", " + timeLeft + "]";
    }
}
