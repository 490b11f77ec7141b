package io.wxtoken.token;

import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;

/** Fetches the values of one row from WeChat: an access_token or a ticket. */
interface TokenFetcher {

    /** The account that the row belongs to. */
    Account account();

    /**
     * The reason why WeChat must not be asked now, on one line; null when it may be
     * asked.
     */
    String blockedBecause(TokenRow row, Verdict why);

    /**
     * Asks WeChat. The row must be claimed.
     * @param asking is run before each request
     */
    Answer fetch(TokenRow row, Verdict why, Runnable asking);

    /**
     * Computes the times of a value that WeChat has just given.
     * @param seen the row as it was before
     */
    FetchedValue fetched(TokenRow seen, Answer.Issued given);

}
