package io.wxtoken.token;

import io.wxtoken.token.Authorizers.Rotation;

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

    /** This value as it is some seconds later. */
    FetchedValue after(long seconds) {
        return new FetchedValue(value, obtainedAgo + seconds, timeLeft - seconds, rotation);
    }

    @Override
    public String toString() {
        return "FetchedValue[" + Fingerprint.shortOf(value) + ", " + obtainedAgo + ", " + timeLeft + "]";
    }
}
