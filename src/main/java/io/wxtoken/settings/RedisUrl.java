package io.wxtoken.settings;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A Redis server as {@code wx.mirror.redis.url} names it:
 * {@code redis://user:password@host:port/database}, or {@code rediss://} for TLS.
 *
 * @param user null for Redis's default user
 * @param password never shown, not even by {@link #toString()}; null for none
 */
public record RedisUrl(boolean tls, HostAndPort server, String user, String password, int database) {

    private static final Pattern TEXT = Pattern
        .compile("redis(s?)://(?:([!-~&&[^:@/]]+)?:([!-~&&[^@/]]+)@)?([^@/]+)(?:/([0-9]{1,5})?)?");

    private static final int DEFAULT_PORT = 6379;

    /**
     * @return empty when the text is no such URL
     */
    public static Optional<RedisUrl> parse(String text) {
        Matcher matcher = TEXT.matcher(text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        try {
            String user = ProxySettings.decode(matcher.group(2));
            String password = ProxySettings.decode(matcher.group(3));
            int database = matcher.group(5) == null ? 0 : Integer.parseInt(matcher.group(5));
            return HostAndPort.parse(matcher.group(4), DEFAULT_PORT)
                .map(server -> new RedisUrl(!matcher.group(1).isEmpty(), server, user, password, database));
        }
        catch (IllegalArgumentException notPercentEncoded) {
            return Optional.empty();
        }
    }

    /** Host and port. */
    @Override
    public String toString() {
        return server.host() + ":" + server.port();
    }
}
