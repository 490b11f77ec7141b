package io.wxtoken.token;

/**
 * A value that WeChat has given, with its times.
 *
 * @param obtainedAgo seconds since the value was issued
 * @param timeLeft seconds that the value still lives
 */
public record FetchedValue(String value, long obtainedAgo, long timeLeft) {

    /** This value as it is some seconds later. */
    FetchedValue after(long seconds) {
        return new FetchedValue(value, obtainedAgo + seconds, timeLeft - seconds);
    }

    @Override
    public String toString() {
        return "FetchedValue[" + Fingerprint.shortOf(value) + ", " + obtainedAgo + ", " + timeLeft + "]";
    }
}
