package io.wxtoken.wechat;

/**
 * Where an access_token comes from. They are isolated: none kills another's tokens.
 */
public enum Endpoint {

    /**
     * {@code GET /cgi-bin/token}: every call issues a new token; the one before it dies 5
     * minutes later.
     */
    TOKEN("access_token", false),

    /**
     * {@code POST /cgi-bin/stable_token}: every call answers with the current token, and
     * rotates it only within its last 5 minutes
     * (WX/doc/service/api/base/api_getstableaccesstoken).
     */
    STABLE_TOKEN("access_token", true),

    /**
     * WeCom's {@code GET /cgi-bin/gettoken}: every call answers with the current token
     * until its end (developer.work.weixin.qq.com, path 91039).
     */
    WECOM("access_token", true),

    /**
     * {@code POST /cgi-bin/component/api_component_token}: the token of a third-party
     * platform (第三方平台), for the ticket that WeChat pushes to it every 10 minutes. Its
     * row's type is not WeChat's component_access_token, because the column {@code type}
     * has room for 20 characters.
     */
    COMPONENT("component_token", false),

    /**
     * {@code POST /cgi-bin/component/api_authorizer_token}: the token of an account that
     * has authorized a third-party platform, for the refresh token that it got by that.
     */
    AUTHORIZER("access_token", false);

    private final String rowType;

    private final boolean repeats;

    Endpoint(String rowType, boolean repeats) {
        this.rowType = rowType;
        this.repeats = repeats;
    }

    /** The column {@code type} of the token's row, at most 20 characters. */
    public String rowType() {
        return rowType;
    }

    /**
     * Whether it answers with the current token while that lives, so that a token's age
     * is no reason to ask.
     */
    public boolean repeats() {
        return repeats;
    }

    /** Whether {@code wx.api.endpoint} and an account's endpoint may be set to it. */
    public boolean isSetting() {
        return this == TOKEN || this == STABLE_TOKEN;
    }

}
