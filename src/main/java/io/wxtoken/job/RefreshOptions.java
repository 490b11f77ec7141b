package io.wxtoken.job;

/**
 * What a run is asked to do beyond the schedule.
 *
 * @param force whether to refresh access_tokens that are not due, too
 * @param appId the account that is refreshed, or its name; null for all accounts
 */
public record RefreshOptions(boolean force, String appId) {

    /** The scheduled run. */
    public static final RefreshOptions SCHEDULED = new RefreshOptions(false, null);

}
