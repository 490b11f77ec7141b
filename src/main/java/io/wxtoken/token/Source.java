package io.wxtoken.token;

import io.wxtoken.wechat.Answer;

/** Where the values of a row come from. */
interface Source {

    String appId();

    /** Whether a row is due by its age. */
    boolean ageCounts();

    /** Why WeChat can't be asked now, on one line; null when it can. */
    String obstacle(TokenRow row, Verdict why);

    /** Asks WeChat. The row is claimed. */
    Answer fetch(TokenRow row, Verdict why);

    /** The times of a value that WeChat has just given. */
    Times times(TokenRow seen, Answer.Issued given);

    /**
     * @param obtainedAgo seconds since the value was issued
     * @param timeLeft seconds that it lives on
     */
    record Times(long obtainedAgo, long timeLeft) {
    }
}
