package io.wxtoken.settings;

import java.util.List;

import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;

/**
 * A WeChat Official Account whose tokens the job keeps.
 *
 * @param appId its app id (开发者ID), at most 32 characters
 * @param appSecret its secret; never shown, not even by {@link #toString()}
 * @param endpoint where its access_token comes from
 * @param tickets which it wants
 * @param first the first account takes over the source's rows, which have no app id
 */
public record Account(String appId, String appSecret, Endpoint endpoint, List<Ticket> tickets, boolean first) {

    /**
     * Whether a value of that type is renewed by its age. Not so the stable endpoint's access_token: WeChat rotates it near
     * its end only.
     */
    public boolean ageCounts(String type) {
        return endpoint != Endpoint.STABLE_TOKEN || !type.equals("access_token");
    }

    /** The same account at another endpoint. */
    public Account at(Endpoint other) {
        return new Account(appId, appSecret, other, tickets, first);
    }

    @Override
    public String toString() {
        return "Account[" + appId + ", " + endpoint + ", " + tickets + "]";
    }
}
