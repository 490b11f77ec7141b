package io.wxtoken.settings;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;

import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;

/**
 * The rules that settings must keep. Each message names the property, its bounds, and
 * what to do.
 */
final class SettingsRules {

    private static final Pattern APP_ID = Pattern.compile("wx[A-Za-z0-9_-]{1,30}");

    private static final Pattern CORP_ID = Pattern.compile("w[wx][A-Za-z0-9_-]{1,28}");

    /** Letters for secrets that belong to no application, such as the contacts'. */
    private static final Pattern AGENT_ID = Pattern.compile("[A-Za-z0-9-]{1,28}");

    private static final int LONGEST_APP_ID = 32;

    /** Text in any language that needs no quoting in a log line, a table or a metric. */
    private static final Pattern NAME = Pattern.compile("[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S} &&[^\"'`\\\\|{}<>]]{1,40}");

    private static final Pattern PRINTABLE = Pattern.compile("[!-~]+");

    /** What is printable, but for the braces of placeholders. */
    private static final Pattern REDIS_KEY = Pattern.compile("[!-~&&[^{}]]+");

    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.\\d{1,3}){3}|\\[::1]");

    private static final Map<String, String> DRIVERS = Map.of("mysql", "com.mysql.cj.jdbc.Driver", "h2",
            "org.h2.Driver");

    /**
     * Hikari properties that would make the pool connect differently from the due check;
     * they are rejected.
     */
    private static final List<String> POOL_CONNECTION_PROPERTIES = List.of("jdbc-url", "username", "password",
            "catalog", "schema", "connection-init-sql", "driver-class-name", "data-source-class-name",
            "data-source-jndi");

    private final WxProperties wx;

    SettingsRules(WxProperties wx) {
        this.wx = wx;
    }

    /**
     * Checks the settings under {@code wx}.
     * @param toRefresh whether accounts and their secrets are needed
     * @return a line for each problem
     */
    List<String> problems(boolean toRefresh) {
        List<String> problems = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        Set<String> names = new HashSet<>();
        int index = wx.shortForm() ? -1 : 0;
        for (WxProperties.Entry entry : wx.entries()) {
            accountProblems(WxProperties.setting(index++), entry, toRefresh, seen, names, problems);
        }
        if (wx.component().isSet()) {
            accountProblems(WxProperties.COMPONENT, wx.component().entry(), toRefresh, seen, names, problems);
        }
        if (wx.tickets().contains(Ticket.AGENT_CONFIG)
                && wx.entries().stream().noneMatch(WxProperties.Entry::isWeCom)) {
            problems.add("wx.tickets: agent_config is a ticket of WeCom's, and no account has platform: wecom");
        }
        endpointProblem("wx.api.endpoint", wx.api().endpoint()).ifPresent(problems::add);
        List<String> wrongUrls = baseUrlProblems();
        problems.addAll(wrongUrls);
        if (wrongUrls.isEmpty()) {
            proxyProblem(toRefresh).ifPresent(problems::add);
        }
        checkBounds(problems, "wx.api.connect-timeout", wx.api().connectTimeout(), Duration.ofMillis(100),
                Duration.ofSeconds(30));
        checkBounds(problems, "wx.api.read-timeout", wx.api().readTimeout(), Duration.ofMillis(100),
                Duration.ofSeconds(60));
        checkBounds(problems, "wx.refresh.after", wx.refresh().after(), Duration.ofSeconds(1), Duration.ofMinutes(115));
        checkBounds(problems, "wx.refresh.before", wx.refresh().before(), Duration.ofSeconds(1), Duration.ofHours(1));
        checkBounds(problems, "wx.refresh.request-interval", wx.refresh().requestInterval(), Duration.ofSeconds(1),
                Duration.ofHours(1));
        checkBounds(problems, "wx.refresh.lease", wx.refresh().lease(), Duration.ofSeconds(1), WxProperties.MAX_LEASE);
        if (wx.refresh().lease().getNano() != 0) {
            problems.add("wx.refresh.lease = %s must be whole seconds: the database's clock counts in seconds"
                .formatted(text(wx.refresh().lease())));
        }
        if (wx.refresh().concurrency() < 1 || wx.refresh().concurrency() > 64) {
            problems.add("wx.refresh.concurrency = %d is out of bounds: it must be 1 to 64"
                .formatted(wx.refresh().concurrency()));
        }
        if (!wx.probe().interval().isZero()) {
            checkBounds(problems, "wx.probe.interval", wx.probe().interval(), Duration.ofSeconds(1),
                    Duration.ofHours(1));
        }
        checkBounds(problems, "wx.run.timeout", wx.run().timeout(), Duration.ofSeconds(10), Duration.ofMinutes(10));
        if (wx.metrics().measured()) {
            textfileProblem().ifPresent(problems::add);
        }
        checkBounds(problems, "wx.history.keep", wx.history().keep(), Duration.ofDays(1), Duration.ofDays(60));
        if (wx.mirror().wanted()) {
            mirrorProblems(problems);
        }
        redisProblems(problems, wx.mirror().redis());
        if (!problems.isEmpty()) {
            // a value that is out of bounds breaks the rules below as well, and those
            // messages would add nothing
            return problems;
        }
        if (wx.refresh().lease().compareTo(wx.api().requestTimeout()) <= 0) {
            problems.add("wx.refresh.lease = %s must exceed %s: raise the lease or lower the timeouts"
                .formatted(text(wx.refresh().lease()), requestTimeout()));
        }
        if (wx.run().timeout().compareTo(wx.api().requestTimeout()) <= 0) {
            problems.add("wx.run.timeout = %s must exceed %s: a run would be ended while it fetches"
                .formatted(text(wx.run().timeout()), requestTimeout()));
        }
        return problems;
    }

    /**
     * @param seen gets the account's id
     * @param names gets the name
     */
    private static void accountProblems(String prefix, WxProperties.Entry entry, boolean toRefresh, Set<String> seen,
            Set<String> names, List<String> problems) {
        String appId = entry.accountId();
        Optional<String> wrongId = entry.isWeCom() ? weComProblem(prefix, entry, toRefresh)
                : toRefresh || !WxProperties.isBlank(appId) ? appIdProblem(prefix, entry) : Optional.empty();
        // what is written for the other platform is missing for this one, too
        Optional<String> misplaced = misplacedProblem(prefix, entry);
        misplaced.or(() -> wrongId).ifPresent(problems::add);
        if (toRefresh && misplaced.isEmpty()) {
            secretProblem(prefix, entry).ifPresent(problems::add);
        }
        if (!entry.isWeCom()) {
            endpointProblem(prefix + "endpoint", entry.endpoint()).ifPresent(problems::add);
        }
        ticketProblem(prefix, entry).ifPresent(problems::add);
        if (!WxProperties.isBlank(appId) && wrongId.isEmpty() && !seen.add(appId.toLowerCase(Locale.ROOT))) {
            problems.add("%s%s = '%s' is there twice: remove one of the two entries".formatted(prefix,
                    entry.isWeCom() ? "corp-id and agent-id" : "app-id", appId));
        }
        if (!WxProperties.isBlank(entry.name())) {
            nameProblem(prefix, entry.name(), names).ifPresent(problems::add);
        }
    }

    private static Optional<String> appIdProblem(String prefix, WxProperties.Entry entry) {
        if (WxProperties.isBlank(entry.appId())) {
            return Optional.of(prefix + "app-id is missing: set it to the account's AppID, in config/application.yml"
                    + (prefix.equals("wx.") ? " or as WX_APPID" : ""));
        }
        if (!APP_ID.matcher(entry.appId()).matches()) {
            return Optional.of(prefix
                    + "app-id is no AppID: an AppID is wx and up to 30 letters and digits, such as wx0123456789abcdef"
                    + " (are app-id and app-secret swapped? The value is not shown, because it may be the secret)");
        }
        return Optional.empty();
    }

    private static Optional<String> weComProblem(String prefix, WxProperties.Entry entry, boolean isNeeded) {
        boolean noCorpId = WxProperties.isBlank(entry.corpId());
        boolean noAgentId = WxProperties.isBlank(entry.agentId());
        if (noCorpId && (isNeeded || !noAgentId)) {
            return Optional.of(prefix + "corp-id is missing: set it to the corp's id (企业ID) at work.weixin.qq.com");
        }
        if (noAgentId && (isNeeded || !noCorpId)) {
            return Optional.of(prefix + "agent-id is missing: set it to the application's AgentId");
        }
        if (!noCorpId && !CORP_ID.matcher(entry.corpId()).matches()) {
            return Optional
                .of(prefix + "corp-id is no corp id: it is ww or wx and up to 28 letters and digits (its value"
                        + " is not shown, because it may be the secret)");
        }
        if (!noAgentId && !AGENT_ID.matcher(entry.agentId()).matches()) {
            return Optional.of(prefix + "agent-id is no AgentId: it has letters and digits only, such as 1000002 (its"
                    + " value is not shown, because it may be the secret)");
        }
        return !noCorpId && entry.accountId().length() > LONGEST_APP_ID ? Optional
            .of(prefix + "corp-id and agent-id are too long: with a colon between them they name the rows,"
                    + " which have room for " + LONGEST_APP_ID + " characters")
                : Optional.empty();
    }

    private static Optional<String> misplacedProblem(String prefix, WxProperties.Entry entry) {
        Map<String, Object> others = new LinkedHashMap<>();
        if (entry.isWeCom()) {
            others.put("app-id", entry.appId());
            others.put("app-secret", entry.appSecret());
            others.put("endpoint", entry.endpoint());
        }
        else {
            others.put("corp-id", entry.corpId());
            others.put("agent-id", entry.agentId());
            others.put("secret", entry.secret());
        }
        for (Map.Entry<String, Object> other : others.entrySet()) {
            if (other.getValue() != null && !other.getValue().toString().isBlank()) {
                return Optional.of(prefix + other.getKey()
                        + (entry.isWeCom()
                                ? " does not fit platform: wecom, which has corp-id, agent-id and secret: leave it out"
                                : " is for platform: wecom: set that as well, or use app-id and app-secret"));
            }
        }
        return Optional.empty();
    }

    private static Optional<String> ticketProblem(String prefix, WxProperties.Entry entry) {
        return Stream.ofNullable(entry.tickets())
            .flatMap(List::stream)
            .filter(ticket -> ticket != null && !ticket.isFor(entry.endpointOr(Endpoint.TOKEN)))
            .findFirst()
            .map(ticket -> prefix + "tickets: " + ticket.parameter()
                    + (entry.isWeCom() ? " is no ticket of WeCom's, which are jsapi and agent_config"
                            : " is a ticket of WeCom's: write jsapi, wx_card or none, or set platform: wecom"));
    }

    private static Optional<String> endpointProblem(String name, Endpoint endpoint) {
        return endpoint == null || endpoint.isSetting() ? Optional.empty()
                : Optional.of(name + " must be one of: token, stable-token");
    }

    /**
     * @param names gets the name
     */
    private static Optional<String> nameProblem(String prefix, String name, Set<String> names) {
        if (!NAME.matcher(name).matches() || !name.equals(name.strip())) {
            return Optional.of(prefix + "name is no name for an account: write 1 to 40 letters, digits and signs of any"
                    + " language, without quotes, \\, |, {, }, <, > and line breaks, and no blank at either end");
        }
        if (APP_ID.matcher(name).matches() || name.matches(CORP_ID + ":" + AGENT_ID)) {
            return Optional.of(prefix + "name = '" + name + "' looks like an AppID: choose another name");
        }
        return names.add(name) ? Optional.empty()
                : Optional.of(prefix + "name = '" + name + "' is there twice: give each account a name of its own");
    }

    private static Optional<String> secretProblem(String prefix, WxProperties.Entry entry) {
        String secret = entry.isWeCom() ? entry.secret() : entry.appSecret();
        String setting = prefix + (entry.isWeCom() ? "secret" : "app-secret");
        if (WxProperties.isBlank(secret)) {
            return Optional.of(setting + " is missing: set it to the "
                    + (entry.isWeCom() ? "application's Secret, " : "account's AppSecret, ")
                    + (prefix.startsWith("wx.accounts") ? "as ${a placeholder} that a file or the environment fills"
                            : "as %sAPPSECRET or in a file secrets/%sapp-secret"
                                .formatted(prefix.replace('.', '_').toUpperCase(Locale.ROOT), prefix)));
        }
        if (secret.contains("${")) {
            return Optional
                .of(setting + " names a placeholder that nothing fills: set that variable, or add that file to the"
                        + " secrets");
        }
        if (!PRINTABLE.matcher(secret).matches()) {
            return Optional
                .of(setting + " holds a blank, a line break or a character that is not ASCII: copy the secret"
                        + " again (its value is not shown here)");
        }
        return Optional.empty();
    }

    /** The longest time of a call to WeChat, and what it consists of. */
    private String requestTimeout() {
        int hosts = wx.api().baseUrl().size();
        return "wx.api.connect-timeout%s + wx.api.read-timeout = %s".formatted(
                hosts == 1 ? "" : " for each of the " + hosts + " hosts in wx.api.base-url",
                text(wx.api().requestTimeout()));
    }

    private List<String> baseUrlProblems() {
        if (wx.api().baseUrl().isEmpty()) {
            return List.of("wx.api.base-url is empty: leave it out, or set it to https://api.weixin.qq.com");
        }
        return Stream
            .concat(wx.api().baseUrl().stream().flatMap(url -> baseUrlProblem("wx.api.base-url", url).stream()),
                    baseUrlProblem("wx.api.wecom-base-url", wx.api().wecomBaseUrl()).stream())
            .toList();
    }

    private static Optional<String> baseUrlProblem(String name, String url) {
        String setting = "%s = '%s' ".formatted(name, url.replaceAll("[?#].*", "?…").replaceAll("//[^/]*@", "//…@"));
        URI uri;
        try {
            uri = URI.create(url);
        }
        catch (IllegalArgumentException notAUri) {
            return Optional.of(setting + "is no URL: write it like https://api.weixin.qq.com");
        }
        if (uri.getHost() == null || uri.getRawUserInfo() != null || uri.getRawQuery() != null
                || uri.getRawFragment() != null || !(uri.getRawPath().isEmpty() || uri.getRawPath().equals("/"))) {
            return Optional
                .of(setting + "must be a scheme and a host, such as https://api.weixin.qq.com, and nothing else");
        }
        if (uri.getPort() == 0 || uri.getPort() > 65535) {
            return Optional.of(setting + "has an invalid port: ports go from 1 to 65535");
        }
        if ("http".equals(uri.getScheme()) && !LOOPBACK.matcher(uri.getHost()).matches()) {
            return Optional
                .of(setting + "would send the secret in the clear: use https (plain http only to a loopback address)");
        }
        if (!"https".equals(uri.getScheme()) && !"http".equals(uri.getScheme())) {
            return Optional.of(setting + "must begin with https://");
        }
        return Optional.empty();
    }

    /**
     * Checks the proxy. The environment's is not checked for a command that does not ask
     * WeChat.
     */
    private Optional<String> proxyProblem(boolean asksWeChat) {
        Stream<String> weCom = wx.entries().stream().anyMatch(WxProperties.Entry::isWeCom)
                ? Stream.of(wx.api().wecomBaseUrl()) : Stream.empty();
        return Stream.concat(wx.api().baseUrl().stream(), weCom)
            .flatMap(url -> ProxySettings.of(wx.api().proxy(), url, System.getenv()).stream())
            .filter(proxy -> asksWeChat || proxy.setting().equals(ProxySettings.SETTING))
            .filter(proxy -> proxy.url().contains("${") || proxy.parse().isEmpty())
            .findFirst()
            .map(proxy -> proxy.url().contains("${")
                    ? proxy.setting() + " names a placeholder that nothing fills: set that variable, or add that file"
                            + " to the secrets"
                    : proxy.setting() + " is no HTTP proxy: write it like http://user:password@proxy.example.com:3128,"
                            + " with special characters in the user and the password percent-encoded (its value is"
                            + " not shown, because it may hold the password)"
                            + (proxy.setting().equals(ProxySettings.SETTING) ? ""
                                    : "; or set " + ProxySettings.SETTING + ", which is used instead"));
    }

    private Optional<String> textfileProblem() {
        String setting = "wx.metrics.textfile = '%s' ".formatted(wx.metrics().textfile());
        if (!WxProperties.Metrics.isTextfile(wx.metrics().textfile())) {
            return Optional.of(setting + "must end in .prom: node_exporter reads no other files");
        }
        // a folder that is missing must not stop the refresh
        return wx.metrics().textfile().contains("${")
                ? Optional.of(setting + "names a placeholder that nothing fills: set that variable, or write the path")
                : wx.metrics().textfile().indexOf('\0') >= 0 ? Optional.of(setting + "is not a valid path")
                        : Optional.empty();
    }

    /**
     * Checks the mirrors' settings. A missing folder or a server that is down is no
     * problem here, because it must not stop the refresh.
     */
    private void mirrorProblems(List<String> problems) {
        if (wx.mirror().toFile()) {
            String setting = "wx.mirror.file = '%s' ".formatted(wx.mirror().file());
            if (wx.mirror().fileOf("wx").matches("(?s).*[{}].*")) {
                problems.add(setting + "holds an unknown placeholder: the only one is " + WxProperties.Mirror.APP_ID
                        + ", which stands for the account's app id");
            }
            else if (wx.mirror().file().endsWith("/")) {
                problems.add(setting + "names a folder: name the file in it, such as access_token.json");
            }
            else if (wx.mirror().file().indexOf('\0') >= 0) {
                problems.add("wx.mirror.file is not a valid path");
            }
            if (!wx.mirror().file().contains(WxProperties.Mirror.APP_ID) && hasSeveralAccounts()) {
                problems.add(setting + "is one file for several accounts: put " + WxProperties.Mirror.APP_ID
                        + " into its name");
            }
        }
        for (String server : wx.mirror().memcached().servers()) {
            if (HostAndPort.parse(server, 0).isEmpty()) {
                problems.add("wx.mirror.memcached.servers: '%s' is no server: write it like cache.example.com:11211"
                    .formatted(server));
            }
        }
    }

    private void redisProblems(List<String> problems, WxProperties.Redis redis) {
        if (redis.used() && redis.url().contains("${")) {
            problems.add("wx.mirror.redis.url names a placeholder that nothing fills: set that variable, or add that"
                    + " file to the secrets");
        }
        else if (redis.used() && RedisUrl.parse(redis.url()).isEmpty()) {
            problems.add("wx.mirror.redis.url is no Redis server: write it like"
                    + " rediss://user:password@redis.example.com:6379/0, or :password@ without a user, with special"
                    + " characters in both percent-encoded (its value is not shown, because it may hold the password)");
        }
        String setting = "wx.mirror.redis.key = '%s' ".formatted(redis.key());
        if (!REDIS_KEY.matcher(redis.keyOf("wx", "type")).matches()) {
            problems.add("wx.mirror.redis.key is empty, or holds a blank, a character that is not ASCII or an unknown"
                    + " placeholder: the placeholders are " + WxProperties.Mirror.APP_ID + " and "
                    + WxProperties.Redis.TYPE);
        }
        else if (!redis.key().contains(WxProperties.Redis.TYPE)
                && wx.allAccounts().stream().anyMatch(account -> !account.tickets().isEmpty())) {
            problems.add(setting + "is one key for an account's access_token and its tickets: put "
                    + WxProperties.Redis.TYPE + " into it");
        }
        else if (!redis.key().contains(WxProperties.Mirror.APP_ID) && hasSeveralAccounts()) {
            problems.add(setting + "is one key for several accounts: put " + WxProperties.Mirror.APP_ID + " into it");
        }
        if (!WxProperties.isBlank(redis.prefix()) && redis.format() == WxProperties.RedisFormat.PLAIN) {
            problems.add("wx.mirror.redis.prefix is for the format of a library: set wx.mirror.redis.format, or use"
                    + " wx.mirror.redis.key");
        }
        else if (!WxProperties.isBlank(redis.prefix()) && !REDIS_KEY.matcher(redis.prefix()).matches()) {
            problems.add("wx.mirror.redis.prefix holds a blank, a character that is not ASCII or a placeholder");
        }
    }

    private boolean hasSeveralAccounts() {
        return wx.allAccounts().size() > 1 || wx.component().isSet();
    }

    private static void checkBounds(List<String> problems, String name, Duration value, Duration least, Duration most) {
        if (value.compareTo(least) < 0 || value.compareTo(most) > 0) {
            problems.add("%s = %s is out of bounds: it must be %s to %s (a number without a unit is in seconds)"
                .formatted(name, text(value), text(least), text(most)));
        }
    }

    /**
     * Checks the settings outside {@code wx}: the database's and the logs'.
     * @param needsDatabase whether the database's URL is needed
     */
    static List<String> problems(Environment environment, boolean needsDatabase) {
        List<String> problems = new ArrayList<>();
        String url = Settings.databaseUrl(environment);
        if (url.isBlank()) {
            if (needsDatabase) {
                problems.add("spring.datasource.url is missing: name the database that all nodes share, such as"
                        + " jdbc:mysql://db.example.com:3306/wx, in config/application.yml or as"
                        + " SPRING_DATASOURCE_URL");
            }
        }
        else if (url.contains("${")) {
            problems.add("spring.datasource.url names a placeholder that nothing fills: set that variable, or write the"
                    + " URL itself");
        }
        else if (!url.startsWith("jdbc:mysql:") && !url.startsWith("jdbc:h2:")) {
            problems.add(("spring.datasource.url must begin with jdbc:mysql: (MySQL or MariaDB) or jdbc:h2:, and begins"
                    + " with '%s'")
                .formatted(url.substring(0, Math.min(url.length(), Math.max(url.indexOf("//"), 0)))));
        }
        else if (!environment.getProperty("spring.datasource.driver-class-name", DRIVERS.get(url.split(":")[1]))
            .equals(DRIVERS.get(url.split(":")[1]))) {
            problems
                .add("spring.datasource.url does not fit its driver: leave out spring.datasource.driver-class-name");
        }
        else if (url.startsWith("jdbc:mysql:")) {
            problems.addAll(UrlSpelling.problems(url,
                    Binder.get(environment)
                        .bind("spring.datasource.hikari.data-source-properties",
                                Bindable.mapOf(String.class, String.class))
                        .orElse(Map.of())));
        }
        if (Settings.text(environment, "spring.datasource.password").matches("\\$\\{[^}]*}")) {
            problems.add("spring.datasource.password names a placeholder that nothing fills: set that variable, or add"
                    + " that file to the secrets");
        }
        for (String name : POOL_CONNECTION_PROPERTIES) {
            if (environment.containsProperty("spring.datasource.hikari." + name)) {
                problems.add("spring.datasource.hikari." + name
                        + " is no setting of wx-token: set spring.datasource.url, .username and .password");
            }
        }
        if (environment.containsProperty(Settings.LOG_FORMAT) && !Settings.logsAreForMachines(environment)
                && !Settings.text(environment, Settings.LOG_FORMAT).isEmpty()) {
            problems.add("logging.structured.format.console must be one of: ecs, gelf, logstash, or empty");
        }
        return problems;
    }

    /**
     * Writes a duration as an operator does: 50m, 90s, 1500ms.
     */
    static String text(Duration value) {
        if (value.getNano() != 0) {
            return value.toMillis() + "ms";
        }
        long seconds = value.toSeconds();
        return seconds != 0 && seconds % 60 == 0 ? seconds / 60 + "m" : seconds + "s";
    }

}
