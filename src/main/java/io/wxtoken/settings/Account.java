package io.wxtoken.settings;

import io.wxtoken.wechat.Endpoint;

/**
 * A WeChat Official Account whose tokens the job keeps.
 *
 * @param appId its app id (开发者ID), at most 32 characters
 * @param appSecret its secret; never shown, not even by {@link #toString()}
 * @param endpoint where its access_token comes from
 */
public record Account(String appId, String appSecret, Endpoint endpoint) {

    @Override
    public String toString() {
        return "Account[" + appId + ", " + endpoint + "]";
    }
}
