package io.wxtoken.wechat;

/**
 * A way to WeChat: one of its hosts, and the proxy on the way.
 *
 * @param baseUrl scheme and host, such as {@code https://api.weixin.qq.com}
 * @param proxy null when the host is reached directly; never for plain http
 */
public record Route(String baseUrl, HttpProxy proxy) {

    public Route {
        baseUrl = baseUrl.replaceAll("/$", "");
    }

    /** How messages name it. */
    @Override
    public String toString() {
        return baseUrl + (proxy == null ? "" : " through the proxy " + proxy);
    }
}
