package io.wxtoken.job;

import java.util.List;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Account;

/**
 * What a run is asked to do beyond the schedule.
 *
 * @param force refresh access_tokens whether they are due or not
 * @param appId only this account; null for all
 */
public record RefreshOptions(boolean force, String appId) {

    /** The scheduled run. */
    public static final RefreshOptions SCHEDULED = new RefreshOptions(false, null);

    /**
     * The accounts that the run is for.
     * @throws io.wxtoken.settings.InvalidSettingsException when the app id is none of
     * theirs
     */
    public List<Account> accounts(WxProperties wx) {
        return appId == null ? wx.allAccounts() : List.of(wx.account(appId));
    }
}
