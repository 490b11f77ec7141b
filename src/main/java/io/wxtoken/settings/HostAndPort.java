package io.wxtoken.settings;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A server's address as settings write it: a name, an IPv4 address or an IPv6 address in
 * brackets, and a port of 1 to 65535.
 */
public record HostAndPort(String host, int port) {

    private static final Pattern TEXT = Pattern.compile("([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+])(?::([0-9]{1,5}))?");

    /**
     * @param defaultPort the port when the text has none
     * @return empty when the text is no such address
     */
    public static Optional<HostAndPort> parse(String text, int defaultPort) {
        Matcher matcher = TEXT.matcher(text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        if (matcher.group(2) == null) {
            return Optional.of(new HostAndPort(matcher.group(1), defaultPort));
        }
        int port = Integer.parseInt(matcher.group(2));
        return port >= 1 && port <= 65535 ? Optional.of(new HostAndPort(matcher.group(1), port)) : Optional.empty();
    }
}
