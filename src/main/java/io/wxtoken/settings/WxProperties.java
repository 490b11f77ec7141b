package io.wxtoken.settings;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.boot.convert.DurationUnit;

import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.ConnectionSettings;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Route;
import io.wxtoken.wechat.Ticket;

/**
 * The settings under {@code wx}. A duration without a unit is in seconds.
 * {@link SettingsRules} has the rules.
 *
 * @param appId the app id of the first account; this short form serves a single account,
 * or the first of several
 * @param appSecret its secret
 * @param name what people call it; null or empty for no name
 * @param tickets the tickets of accounts that do not set their own
 * @param accounts further accounts, or all of them
 * @param component a third-party platform, whose accounts stand in {@code wx_authorizer}
 */
public record WxProperties(String appId, String appSecret, String name, @DefaultValue("jsapi") List<Ticket> tickets,
        @DefaultValue Api api, @DefaultValue Refresh refresh, @DefaultValue Probe probe, @DefaultValue Run run,
        @DefaultValue Metrics metrics, @DefaultValue History history, @DefaultValue Mirror mirror,
        @DefaultValue List<Entry> accounts, @DefaultValue Component component) {

    /**
     * The longest lease: within WeChat's 5 minutes of grace it must leave room for the
     * schedule's interval and a run.
     */
    public static final Duration MAX_LEASE = Duration.ofMinutes(4);

    /** The prefix of the platform's settings. */
    static final String COMPONENT = "wx.component.";

    /**
     * How WeChat is reached.
     *
     * @param baseUrl scheme, host and port; plain http only to a loopback address. The
     * next one is asked only when the one before was certainly not reached.
     * @param wecomBaseUrl the same for WeCom
     * @param endpoint where the access_token comes from
     * @param connectTimeout to one host: 100 ms to 30 s
     * @param readTimeout from the request to the answer's last byte: 100 ms to 60 s
     * @param proxy {@code http://user:password@host:port}; null or empty for the
     * environment's {@code HTTPS_PROXY}
     */
    public record Api(@DefaultValue("https://api.weixin.qq.com") List<String> baseUrl,
            @DefaultValue("https://qyapi.weixin.qq.com") String wecomBaseUrl, @DefaultValue("token") Endpoint endpoint,
            @DefaultValue("3s") @DurationUnit(ChronoUnit.SECONDS) Duration connectTimeout,
            @DefaultValue("5s") @DurationUnit(ChronoUnit.SECONDS) Duration readTimeout, String proxy) {

        /**
         * What a client of WeChat needs to know. A wrong proxy is left out, because
         * {@link SettingsRules} reports it.
         */
        public ConnectionSettings connection() {
            return new ConnectionSettings(baseUrl.stream().map(this::route).toList(), route(wecomBaseUrl),
                    connectTimeout, readTimeout);
        }

        private Route route(String url) {
            return new Route(url,
                    ProxySettings.of(proxy, url, System.getenv())
                        .flatMap(ProxySettings.Configured::parse)
                        .orElse(null));
        }

        /** The longest that one call can take, whichever of the hosts answer. */
        public Duration requestTimeout() {
            return connection().requestTimeout();
        }

        /** The proxy's password is not shown. */
        @Override
        public String toString() {
            return "Api[" + baseUrl + ", " + endpoint + ", " + connectTimeout + ", " + readTimeout + "]";
        }
    }

    /**
     * When a token is renewed.
     *
     * @param after age at which a token is renewed: 1 s to 115 min
     * @param before time left at which a token is renewed, whatever its age: 1 s to 1 h
     * @param lease how long a claim keeps others away: whole seconds, longer than one
     * request, at most 4 min
     * @param requestInterval a refresh that an application requests waits until the last
     * fetch is this old: 1 s to 1 h
     * @param concurrency accounts that are refreshed at the same time: 1 to 64
     */
    public record Refresh(@DefaultValue("50m") @DurationUnit(ChronoUnit.SECONDS) Duration after,
            @DefaultValue("5m") @DurationUnit(ChronoUnit.SECONDS) Duration before,
            @DefaultValue("60s") @DurationUnit(ChronoUnit.SECONDS) Duration lease,
            @DefaultValue("60s") @DurationUnit(ChronoUnit.SECONDS) Duration requestInterval,
            @DefaultValue("32") int concurrency) {
    }

    /**
     * How often WeChat is asked whether a token lives, because another program may have
     * killed it.
     *
     * @param interval time between two probes of a token: 1 s to 1 h, or 0 for no probes
     */
    public record Probe(@DefaultValue("5m") @DurationUnit(ChronoUnit.SECONDS) Duration interval) {
    }

    /**
     * Bounds of a run.
     *
     * @param timeout the process ends itself after this time: 10 s to 10 min
     */
    public record Run(@DefaultValue("2m") @DurationUnit(ChronoUnit.SECONDS) Duration timeout) {
    }

    /**
     * Metrics for Prometheus.
     *
     * @param textfile where each run writes its metrics for node_exporter's textfile
     * collector; null or empty for nowhere
     */
    public record Metrics(String textfile) {

        /** Whether a textfile is configured. */
        public boolean measured() {
            return !isBlank(textfile);
        }

        /**
         * Whether node_exporter reads a file of this name: it must end in {@code .prom}.
         */
        public static boolean isTextfile(String name) {
            return name.endsWith(".prom");
        }
    }

    /**
     * The record of refreshes.
     *
     * @param keep the least time that {@code wx_token_history} keeps an entry: 1 d to 60
     * d
     */
    public record History(@DefaultValue("7d") @DurationUnit(ChronoUnit.SECONDS) Duration keep) {
    }

    /**
     * Copies of the rows, for applications that read the token elsewhere than in the
     * table.
     *
     * @param file where the access_token is written in the 2015 class's JSON; null or
     * empty for nowhere. With several accounts each has its own file, and
     * {@code {app_id}} stands for the account's app id.
     */
    public record Mirror(String file, @DefaultValue Memcached memcached, @DefaultValue Redis redis) {

        static final String APP_ID = "{app_id}";

        /** Whether at least one copy is configured. */
        public boolean wanted() {
            return toFile() || !memcached.servers().isEmpty() || redis.used();
        }

        public boolean toFile() {
            return !isBlank(file);
        }

        /**
         * The account's file. Only writing shows whether it is a valid path in this
         * locale.
         */
        public String fileOf(String appId) {
            return file.replace(APP_ID, appId);
        }
    }

    /**
     * Memcached.
     *
     * @param servers host and port, or a host alone for port 11211; each server gets all
     * values
     */
    public record Memcached(@DefaultValue List<String> servers) {
    }

    /** Who runs the API that gives an account its tokens. */
    public enum Platform {

        /** WeChat: Official Accounts (公众号) and Mini Programs (小程序). */
        OFFICIAL_ACCOUNT,

        /** WeCom (企业微信): a corp's applications. */
        WECOM

    }

    /**
     * Redis.
     *
     * @param url {@code redis://user:password@host:port/database}, or {@code rediss://}
     * for TLS; null or empty for none
     * @param format the keys and the values
     * @param key in the plain format, where {@code {app_id}} and {@code {type}} stand for
     * the row's
     * @param prefix what a library puts before its keys, its separator included; null or
     * empty for the library's default
     */
    public record Redis(String url, @DefaultValue("plain") RedisFormat format,
            @DefaultValue("wx-token:{app_id}:{type}") String key, String prefix) {

        static final String TYPE = "{type}";

        public Redis {
            format = format == null ? RedisFormat.PLAIN : format; // Boot binds null to a
                                                                  // blank
        }

        /** Whether a server is configured. */
        public boolean used() {
            return !isBlank(url);
        }

        /** A row's key in the plain format. */
        public String keyOf(String appId, String type) {
            return key.replace(Mirror.APP_ID, appId).replace(TYPE, type);
        }

        /** The password is not shown. */
        @Override
        public String toString() {
            return "Redis[" + format + "]";
        }
    }

    /** Whose keys and values a Redis gets. */
    public enum RedisFormat {

        /** The bare value under {@link Redis#key()}. */
        PLAIN,

        /** WxJava's, for Java. */
        WXJAVA,

        /** EasyWeChat's, for PHP. */
        EASYWECHAT,

        /** silenceper/wechat's, for Go. */
        SILENCEPER,

        /** PowerWeChat's, for Go. */
        POWERWECHAT

    }

    /**
     * One entry of {@code wx.accounts}.
     *
     * @param platform null for {@link Platform#OFFICIAL_ACCOUNT}
     * @param name what people call it; null or empty for no name
     * @param endpoint null for {@code wx.api.endpoint}; WeCom has one alone
     * @param tickets null for those of {@code wx.tickets} that the platform has
     * @param corpId of WeCom, with agentId and secret, in place of appId and appSecret
     */
    public record Entry(Platform platform, String appId, String appSecret, String name, Endpoint endpoint,
            List<Ticket> tickets, String corpId, String agentId, String secret) {

        boolean isWeCom() {
            return platform == Platform.WECOM;
        }

        /** The account's app id; null or blank if it is not set. */
        String accountId() {
            return !isWeCom() ? appId : isBlank(corpId) || isBlank(agentId) ? null : corpId + ":" + agentId;
        }

        /** Where its access_token comes from. */
        Endpoint endpointOr(Endpoint usual) {
            return isWeCom() ? Endpoint.WECOM : endpoint == null ? usual : endpoint;
        }

        @Override
        public String toString() {
            return "Entry[" + accountId() + "]";
        }
    }

    /**
     * A third-party platform (第三方平台).
     *
     * @param appId the platform's app id; null or empty for no platform
     * @param appSecret its secret
     * @param name what people call it; null or empty for no name
     * @param tickets the tickets of each account that authorized it; null for
     * {@code wx.tickets}
     */
    public record Component(String appId, String appSecret, String name, List<Ticket> tickets) {

        boolean isSet() {
            return !isBlank(appId) || !isBlank(appSecret);
        }

        Entry entry() {
            return new Entry(null, appId, appSecret, name, null, tickets, null, null, null);
        }

        @Override
        public String toString() {
            return "Component[" + appId + "]";
        }
    }

    /** These settings with other {@code wx.accounts}. */
    WxProperties with(List<Entry> otherAccounts) {
        return new WxProperties(appId, appSecret, name, tickets, api, refresh, probe, run, metrics, history, mirror,
                otherAccounts, component);
    }

    /**
     * All accounts that are configured: the one in the short form, if it is used, then
     * {@code wx.accounts}, then the platform of {@code wx.component}.
     */
    public List<Account> allAccounts() {
        List<Account> all = new ArrayList<>();
        List<Ticket> usual = wanted(tickets, api.endpoint());
        List<Ticket> usualAtWeCom = wanted(tickets, Endpoint.WECOM);
        int index = shortForm() ? -1 : 0;
        for (Entry entry : entries()) {
            String setting = setting(index++);
            if (isBlank(entry.accountId())) {
                continue; // SettingsRules reports it
            }
            Endpoint endpoint = entry.endpointOr(api.endpoint());
            all.add(new Account(entry.accountId(), entry.isWeCom() ? entry.secret() : entry.appSecret(), endpoint,
                    entry.tickets() != null ? wanted(entry.tickets(), endpoint)
                            : entry.isWeCom() ? usualAtWeCom : usual,
                    !entry.isWeCom() && all.stream().noneMatch(Account::first),
                    isBlank(entry.name()) ? "" : entry.name(), setting));
        }
        componentAccount().ifPresent(all::add);
        return all;
    }

    /** The third-party platform; empty when none is configured. */
    public Optional<Account> componentAccount() {
        return isBlank(component.appId()) ? Optional.empty()
                : Optional.of(new Account(component.appId(), component.appSecret(), Endpoint.COMPONENT, List.of(),
                        false, isBlank(component.name()) ? "" : component.name(), COMPONENT));
    }

    /**
     * An account that authorized the platform.
     * @param authorizedAt when it did last, in Unix seconds
     * @param fingerprint of the refresh token that is stored
     */
    public Account authorizer(String authorizerAppId, long authorizedAt, String fingerprint) {
        return new Account(authorizerAppId, null, Endpoint.AUTHORIZER,
                wanted(component.tickets() == null ? tickets : component.tickets(), Endpoint.AUTHORIZER), false, "",
                COMPONENT, new Account.Authorization(componentAccount().orElseThrow(), authorizedAt, fingerprint));
    }

    /** Each ticket that there is once; Boot binds null to a blank. */
    private static List<Ticket> wanted(List<Ticket> tickets, Endpoint endpoint) {
        return tickets.stream().filter(ticket -> ticket != null && ticket.isFor(endpoint)).distinct().toList();
    }

    /**
     * Finds an account.
     * @param wanted its app id or its name; null for the first account
     * @throws InvalidSettingsException when there is no such account
     */
    public Account account(String wanted) {
        return find(wanted)
            .orElseThrow(() -> new InvalidSettingsException(wanted == null ? "no account is configured: set wx.app-id"
                    : "--app-id=" + wanted + " is none of the configured accounts: see wx.app-id and wx.accounts"));
    }

    /**
     * As {@link #account}, for a command that a third-party platform has no use for.
     * @throws InvalidSettingsException when there is no such account, or it is the
     * platform
     */
    public Account accountButNoPlatform(String wanted, String command) {
        Account account = account(wanted);
        if (account.endpoint() == Endpoint.COMPONENT) {
            throw new InvalidSettingsException(
                    account.label() + " is a third-party platform, and " + command + " is not for one");
        }
        return account;
    }

    /**
     * Finds an account, as {@link #account} does.
     * @return empty when there is no such account
     */
    public Optional<Account> find(String wanted) {
        return allAccounts().stream()
            .filter(account -> wanted == null || account.appId().equals(wanted)
                    || !account.name().isEmpty() && account.name().equals(wanted))
            .findFirst();
    }

    /**
     * The prefix of the names of an account's settings.
     * @param index in {@link #accounts}; -1 for the short form
     */
    static String setting(int index) {
        return index < 0 ? "wx." : "wx.accounts[" + index + "].";
    }

    List<Entry> entries() {
        List<Entry> entries = new ArrayList<>();
        if (shortForm()) {
            entries.add(new Entry(null, appId, appSecret, name, null, null, null, null, null));
        }
        entries.addAll(accounts);
        return entries;
    }

    /**
     * Whether the short form is used. It counts as used when there is nothing else at
     * all, so that messages about missing settings name the short form.
     */
    boolean shortForm() {
        return !isBlank(appId) || !isBlank(appSecret) || accounts.isEmpty() && !component.isSet();
    }

    static boolean isBlank(String value) {
        return value == null || value.isBlank();
    }

    @Override
    public String toString() {
        return "WxProperties[" + allAccounts() + ", " + api + ", " + refresh + ", " + run + "]";
    }
}
