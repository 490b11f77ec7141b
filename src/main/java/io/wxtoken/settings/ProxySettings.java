package io.wxtoken.settings;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import io.wxtoken.wechat.HttpProxy;

/**
 * Which proxy WeChat is reached through: {@code wx.api.proxy}, or else the environment's
 * {@code HTTPS_PROXY}, from which {@code NO_PROXY} exempts hosts. As with curl, the
 * variables' names may be in lower case, which wins.
 */
final class ProxySettings {

    static final String SETTING = "wx.api.proxy";

    private static final Pattern URL = Pattern
        .compile("(?i:http://)?(?:([!-~&&[^:@/]]+)(?::([!-~&&[^@/]]*))?@)?([^@/]+)/?");

    private ProxySettings() {
    }

    /**
     * A proxy's URL, and where it is set.
     */
    record Configured(String url, String setting) {

        /**
         * @return empty when this is no URL of an HTTP proxy
         */
        Optional<HttpProxy> parse() {
            Matcher matcher = URL.matcher(url);
            if (!matcher.matches()) {
                return Optional.empty();
            }
            try {
                String user = decode(matcher.group(1));
                String password = decode(matcher.group(2));
                return HostAndPort.parse(matcher.group(3), 0)
                    .filter(server -> server.port() != 0)
                    .map(server -> new HttpProxy(server.host(), server.port(), user, password, setting));
            }
            catch (IllegalArgumentException notPercentEncoded) {
                return Optional.empty();
            }
        }
    }

    /**
     * Decodes a user or a password in a URL.
     * @throws IllegalArgumentException when it is not percent-encoded
     */
    static String decode(String text) {
        return text == null ? null : URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    /**
     * Finds the proxy for one of WeChat's hosts. Plain http, which goes to loopback
     * addresses only, has none.
     * @param setting {@code wx.api.proxy}; null or empty when it is not set
     */
    static Optional<Configured> of(String setting, String baseUrl, Map<String, String> environment) {
        if (!baseUrl.startsWith("https:")) {
            return Optional.empty();
        }
        if (!WxProperties.isBlank(setting)) {
            return Optional.of(new Configured(setting, SETTING));
        }
        return Stream.of("https_proxy", "HTTPS_PROXY")
            .filter(name -> !WxProperties.isBlank(environment.get(name)))
            .findFirst()
            .map(name -> new Configured(environment.get(name).strip(), name))
            .filter(proxy -> !isExempt(URI.create(baseUrl),
                    environment.getOrDefault("no_proxy", environment.getOrDefault("NO_PROXY", ""))));
    }

    private static boolean isExempt(URI baseUrl, String noProxy) {
        String host = "." + baseUrl.getHost().toLowerCase(Locale.ROOT);
        int port = baseUrl.getPort() < 0 ? 443 : baseUrl.getPort();
        return Stream.of(noProxy.toLowerCase(Locale.ROOT).split("[,\\s]+"))
            .anyMatch(entry -> entry.equals("*") || HostAndPort.parse(entry.replaceFirst("^\\*?\\.", ""), port)
                .filter(exempt -> exempt.port() == port && host.endsWith("." + exempt.host()))
                .isPresent());
    }

}
