package io.wxtoken.settings;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.boot.convert.DurationUnit;

import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;

/**
 * The settings under {@code wx}. A duration without a unit is in seconds. {@link #problems()} has every rule.
 *
 * @param appId the first account's app id: the short form for the only or the first of several
 * @param appSecret its secret
 * @param tickets which tickets an account wants that does not say so itself
 * @param accounts further accounts, or all of them
 */
public record WxProperties(String appId, String appSecret, @DefaultValue("jsapi") List<Ticket> tickets, @DefaultValue Api api,
        @DefaultValue Refresh refresh, @DefaultValue Probe probe, @DefaultValue Run run, @DefaultValue Metrics metrics,
        @DefaultValue History history, @DefaultValue Mirror mirror, @DefaultValue List<Entry> accounts) {

    /** WeChat's access_token lives this long (WX/doc/service/api/base/api_getaccesstoken). */
    public static final Duration TOKEN_LIFE = Duration.ofSeconds(7200);

    /** How long a token lives on when the next one was issued (WX/doc/oplatform/developers/dev/AccessToken). */
    public static final Duration GRACE = Duration.ofMinutes(5);

    /** A lease must leave room for a schedule's interval and a run within WeChat's 5 minutes of grace. */
    public static final Duration MAX_LEASE = Duration.ofMinutes(4);

    private static final Pattern APP_ID = Pattern.compile("wx[A-Za-z0-9_-]{1,30}");

    private static final Pattern PRINTABLE = Pattern.compile("[!-~]+");

    private static final Pattern HOST_AND_PORT = Pattern.compile("([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+])(:([0-9]{1,5}))?");

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
     * @param concurrency accounts that are refreshed at the same time: 1 to 64
     */
    public record Refresh(@DefaultValue("50m") @DurationUnit(ChronoUnit.SECONDS) Duration after,
            @DefaultValue("5m") @DurationUnit(ChronoUnit.SECONDS) Duration before,
            @DefaultValue("60s") @DurationUnit(ChronoUnit.SECONDS) Duration lease,
            @DefaultValue("60s") @DurationUnit(ChronoUnit.SECONDS) Duration requestInterval,
            @DefaultValue("16") int concurrency) {
    }

    /**
     * Whether a token lives is asked now and then, as somebody else may have killed it.
     *
     * @param interval between two probes of a token: 1 s to 1 h, or 0 for none
     */
    public record Probe(@DefaultValue("5m") @DurationUnit(ChronoUnit.SECONDS) Duration interval) {
    }

    /**
     * The run as a whole.
     *
     * @param timeout after this long the process ends itself: 10 s to 10 min
     */
    public record Run(@DefaultValue("2m") @DurationUnit(ChronoUnit.SECONDS) Duration timeout) {
    }

    /**
     * What a run leaves for Prometheus.
     *
     * @param textfile where each run writes its metrics, for node_exporter's textfile collector; null or empty for nowhere
     */
    public record Metrics(String textfile) {

        public boolean measured() {
            return !isBlank(textfile);
        }
    }

    /**
     * What {@code wx_token_history} remembers.
     *
     * @param keep how long an entry is kept, at the least: 1 d to 60 d
     */
    public record History(@DefaultValue("7d") @DurationUnit(ChronoUnit.SECONDS) Duration keep) {
    }

    /**
     * Copies of the rows, for applications that keep the token elsewhere than in the table.
     *
     * @param file where the access_token is, in the source's JSON; null or empty for nowhere. Of several accounts each has its
     * own: {@code {app_id}} in it stands for the account's
     */
    public record Mirror(String file, @DefaultValue Memcached memcached) {

        private static final String APP_ID = "{app_id}";

        /** There is one. */
        public boolean wanted() {
            return toFile() || !memcached.servers().isEmpty();
        }

        public boolean toFile() {
            return !isBlank(file);
        }

        /** The account's file; whether it is a path in this locale, is seen when it is written. */
        public String fileOf(String appId) {
            return file.replace(APP_ID, appId);
        }
    }

    /** @param servers each gets all values: host and port, or a host alone for port 11211 */
    public record Memcached(@DefaultValue List<String> servers) {
    }

    /**
     * One of {@code wx.accounts}.
     *
     * @param endpoint null for that of {@code wx.api.endpoint}
     * @param tickets null for those of {@code wx.tickets}
     */
    public record Entry(String appId, String appSecret, Endpoint endpoint, List<Ticket> tickets) {

        @Override
        public String toString() {
            return "Entry[" + appId + "]";
        }
    }

    /** All accounts, the first one first. */
    public List<Account> allAccounts() {
        List<Account> all = new ArrayList<>();
        for (Entry entry : entries()) {
            if (isBlank(entry.appId())) {
                continue; // there is none: see problems()
            }
            all.add(new Account(entry.appId(), entry.appSecret(), entry.endpoint() == null ? api.endpoint() : entry.endpoint(),
                    (entry.tickets() == null ? tickets : entry.tickets()).stream().distinct().toList(), all.isEmpty()));
        }
        return all;
    }

    /**
     * One of the accounts.
     *
     * @param wanted its app id; null for the first
     * @throws InvalidSettingsException when it is none of theirs
     */
    public Account account(String wanted) {
        return allAccounts().stream().filter(account -> wanted == null || account.appId().equals(wanted)).findFirst()
            .orElseThrow(() -> new InvalidSettingsException("--app-id=" + wanted + " is none of the configured accounts: see wx.app-id and wx.accounts"));
    }

    private List<Entry> entries() {
        List<Entry> entries = new ArrayList<>();
        if (shortForm()) {
            entries.add(new Entry(appId, appSecret, null, null));
        }
        entries.addAll(accounts);
        return entries;
    }

    /** Without any account, what is missing is told of the short form. */
    private boolean shortForm() {
        return !isBlank(appId) || !isBlank(appSecret) || accounts.isEmpty();
    }

    /**
     * Every rule in one place; empty when all is well.
     *
     * @param toRefresh accounts and their secrets are needed
     */
    List<String> problems(boolean toRefresh) {
        List<String> problems = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        for (int i = 0; i < entries().size(); i++) {
            int index = shortForm() ? i - 1 : i;
            String prefix = index < 0 ? "wx." : "wx.accounts[" + index + "].";
            if (toRefresh || !isBlank(entries().get(i).appId())) {
                appIdProblem(prefix, entries().get(i)).ifPresent(problems::add);
            }
            if (toRefresh) {
                secretProblem(prefix, entries().get(i)).ifPresent(problems::add);
            }
            String appId = entries().get(i).appId();
            if (!isBlank(appId) && APP_ID.matcher(appId).matches() && !seen.add(appId.toLowerCase(Locale.ROOT))) {
                problems.add("wx.accounts[%d].app-id = '%s' is there twice: remove one of the two".formatted(index, appId));
            }
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
        if (refresh.concurrency() < 1 || refresh.concurrency() > 64) {
            problems.add("wx.refresh.concurrency = %d is out of bounds: it takes 1 to 64".formatted(refresh.concurrency()));
        }
        if (!probe.interval().isZero()) {
            within(problems, "wx.probe.interval", probe.interval(), Duration.ofSeconds(1), Duration.ofHours(1));
        }
        within(problems, "wx.run.timeout", run.timeout(), Duration.ofSeconds(10), Duration.ofMinutes(10));
        if (metrics.measured()) {
            textfileProblem().ifPresent(problems::add);
        }
        within(problems, "wx.history.keep", history.keep(), Duration.ofDays(1), Duration.ofDays(60));
        if (mirror.wanted()) {
            mirrorProblems(problems);
        }
        if (!problems.isEmpty()) {
            return problems; // one that is out of bounds does not fit the others either, which would be more lines and no news
        }
        if (refresh.lease().compareTo(api.requestTimeout()) <= 0) {
            problems.add("wx.refresh.lease = %s must exceed wx.api.connect-timeout + wx.api.read-timeout = %s: raise the lease or lower the timeouts"
                .formatted(text(refresh.lease()), text(api.requestTimeout())));
        }
        if (run.timeout().compareTo(api.requestTimeout()) <= 0) {
            problems.add("wx.run.timeout = %s must exceed wx.api.connect-timeout + wx.api.read-timeout = %s: a run would be ended while it fetches"
                .formatted(text(run.timeout()), text(api.requestTimeout())));
        }
        return problems;
    }

    private static Optional<String> appIdProblem(String prefix, Entry entry) {
        if (isBlank(entry.appId())) {
            return Optional.of(prefix + "app-id is missing: set it to the account's AppID, in config/application.yml"
                    + (prefix.equals("wx.") ? " or as WX_APPID" : ""));
        }
        if (!APP_ID.matcher(entry.appId()).matches()) {
            return Optional.of(prefix + "app-id is no AppID: that is wx and up to 30 letters and digits, such as wx0123456789abcdef (are"
                    + " app-id and app-secret swapped? What it holds is not shown, for that case)");
        }
        return Optional.empty();
    }

    private static Optional<String> secretProblem(String prefix, Entry entry) {
        if (isBlank(entry.appSecret())) {
            return Optional.of(prefix + "app-secret is missing: set it to the account's AppSecret, "
                    + (prefix.equals("wx.") ? "as WX_APPSECRET or in a file secrets/wx.app-secret" : "as ${a placeholder} that a file or the environment fills"));
        }
        if (entry.appSecret().contains("${")) {
            return Optional.of(prefix + "app-secret names a placeholder that nothing fills: set that variable, or add that file to the secrets");
        }
        if (!PRINTABLE.matcher(entry.appSecret()).matches()) {
            return Optional.of(prefix + "app-secret holds a blank, a line break or a character that is not ASCII: copy the AppSecret again (its value is not shown here)");
        }
        return Optional.empty();
    }

    private Optional<String> baseUrlProblem() {
        String is = "wx.api.base-url = '%s' ".formatted(api.baseUrl().replaceAll("[?#].*", "?…").replaceAll("//[^/]*@", "//…@"));
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
        if (uri.getPort() == 0 || uri.getPort() > 65535) {
            return Optional.of(is + "has a port that is none: they go from 1 to 65535");
        }
        if ("http".equals(uri.getScheme()) && !LOOPBACK.matcher(uri.getHost()).matches()) {
            return Optional.of(is + "would send the secret in the clear: use https (plain http only to a loopback address)");
        }
        if (!"https".equals(uri.getScheme()) && !"http".equals(uri.getScheme())) {
            return Optional.of(is + "must begin with https://");
        }
        return Optional.empty();
    }

    private Optional<String> textfileProblem() {
        String is = "wx.metrics.textfile = '%s' ".formatted(metrics.textfile());
        if (!metrics.textfile().endsWith(".prom")) {
            return Optional.of(is + "must end in .prom: node_exporter reads no other files");
        }
        try {
            return Files.isDirectory(Path.of(metrics.textfile()).toAbsolutePath().getParent()) ? Optional.empty()
                    : Optional.of(is + "is in no folder that there is: make it, or correct the path");
        }
        catch (InvalidPathException e) {
            return Optional.of(is + "is no path");
        }
    }

    /** A folder that is missing, or a server that is down, is none: they must not keep the rows from being refreshed. */
    private void mirrorProblems(List<String> problems) {
        if (mirror.toFile()) {
            String is = "wx.mirror.file = '%s' ".formatted(mirror.file());
            if (mirror.fileOf("wx").matches("(?s).*[{}].*")) {
                problems.add(is + "holds a placeholder that nothing fills: " + Mirror.APP_ID + " alone stands for something, the account's app id");
            }
            else if (mirror.file().endsWith("/")) {
                problems.add(is + "names a folder: name the file in it, such as access_token.json");
            }
            else if (mirror.file().indexOf('\0') >= 0) {
                problems.add("wx.mirror.file is no path");
            }
            if (!mirror.file().contains(Mirror.APP_ID) && allAccounts().size() > 1) {
                problems.add(is + "is one file for several accounts: put " + Mirror.APP_ID + " into its name");
            }
        }
        for (String server : mirror.memcached().servers()) {
            Matcher matcher = HOST_AND_PORT.matcher(server);
            if (!matcher.matches() || matcher.group(3) != null && (Integer.parseInt(matcher.group(3)) < 1 || Integer.parseInt(matcher.group(3)) > 65535)) {
                problems.add("wx.mirror.memcached.servers: '%s' is no server: write it like cache.example.com:11211".formatted(server));
            }
        }
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
        return "WxProperties[" + allAccounts() + ", " + api + ", " + refresh + ", " + run + "]";
    }
}
