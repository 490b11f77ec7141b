package io.wxtoken.wechat;

/**
 * Where an access_token comes from. The two are isolated: neither kills the other's
 * tokens.
 */
public enum Endpoint {

    /**
     * {@code GET /cgi-bin/token}: every call issues a new token; the one before it dies 5
     * minutes later.
     */
    TOKEN,

    /**
     * {@code POST /cgi-bin/stable_token}: every call answers with the current token, and
     * rotates it only within its last 5 minutes
     * (WX/doc/service/api/base/api_getstableaccesstoken).
     */
    STABLE_TOKEN

}
