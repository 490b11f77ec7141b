package io.wxtoken.wechat;

import java.util.List;

/**
 * A WeChat Official Account whose tokens the job keeps fresh.
 *
 * @param appId its app id (开发者ID), at most 32 characters
 * @param appSecret its secret; never shown, not even by {@link #toString()}
 * @param endpoint where its access_token comes from
 * @param tickets the tickets that it wants
 * @param first whether it is the first configured account, which takes over the rows
 * without an app id that the 2015 class left
 * @param name what people call it; empty when it has no name
 * @param setting the prefix of its settings' names, such as {@code wx.accounts[0].}, for
 * messages
 */
public record Account(String appId, String appSecret, Endpoint endpoint, List<Ticket> tickets, boolean first,
        String name, String setting) {

    /** An account that is set by {@code wx.app-id} and has no name. */
    public Account(String appId, String appSecret, Endpoint endpoint, List<Ticket> tickets, boolean first) {
        this(appId, appSecret, endpoint, tickets, first, "", "wx.");
    }

    /** Its app id, and its name if it has one, for people. */
    public String label() {
        return name.isEmpty() ? appId : appId + " (" + name + ")";
    }

    /** The same account at another endpoint. */
    public Account at(Endpoint other) {
        return new Account(appId, appSecret, other, tickets, first, name, setting);
    }

    @Override
    public String toString() {
        return "Account[" + appId + ", " + endpoint + ", " + tickets + "]";
    }
}
