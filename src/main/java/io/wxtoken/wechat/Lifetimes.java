package io.wxtoken.wechat;

import java.time.Duration;

/** How long WeChat's access_tokens live. */
public final class Lifetimes {

    /**
     * How long a token lives from its issue (WX/doc/service/api/base/api_getaccesstoken).
     */
    public static final Duration TOKEN = Duration.ofSeconds(7200);

    /**
     * How long a token still works after the next one was issued
     * (WX/doc/oplatform/developers/dev/AccessToken).
     */
    public static final Duration GRACE = Duration.ofMinutes(5);

    /**
     * No value lives longer than this, as far as the program believes: today's lifetime
     * is 2 hours.
     */
    public static final Duration LONGEST = Duration.ofDays(30);

    private Lifetimes() {
    }

}
