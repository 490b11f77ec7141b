package io.wxtoken.wechat;

import java.time.Duration;
import java.util.List;

/**
 * How WeChat is reached.
 *
 * @param routes at least one; the next one is taken only when a request certainly did not
 * reach WeChat by the one before
 * @param weCom the route to WeCom
 * @param connectTimeout bounds a connection to one host, the TLS handshake included
 * @param readTimeout how much longer the answer may take
 */
public record ConnectionSettings(List<Route> routes, Route weCom, Duration connectTimeout, Duration readTimeout) {

    /** The longest that one call takes: a connection by each route, and one answer. */
    public Duration requestTimeout() {
        return connectTimeout.multipliedBy(routes.size()).plus(readTimeout);
    }
}
