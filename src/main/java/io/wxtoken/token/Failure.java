package io.wxtoken.token;

/**
 * The columns that a failed refresh leaves in a row.
 *
 * @param inARow how many refreshes failed in a row; 0 when the claim was not for the
 * row's own refresh
 * @param notAgainFor seconds in which WeChat is not asked again
 * @param refusedCaller host and app id that WeChat refused, or the fingerprint of the
 * refresh token that it refused; empty when the refusal concerns all callers
 * @param error the failure's message, on one line, without secrets
 * @param errcode WeChat's error code; null without one
 */
public record Failure(int inARow, long notAgainFor, String refusedCaller, String error, Integer errcode) {

    /** No failure: WeChat may be asked at once. */
    static final Failure NONE = new Failure(0, 0, "", "", null);

    /** The failure that the row holds already. */
    static Failure storedIn(TokenRow row) {
        TokenRow.LastRefresh last = row.lastRefresh();
        return new Failure(last.failures(), Math.max(0, last.retryAfter() - row.now()), last.refusedCaller(),
                last.error(), last.errcode());
    }
}
