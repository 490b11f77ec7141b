package io.wxtoken.job;

import java.util.List;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Account;

/**
 * What a run is asked to do beyond the schedule.
 *
 * @param force whether to refresh access_tokens that are not due, too
 * @param appId the account that is refreshed; null for all accounts
 */
public record RefreshOptions(boolean force, String appId) {

    /** The scheduled run. */
    public static final RefreshOptions SCHEDULED = new RefreshOptions(false, null);

    /**
     * The accounts that the run is for.
     * @throws io.wxtoken.settings.InvalidSettingsException when no account has the app id
     */
    public List<Account> accounts(WxProperties wx) {
        return appId == null ? wx.allAccounts() : List.of(wx.account(appId));
    }
}
