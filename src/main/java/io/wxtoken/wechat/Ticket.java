package io.wxtoken.wechat;

/**
 * A ticket that WeChat or WeCom gives for a live access_token. Within its life the same
 * one is given again, each time with a full {@code expires_in}; asking again does not
 * kill it.
 */
public enum Ticket {

    /** Signs web pages' calls of the JS-SDK. */
    JSAPI("jsapi", "jsapi_ticket"),

    /** Signs cards and coupons (卡券). */
    WX_CARD("wx_card", "wx_card_ticket"),

    /** Signs web pages' calls of WeCom's JS-SDK in the name of an application. */
    AGENT_CONFIG("agent_config", "agent_config_ticket");

    private final String parameter;

    private final String rowType;

    Ticket(String parameter, String rowType) {
        this.parameter = parameter;
        this.rowType = rowType;
    }

    /** Whether accounts of this endpoint can have it. */
    public boolean isFor(Endpoint endpoint) {
        return this == JSAPI || (this == AGENT_CONFIG) == (endpoint == Endpoint.WECOM);
    }

    /** WeChat's parameter {@code type}. */
    public String parameter() {
        return parameter;
    }

    /** The column {@code type} of its row, at most 20 characters. */
    public String rowType() {
        return rowType;
    }

}
