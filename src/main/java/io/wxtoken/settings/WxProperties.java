package io.wxtoken.settings;

import java.net.URI;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.boot.convert.DurationUnit;

import io.wxtoken.wechat.Endpoint;

/**
 * The settings under {@code wx}. A duration without a unit is in seconds. {@link #problems()} has every rule.
 *
 * @param appId the account's app id: required
 * @param appSecret its secret: required
 */
public record WxProperties(String appId, String appSecret, @DefaultValue Api api, @DefaultValue Refresh refresh,
        @DefaultValue Run run) {

    /** WeChat's access_token lives this long (WX/doc/service/api/base/api_getaccesstoken). */
    public static final Duration TOKEN_LIFE = Duration.ofSeconds(7200);

    /** A lease must leave room for a schedule's interval and a run within WeChat's 5 minutes of grace. */
    public static final Duration MAX_LEASE = Duration.ofMinutes(4);

    private static final Pattern APP_ID = Pattern.compile("[A-Za-z0-9_-]{1,32}");

    private static final Pattern PRINTABLE = Pattern.compile("[!-~]+");

    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.\\d{1,3}){3}|\\[::1]");

    /**
     * How WeChat is reached.
     *
     * @param baseUrl scheme, host and port; plain http only to a loopback address
     * @param endpoint where the access_token comes from
     * @param connectTimeout 100 ms to 30 s
     * @param readTimeout from the request to the answer's last byte: 100 ms to 60 s
     */
    public record Api(@DefaultValue("https://api.weixin.qq.com") String baseUrl,
            @DefaultValue("token") Endpoint endpoint,
            @DefaultValue("3s") @DurationUnit(ChronoUnit.SECONDS) Duration connectTimeout,
            @DefaultValue("5s") @DurationUnit(ChronoUnit.SECONDS) Duration readTimeout) {

        /** The longest that one request can take. */
        public Duration requestTimeout() {
            return connectTimeout.plus(readTimeout);
        }
    }

    /**
     * When a token is renewed.
     *
     * @param after age at which a token is renewed: 1 s to 115 min
     * @param before time left at which a token is renewed, whatever its age: 1 s to 1 h
     * @param lease how long a claim keeps others away: whole seconds, longer than one request, at most 4 min
     * @param requestInterval a refresh asked for by others waits until the last fetch is this old: 1 s to 1 h
     */
    public record Refresh(@DefaultValue("50m") @DurationUnit(ChronoUnit.SECONDS) Duration after,
            @DefaultValue("5m") @DurationUnit(ChronoUnit.SECONDS) Duration before,
            @DefaultValue("60s") @DurationUnit(ChronoUnit.SECONDS) Duration lease,
            @DefaultValue("60s") @DurationUnit(ChronoUnit.SECONDS) Duration requestInterval) {
    }

    /**
     * The run as a whole.
     *
     * @param timeout after this long the process ends itself: 10 s to 10 min
     */
    public record Run(@DefaultValue("2m") @DurationUnit(ChronoUnit.SECONDS) Duration timeout) {
    }

    public List<Account> accounts() {
        return List.of(new Account(appId, appSecret, api.endpoint()));
    }

    /** Every rule in one place; empty when all is well. */
    List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (isBlank(appId)) {
            problems.add("wx.app-id is missing: set it to the account's AppID, in config/application.yml or as WX_APPID");
        }
        else if (!APP_ID.matcher(appId).matches()) {
            problems.add("wx.app-id = '%s' is no AppID: 1 to 32 letters and digits, such as wx0123456789abcdef, without blanks or quotes"
                .formatted(appId));
        }
        if (isBlank(appSecret)) {
            problems.add("wx.app-secret is missing: set it to the account's AppSecret, as WX_APPSECRET or in a file secrets/wx.app-secret");
        }
        else if (!PRINTABLE.matcher(appSecret).matches()) {
            problems.add("wx.app-secret holds a blank, a line break or a character that is not ASCII: copy the AppSecret again (its value is not shown here)");
        }
        baseUrlProblem().ifPresent(problems::add);
        within(problems, "wx.api.connect-timeout", api.connectTimeout(), Duration.ofMillis(100), Duration.ofSeconds(30));
        within(problems, "wx.api.read-timeout", api.readTimeout(), Duration.ofMillis(100), Duration.ofSeconds(60));
        within(problems, "wx.refresh.after", refresh.after(), Duration.ofSeconds(1), Duration.ofMinutes(115));
        within(problems, "wx.refresh.before", refresh.before(), Duration.ofSeconds(1), Duration.ofHours(1));
        within(problems, "wx.refresh.request-interval", refresh.requestInterval(), Duration.ofSeconds(1), Duration.ofHours(1));
        within(problems, "wx.refresh.lease", refresh.lease(), Duration.ofSeconds(1), MAX_LEASE);
        if (refresh.lease().getNano() != 0) {
            problems.add("wx.refresh.lease = %s must be whole seconds: the database's clock counts in seconds"
                .formatted(text(refresh.lease())));
        }
        if (refresh.lease().compareTo(api.requestTimeout()) <= 0) {
            problems.add("wx.refresh.lease = %s must exceed wx.api.connect-timeout + wx.api.read-timeout = %s: raise the lease or lower the timeouts"
                .formatted(text(refresh.lease()), text(api.requestTimeout())));
        }
        within(problems, "wx.run.timeout", run.timeout(), Duration.ofSeconds(10), Duration.ofMinutes(10));
        return problems;
    }

    private Optional<String> baseUrlProblem() {
        String is = "wx.api.base-url = '%s' ".formatted(api.baseUrl());
        URI uri;
        try {
            uri = URI.create(api.baseUrl());
        }
        catch (IllegalArgumentException notAUri) {
            return Optional.of(is + "is no URL: write it like https://api.weixin.qq.com");
        }
        if (uri.getHost() == null || uri.getRawUserInfo() != null || uri.getRawQuery() != null || uri.getRawFragment() != null
                || !(uri.getRawPath().isEmpty() || uri.getRawPath().equals("/"))) {
            return Optional.of(is + "must be a scheme and a host, such as https://api.weixin.qq.com, and nothing else");
        }
        if ("http".equals(uri.getScheme()) && !LOOPBACK.matcher(uri.getHost()).matches()) {
            return Optional.of(is + "would send the secret in the clear: use https (plain http only to a loopback address)");
        }
        if (!"https".equals(uri.getScheme()) && !"http".equals(uri.getScheme())) {
            return Optional.of(is + "must begin with https://");
        }
        return Optional.empty();
    }

    private static void within(List<String> problems, String name, Duration value, Duration least, Duration most) {
        if (value.compareTo(least) < 0 || value.compareTo(most) > 0) {
            problems.add("%s = %s is out of bounds: it takes %s to %s (a number without a unit is in seconds)"
                .formatted(name, text(value), text(least), text(most)));
        }
    }

    private static boolean isBlank(String value) {
        return value == null || value.isBlank();
    }

    /** A duration as an operator writes it: 50m, 90s, 1500ms. */
    static String text(Duration value) {
        if (value.getNano() != 0) {
            return value.toMillis() + "ms";
        }
        long seconds = value.toSeconds();
        return seconds != 0 && seconds % 60 == 0 ? seconds / 60 + "m" : seconds + "s";
    }

    @Override
    public String toString() {
        return "WxProperties[" + appId + ", " + api + ", " + refresh + ", " + run + "]";
    }
}
