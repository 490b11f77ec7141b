package io.wxtoken.wechat;

import java.util.List;

/**
 * An account whose tokens the job keeps fresh: a WeChat Official Account or Mini Program,
 * an application of WeCom, a third-party platform, or an account that authorized it.
 *
 * @param appId its app id (开发者ID), at most 32 characters; of a WeCom application the corp
 * id, a colon and the agent id
 * @param appSecret its secret; never shown, not even by {@link #toString()}; null for an
 * account that authorized a platform
 * @param endpoint where its access_token comes from
 * @param tickets the tickets that it wants
 * @param first whether it is the first configured account, which takes over the rows
 * without an app id that the 2015 class left
 * @param name what people call it; empty when it has no name
 * @param setting the prefix of its settings' names, such as {@code wx.accounts[0].}, for
 * messages
 * @param authorization by which it authorized a platform; null if it did not
 */
public record Account(String appId, String appSecret, Endpoint endpoint, List<Ticket> tickets, boolean first,
        String name, String setting, Authorization authorization) {

    /**
     * The authorization of a third-party platform.
     *
     * @param component the platform
     * @param at when the account authorized it last, in Unix seconds
     * @param fingerprint of the refresh token that is stored
     */
    public record Authorization(Account component, long at, String fingerprint) {
    }

    /** An account that is configured. */
    public Account(String appId, String appSecret, Endpoint endpoint, List<Ticket> tickets, boolean first, String name,
            String setting) {
        this(appId, appSecret, endpoint, tickets, first, name, setting, null);
    }

    /** An account that is set by {@code wx.app-id} and has no name. */
    public Account(String appId, String appSecret, Endpoint endpoint, List<Ticket> tickets, boolean first) {
        this(appId, appSecret, endpoint, tickets, first, "", "wx.");
    }

    /** Its app id, and its name if it has one, for people. */
    public String label() {
        return name.isEmpty() ? appId : appId + " (" + name + ")";
    }

    /** Whether it is an application of WeCom (企业微信). */
    public boolean isWeCom() {
        return endpoint == Endpoint.WECOM;
    }

    /** The name of the setting that holds its secret. */
    public String secretSetting() {
        return setting + (isWeCom() ? "secret" : "app-secret");
    }

    /** The same account at another endpoint. */
    public Account at(Endpoint other) {
        return new Account(appId, appSecret, other, tickets, first, name, setting, authorization);
    }

    @Override
    public String toString() {
        return "Account[" + appId + ", " + endpoint + ", " + tickets + "]";
    }
}
