package io.wxtoken.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;

class SettingsTest {

    private final Map<String, Object> settings = new HashMap<>(Map.of("wx.app-id", "wx0123456789abcdef",
            "wx.app-secret", "s3cret", "spring.datasource.url", "jdbc:h2:mem:x"));

    private WxProperties read() {
        StandardEnvironment environment = new StandardEnvironment();
        environment.getPropertySources().addFirst(new MapPropertySource("test", settings));
        ConfigurationPropertySources.attach(environment); // as Boot does
        return Settings.read(environment);
    }

    /** Reads these settings, and the environment's. */
    private WxProperties readFrom(Map<String, Object> variables) {
        StandardEnvironment environment = new StandardEnvironment();
        environment.getPropertySources()
            .replace(StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME, new SystemEnvironmentPropertySource(
                    StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME, variables));
        environment.getPropertySources().addLast(new MapPropertySource("test", settings));
        ConfigurationPropertySources.attach(environment);
        return Settings.read(environment);
    }

    private String problem() {
        InvalidSettingsException e = assertThrows(InvalidSettingsException.class, this::read);
        assertThat(e.problems()).hasSize(1);
        assertThat(e.problems().get(0)).doesNotContain("\n").doesNotContain("s3cret");
        return e.problems().get(0);
    }

    @Test
    void aPlatformsAccountsNeedAFileAndAKeyEach() {
        settings.putAll(Map.of("wx.component.app-id", "wxc", "wx.component.app-secret", "s3cret"));
        settings.keySet().removeIf(name -> name.matches("wx\\.app-.*"));
        settings.put("wx.mirror.file", "/tmp/token.json");
        assertThat(problem()).contains("wx.mirror.file", "put {app_id} into its name");
        settings.remove("wx.mirror.file");
        settings.putAll(Map.of("wx.mirror.redis.url", "redis://localhost", "wx.mirror.redis.key", "{type}"));
        assertThat(problem()).contains("wx.mirror.redis.key", "put {app_id} into it");
    }

    @Test
    void theDefaultsAreTheDocumentedOnes() {
        WxProperties wx = read();
        assertThat(wx.api().baseUrl()).containsExactly("https://api.weixin.qq.com");
        assertThat(wx.api().endpoint()).isEqualTo(Endpoint.TOKEN);
        assertThat(wx.api().connectTimeout()).isEqualTo(Duration.ofSeconds(3));
        assertThat(wx.api().readTimeout()).isEqualTo(Duration.ofSeconds(5));
        assertThat(wx.refresh().after()).isEqualTo(Duration.ofMinutes(50));
        assertThat(wx.refresh().before()).isEqualTo(Duration.ofMinutes(5));
        assertThat(wx.refresh().lease()).isEqualTo(Duration.ofSeconds(60));
        assertThat(wx.refresh().requestInterval()).isEqualTo(Duration.ofSeconds(60));
        assertThat(wx.run().timeout()).isEqualTo(Duration.ofMinutes(2));
    }

    @Test
    void theEnvironmentNamesAreTheDocumentedOnes() {
        Map<String, Object> variables = new HashMap<>(Map.of("WX_APPID", "wx1", "WX_APPSECRET", "s", "WX_API_BASEURL",
                "http://127.0.0.1:8080", "WX_API_ENDPOINT", "stable-token", "WX_API_CONNECTTIMEOUT", "1s",
                "WX_API_READTIMEOUT", "2s", "WX_API_PROXY", "http://proxy:3128", "WX_REFRESH_AFTER", "30m",
                "WX_REFRESH_LEASE", "20s", "SPRING_DATASOURCE_URL", "jdbc:mysql://db/wx"));
        variables.put("WX_API_WECOMBASEURL", "http://127.0.0.1:8081");
        variables.put("WX_UNKNOWN", "ignored");
        StandardEnvironment environment = new StandardEnvironment();
        environment.getPropertySources()
            .addFirst(new SystemEnvironmentPropertySource(StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME,
                    variables));
        ConfigurationPropertySources.attach(environment);
        WxProperties wx = Settings.read(environment);
        assertThat(wx.allAccounts())
            .containsExactly(new Account("wx1", "s", Endpoint.STABLE_TOKEN, List.of(Ticket.JSAPI), true));
        assertThat(wx.api()).isEqualTo(new WxProperties.Api(List.of("http://127.0.0.1:8080"), "http://127.0.0.1:8081",
                Endpoint.STABLE_TOKEN, Duration.ofSeconds(1), Duration.ofSeconds(2), "http://proxy:3128"));
        assertThat(wx.refresh().after()).isEqualTo(Duration.ofMinutes(30));
        assertThat(wx.refresh().lease()).isEqualTo(Duration.ofSeconds(20));
    }

    @ParameterizedTest(name = "{0} = {1}")
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            wx.app-id                   | ""                          | is missing
            wx.app-id                   | wx 123                      | is no AppID
            wx.app-id                   | wx0123456789abcdef0123456789abcdef0 | is no AppID
            wx.app-id                   | 0123456789abcdef0123456789abcdef | swapped?
            wx.tickets                  | jsapi,card                  | must be one of: jsapi, wx_card, agent
            wx.refresh.concurrency      | 0                           | is out of bounds
            wx.refresh.concurrency      | many                        | is no whole number
            wx.tickets                  | jsapi,none                  | must be one of: jsapi, wx_card, agent
            wx.accounts[0].tickets      | all                         | must be one of: jsapi, wx_card, agent
            wx.probe.interval           | 2h                          | is out of bounds
            wx.accounts[0].app-id       | nobody                      | is no AppID
            wx.accounts[0].app-id       | wx0123456789abcdef          | is there twice
            wx.accounts[0].app-scret    | x                           | is no setting of wx-token
            wx.accounts[0].app-secret   | ${NOWHERE}                  | names a placeholder that nothing fills
            wx.app-secret               | ""                          | is missing
            wx.app-secret               | two words                   | holds a blank
            wx.api.base-url             | api.weixin.qq.com           | must be a scheme and a host
            wx.api.base-url             | https://                    | is no URL
            wx.api.base-url             | http://api.weixin.qq.com    | in the clear
            wx.api.base-url             | http://127.0.0.1.example.com| in the clear
            wx.api.base-url             | ftp://api.weixin.qq.com     | must begin with https://
            wx.api.base-url             | https://u:p@api.weixin.qq.com | must be a scheme and a host
            wx.api.base-url             | https://api.weixin.qq.com/cgi-bin | must be a scheme and a host
            wx.api.base-url             | https://api.weixin.qq.com,http://api2.weixin.qq.com | in the clear
            wx.api.proxy                | socks5://proxy:1080         | is no HTTP proxy
            wx.api.proxy                | http://u:${NOWHERE}@proxy:3128 | names a placeholder that nothing fills
            wx.api.endpoint             | stabel-token                | must be one of: token, stable-token
            wx.api.endpoint             | wecom                       | must be one of: token, stable-token
            wx.accounts[0].endpoint     | component                   | must be one of: token, stable-token
            wx.api.wecom-base-url       | http://qyapi.weixin.qq.com  | in the clear
            wx.tickets                  | agent_config                | no account has platform: wecom
            wx.accounts[0].tickets      | agent_config                | is a ticket of WeCom's
            wx.accounts[0].corp-id      | ww1                         | is for platform: wecom
            wx.accounts[0].secret       | s3cret                      | is for platform: wecom
            wx.api.connect-timeout      | 0s                          | is out of bounds
            wx.api.read-timeout         | 99ms                        | is out of bounds
            wx.api.read-timeout         | 5sec                        | is no duration
            wx.refresh.after            | fifty minutes               | is no duration
            wx.refresh.after            | -50m                        | is out of bounds
            wx.refresh.after            | 500ms                       | is out of bounds
            wx.refresh.after            | 2h                          | is out of bounds
            wx.refresh.before           | 0                           | is out of bounds
            wx.refresh.lease            | 8s                          | must exceed
            wx.refresh.lease            | 5m                          | is out of bounds
            wx.refresh.lease            | 20500ms                     | whole seconds
            wx.refresh.request-interval | 0s                          | is out of bounds
            wx.run.timeout              | 1h                          | is out of bounds
            wx.refresh.aftr             | 50m                         | is no setting of wx-token
            wx.appid.x                  | 1                           | is no setting of wx-token
            spring.datasource.url       | jdbc:mariadb://db/wx        | must begin with jdbc:mysql:
            spring.datasource.url       | ""                          | is missing: name the database
            spring.datasource.usrname   | wx                          | write it spring.datasource.username
            spring.datasource.url.x     | 1                           | is no setting of wx-token
            spring.datasource           | jdbc:mysql://db/wx          | is a group of settings
            spring.datasource.type      | x                           | check its spelling and its indentation
            spring.datasource.hikari.max-lifetme | 1                  | write it spring.datasource.hikari.max-lifetime
            spring.refresh.after        | 50m                         | spring.refresh is no setting of wx-token
            spring.flyway.user          | u                           | spring.flyway is no setting of wx-token
            sprng.datasource.url        | jdbc:mysql://db/wx          | sprng is no setting of wx-token (
            loging.level.root           | debug                       | write it logging
            logging.levl.root           | debug                       | write it logging.level
            logging.pattern.consle      | %m                          | write it logging.pattern.console
            logging.structured.format   | ecs                         | is a group of settings
            """)
    void aWrongSettingIsNamedInOneLineThatSaysWhatIsWrong(String name, String value, String says) {
        if (name.startsWith("wx.accounts[0]")) {
            settings.putAll(Map.of("wx.accounts[0].app-id", "wx2", "wx.accounts[0].app-secret", "s2"));
        }
        settings.put(name, value);
        assertThat(problem())
            .contains(name.replaceFirst("^(spring.refresh|spring.flyway|sprng|loging|logging.levl).*", "$1"))
            .contains(says);
    }

    @ParameterizedTest
    @ValueSource(strings = { "spring.application.json", "SPRING_APPLICATION_JSON" })
    void settingsMayBeOneJson(String name, @TempDir Path folder) {
        assertThat(Settings.environment(folder, "--" + name + "={\"wx.app-id\":\"wx1\"}").getProperty("wx.app-id"))
            .isEqualTo("wx1");
    }

    @Test
    void aListOfAccountsThatDoesNotBeginAtZeroIsReported() {
        settings.put("wx.accounts[1].app-id", "wx2");
        assertThat(problem()).contains("wx.accounts[1].app-id is no setting of wx-token");
    }

    @Test
    void eachAccountMayHaveItsOwnTickets() {
        settings.putAll(Map.of("wx.accounts[0].app-id", "wx2", "wx.accounts[0].app-secret", "s2",
                "wx.accounts[0].tickets[0]", "wx-card", "wx.accounts[0].tickets[1]", "jsapi", "wx.accounts[1].app-id",
                "wx3", "wx.accounts[1].app-secret", "s3", "wx.accounts[1].tickets", ""));
        assertThat(read().allAccounts()).extracting(Account::tickets)
            .containsExactly(List.of(Ticket.JSAPI), List.of(Ticket.WX_CARD, Ticket.JSAPI), List.of());
    }

    @Test
    void aGroupWhoseSettingsAreAllCommentedOutHasItsDefaults() {
        settings.put("wx.refresh", "");
        settings.put("wx.api", "");
        assertThat(read().refresh().after()).isEqualTo(Duration.ofMinutes(50));
        settings.put("wx.refresh", "50m");
        assertThat(problem()).contains("wx.refresh is a group of settings");
    }

    @Test
    void aMissingAppIdAndSecretAreBothNamed() {
        settings.remove("wx.app-id");
        settings.remove("wx.app-secret");
        assertThatExceptionOfType(InvalidSettingsException.class).isThrownBy(this::read)
            .satisfies(e -> assertThat(e.problems()).hasSize(2));
    }

    @ParameterizedTest
    @CsvSource({ "http://localhost:8080", "http://127.0.0.1", "http://127.8.9.1:1", "http://[::1]:80",
            "https://sh.api.weixin.qq.com/" })
    void plainHttpIsAllowedToALoopbackAddressOnly(String url) {
        settings.put("wx.api.base-url", url);
        assertThat(read().api().baseUrl()).containsExactly(url);
    }

    @Test
    void aCallsTimeCountsAConnectionToEachHost() {
        settings.put("wx.api.base-url", "https://api.weixin.qq.com, https://api2.weixin.qq.com/");
        assertThat(read().api().requestTimeout()).isEqualTo(Duration.ofSeconds(11));
        settings.put("wx.refresh.lease", "11s");
        assertThat(problem()).isEqualTo("wx.refresh.lease = 11s must exceed wx.api.connect-timeout for each of the 2"
                + " hosts in wx.api.base-url + wx.api.read-timeout = 11s: raise the lease or lower the timeouts");
        settings.put("wx.refresh.lease", "12s");
        assertThat(read().api().baseUrl()).hasSize(2);
    }

    @Test
    void aProxysPasswordIsNotShown() {
        settings.put("wx.api.proxy", "http://user:s3cret@proxy.example.com:3128");
        assertThat(read().toString() + read().api().connection()).doesNotContain("s3cret");
        settings.put("wx.api.proxy", "http://user:s3cret@proxy.example.com");
        assertThat(problem()).contains("wx.api.proxy", "http://user:password@proxy.example.com:3128");
    }

    @Test
    void theShortFormIsTheFirstAccountAndTheOthersTakeItsDefaults() {
        settings.putAll(Map.of("wx.accounts[0].app-id", "wx2", "wx.accounts[0].app-secret", "s2",
                "wx.accounts[1].app-id", "wx3", "wx.accounts[1].app-secret", "s3", "wx.accounts[1].endpoint",
                "stable-token", "wx.accounts[1].tickets", "jsapi,wx_card", "wx.tickets", "wx_card"));
        assertThat(read().allAccounts()).containsExactly(
                new Account("wx0123456789abcdef", "s3cret", Endpoint.TOKEN, List.of(Ticket.WX_CARD), true),
                new Account("wx2", "s2", Endpoint.TOKEN, List.of(Ticket.WX_CARD), false, "", "wx.accounts[0]."),
                new Account("wx3", "s3", Endpoint.STABLE_TOKEN, List.of(Ticket.JSAPI, Ticket.WX_CARD), false, "",
                        "wx.accounts[1]."));
        settings.remove("wx.app-id");
        settings.remove("wx.app-secret");
        assertThat(read().allAccounts()).extracting(Account::appId).containsExactly("wx2", "wx3");
        assertThat(read().allAccounts()).extracting(Account::first).containsExactly(true, false);
    }

    @Test
    void aListOfAccountsInTwoPlacesIsRejected() {
        settings.putAll(Map.of("wx.accounts[0].app-id", "wx2", "wx.accounts[0].app-secret", "s2",
                "wx.accounts[1].app-id", "wx3", "wx.accounts[1].app-secret", "s3"));
        StandardEnvironment environment = new StandardEnvironment();
        environment.getPropertySources().addFirst(new MapPropertySource("file", settings));
        environment.getPropertySources()
            .addFirst(new MapPropertySource("arguments", Map.of("wx.accounts[0].app-secret", "s3cret")));
        ConfigurationPropertySources.attach(environment);
        assertThatExceptionOfType(InvalidSettingsException.class).isThrownBy(() -> Settings.read(environment))
            .withMessageContaining("wx.accounts is set in several places");
    }

    @Test
    void accountsWrittenAsOneTextAreRejectedAndNotShown() {
        settings.put("wx.accounts", "wx1:s3cret");
        assertThat(problem()).contains("wx.accounts");
    }

    @Test
    void aTicketThatIsNamedTwiceIsWantedOnce() {
        settings.put("wx.tickets", "jsapi,jsapi");
        assertThat(read().allAccounts().get(0).tickets()).containsExactly(Ticket.JSAPI);
    }

    @ParameterizedTest
    @ValueSource(strings = { "", " ", "[]", "[ ]", "none", "None", " none " })
    void anAccountMayWantNoTicket(String none) {
        settings.put("wx.tickets", none);
        assertThat(read().allAccounts().get(0).tickets()).isEmpty();
        settings.putAll(Map.of("wx.tickets", "jsapi", "wx.accounts[0].app-id", "wx2", "wx.accounts[0].app-secret", "s2",
                "wx.accounts[0].tickets", none, "wx.accounts[1].app-id", "wx3", "wx.accounts[1].app-secret", "s3",
                "wx.accounts[1].tickets[0]", "none"));
        assertThat(read().allAccounts()).extracting(Account::tickets)
            .containsExactly(List.of(Ticket.JSAPI), List.of(), List.of());
        assertThat(readFrom(Map.of("WX_TICKETS", none)).allAccounts().get(0).tickets()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({ "?sslmode=REQUIRED, sslMode", "?SSLMODE=x&user=u, sslMode", "?sslMod=x, sslMode",
            "?user=u&password=s3cret&conectTimeout=1, connectTimeout",
            "?trustcertificatekeystoreurl=x, " + "trustCertificateKeyStoreUrl" })
    void aMisspeltPropertyOfTheUrlIsReported(String properties, String right) {
        settings.put("spring.datasource.url", "jdbc:mysql://a:1,b/wx" + properties);
        assertThat(problem()).startsWith("spring.datasource.url: Connector/J has no property ")
            .endsWith(": write it " + right);
    }

    @ParameterizedTest
    @ValueSource(strings = { "jdbc:mysql://address=(host=a)(sslmode=REQUIRED),b/wx",
            "jdbc:mysql://(host=a,port=1,sslmode=REQUIRED)/wx", "jdbc:mysql:replication://(host=a,sslmode=x),b/wx",
            "jdbc:mysql:loadbalance://a,b/wx?sslmode=x", "jdbc:mysql://u:s3cret@a/wx?sslmode=x" })
    void aMisspeltPropertyIsFoundInEachFormOfAUrl(String url) {
        settings.put("spring.datasource.url", url);
        assertThat(problem()).contains("no property sslmode: write it sslMode");
    }

    @Test
    void aPropertyThatResemblesNoneIsNotShownWhereItMayBeAPartOfThePassword() {
        settings.put("spring.datasource.url", "jdbc:mysql://a/wx?verifyCertificate=true");
        assertThat(problem()).contains("no property verifyCertificate: check its spelling");
        settings.put("spring.datasource.url", "jdbc:mysql://a/wx?user=u&password=hunter&hunter2");
        assertThat(problem()).doesNotContain("hunter").contains("%26");
        settings.put("spring.datasource.url", "jdbc:mysql://a/wx");
        settings.put("spring.datasource.hikari.data-source-properties.sslmode", "x");
        assertThat(problem()).contains("data-source-properties: Connector/J has no property sslmode: write it sslMode");
    }

    @ParameterizedTest
    @ValueSource(strings = { "jdbc:mysql://a/wx", "jdbc:mysql://a/wx?", "jdbc:mysql://a/wx?useUnicode=true&useSSL=true",
            "jdbc:mysql://u:p@a:1,b:2/wx?serverTimezone=UTC&sslMode=VERIFY_CA&User=u",
            "jdbc:mysql:replication://address=(type=source)(host=a)(port=1),(host=b,type=replica)/wx?user=u",
            "jdbc:h2:mem:x;MODE=MySQL" })
    void aRightUrlIsAccepted(String url) {
        settings.put("spring.datasource.url", url);
        assertThat(read()).isNotNull();
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({ "WX_REFRESH_AFTR, WX_REFRESH_AFTER", "WX_APP_SECRT, WX_APPSECRET", "WX_APPIDS, WX_APPID",
            "WX_A_PPID, WX_APPID", "WX_TICKET, WX_TICKETS", "WX_SECRET, WX_SECRETS", "WX_MIRROR_FILE_0, WX_MIRROR_FILE",
            "WX_ACCOUNTS_0_APP_SECRT, WX_ACCOUNTS_0_APPSECRET", "SPRING_DATASOURCE_URI, SPRING_DATASOURCE_URL",
            "SPRING_DATASOURCE_ULR, SPRING_DATASOURCE_URL", "SPRING_DATASOURCE_USRNAME, SPRING_DATASOURCE_USERNAME",
            "SPRING_DATASOURCE_PASWORD, " + "SPRING_DATASOURCE_PASSWORD", "SPRNG_DATASOURCE_URL, SPRING_DATASOURCE_URL",
            "LOGING_LEVEL_IO_WXTOKEN, LOGGING_LEVEL_IO_WXTOKEN" })
    void aVariableThatResemblesASettingIsReported(String variable, String right) {
        settings.remove("spring.datasource.url"); // one line names the cause, not what it
                                                  // leads to
        assertThatExceptionOfType(InvalidSettingsException.class).isThrownBy(() -> readFrom(Map.of(variable, "s3cret")))
            .satisfies(e -> assertThat(e.problems()).containsExactly("the environment's " + variable
                    + " is no setting of wx-token: write it " + right + ", or unset it if it is another program's"));
    }

    @Test
    void otherProgramsVariablesAreNoErrors() {
        Map<String, Object> others = new HashMap<>();
        for (String variable : List.of("WX_API_KEY", "WX_API_TOKEN", "WX_KEY", "WX_TOKEN", "WX_RUN_MODE",
                "WX_REFRESH_TOKEN", "WX_API_SERVICE_HOST", "WX_API_PORT_80_TCP", "WX_CACHE", "WXR", "_",
                "SPRING_PROFILE", "SPRING_DATASOURCE_NAME", "SPRING_JPA_SHOW_SQL", "LOG_LEVEL", "LOGGING_LEVEL_ROOT",
                "WX_APPSECRET_2", "SHOP_SECRET")) {
            others.put(variable, "x");
        }
        settings.put("wx.accounts[0].app-id", "wx2");
        settings.put("wx.accounts[0].app-secret", "${WX_APPSECRET_2}");
        assertThat(readFrom(others).allAccounts()).hasSize(2);
        // another program's, because the setting itself is set
        assertThat(readFrom(Map.of("WX_APPSECRETS", "x", "WX_APPSECRET", "s", "WX_APPSECRET_2", "s2"))).isNotNull();
    }

    @Test
    void aVariableMayHaveUnderscoresForDashes() {
        settings.clear();
        WxProperties wx = readFrom(Map.ofEntries(Map.entry("WX_APP_ID", "wx1"), Map.entry("WX_APP_SECRET", "s"),
                Map.entry("WX_API_BASE_URL", "http://127.0.0.1:8080"), Map.entry("WX_API_CONNECT_TIMEOUT", "1s"),
                Map.entry("WX_REFRESH_REQUEST_INTERVAL", "10m"), Map.entry("WX_ACCOUNTS_0_APP_ID", "wx2"),
                Map.entry("WX_ACCOUNTS_0_APP_SECRET", "s2"), Map.entry("WX_ACCOUNTS_0_TICKETS_0", "wx_card"),
                Map.entry("WX_ACCOUNTS_1_APP_ID", "wx3"), Map.entry("WX_ACCOUNTS_1_APPSECRET", "s3"),
                Map.entry("SPRING_DATASOURCE_URL", "jdbc:h2:mem:x")));
        assertThat(wx.allAccounts()).containsExactly(
                new Account("wx1", "s", Endpoint.TOKEN, List.of(Ticket.JSAPI), true),
                new Account("wx2", "s2", Endpoint.TOKEN, List.of(Ticket.WX_CARD), false, "", "wx.accounts[0]."),
                new Account("wx3", "s3", Endpoint.TOKEN, List.of(Ticket.JSAPI), false, "", "wx.accounts[1]."));
        assertThat(wx.api().baseUrl()).containsExactly("http://127.0.0.1:8080");
        assertThat(wx.api().connectTimeout()).isEqualTo(Duration.ofSeconds(1));
        assertThat(wx.refresh().requestInterval()).isEqualTo(Duration.ofMinutes(10));
    }

    @Test
    void anOperatorsOwnNamesServePlaceholders() {
        settings.putAll(Map.of("db.host", "db.example.com", "db.port", "3306", "shop.secret", "x",
                "spring.datasource.url", "jdbc:mysql://${db.host}/wx", "wx.app-secret", "${shop.secret}"));
        assertThat(read()).isNotNull();
        settings.put("server.port", "80");
        assertThat(problem()).contains("server is no setting of wx-token (", "check its spelling and its indentation");
    }

    @Test
    void groupsOutsideWxMayBeAllCommentedOut() {
        settings.putAll(Map.of("spring", "", "logging", "", "spring.datasource", "", "logging.level", ""));
        assertThat(read()).isNotNull();
    }

    /** An upgrade of Spring Boot may bring new ones. */
    @Test
    void eachLogSettingOfSpringBootIsKnown() throws IOException {
        for (URL file : Collections
            .list(getClass().getClassLoader().getResources("META-INF/spring-configuration-metadata.json"))) {
            try (InputStream json = file.openStream()) {
                for (JsonNode property : new JsonMapper().readTree(json).path("properties")) {
                    String name = property.path("name").asString();
                    if (name.startsWith("logging.") && !name.startsWith("logging.log4j2.")
                            && property.path("deprecation").isMissingNode()) {
                        settings.put(name, "");
                    }
                }
            }
        }
        assertThat(settings).hasSizeGreaterThan(30);
        assertThat(read()).isNotNull();
    }

    @Test
    void aWrongBaseUrlIsShownWithoutItsPasswordAndQuery() {
        settings.put("wx.api.base-url", "https://u:hunter2@api.weixin.qq.com/cgi-bin/token?secret=hunter2");
        assertThat(problem()).doesNotContain("hunter2");
    }

    @Test
    void aNumberWithoutUnitIsSeconds() {
        settings.put("wx.refresh.after", "3000");
        assertThat(read().refresh().after()).isEqualTo(Duration.ofMinutes(50));
    }

    @Test
    void valuesDownToASecondAreAccepted() {
        settings.putAll(Map.of("wx.refresh.after", "1s", "wx.refresh.before", "1s", "wx.refresh.lease", "1s",
                "wx.refresh.request-interval", "1s", "wx.api.connect-timeout", "200ms", "wx.api.read-timeout",
                "500ms"));
        assertThat(read().refresh().lease()).isEqualTo(Duration.ofSeconds(1));
    }

    @Test
    void noToStringShowsTheSecret() {
        WxProperties wx = read();
        assertThat(wx.toString() + wx.allAccounts()).doesNotContain("s3cret").contains("wx0123456789abcdef");
    }

    @Test
    void anAccountIsFoundByItsAppIdAndByItsName() {
        settings.putAll(Map.of("wx.name", "微店（一）", "wx.accounts[0].app-id", "wx2", "wx.accounts[0].app-secret", "s2",
                "wx.accounts[0].name", "Crème & Co. 🍦", "wx.accounts[1].app-id", "wx3", "wx.accounts[1].app-secret",
                "s3", "wx.accounts[1].name", ""));
        WxProperties wx = read();
        assertThat(wx.allAccounts()).extracting(Account::label)
            .containsExactly("wx0123456789abcdef (微店（一）)", "wx2 (Crème & Co. 🍦)", "wx3");
        assertThat(wx.account("微店（一）").appId()).isEqualTo("wx0123456789abcdef");
        assertThat(wx.account("wx2").name()).isEqualTo("Crème & Co. 🍦");
        assertThat(wx.account(null).appId()).isEqualTo("wx0123456789abcdef");
        assertThat(wx.find("")).as("no name is a name of nobody").isEmpty();
        settings.put("wx.accounts[1].name", "微店（一）");
        assertThat(problem()).contains("wx.accounts[1].name = '微店（一）' is there twice");
    }

    private void addWeCom(int index, String... more) {
        String entry = "wx.accounts[" + index + "].";
        settings.putAll(Map.of(entry + "platform", "wecom", entry + "corp-id", "ww0123456789abcdef", entry + "agent-id",
                "1000002", entry + "secret", "s3cret-of-wecom"));
        for (int i = 0; i < more.length; i += 2) {
            settings.put(entry + more[i], more[i + 1]);
        }
    }

    @Test
    void anApplicationOfWeComIsNamedByCorpAndAgentAndHasThoseTicketsThatWeComHas() {
        settings.put("wx.tickets", "jsapi,wx_card,agent_config");
        addWeCom(0, "name", "sales");
        addWeCom(1, "agent-id", "contacts", "tickets", "none");
        WxProperties wx = read();
        assertThat(wx.allAccounts()).containsExactly(
                new Account("wx0123456789abcdef", "s3cret", Endpoint.TOKEN, List.of(Ticket.JSAPI, Ticket.WX_CARD),
                        true),
                new Account("ww0123456789abcdef:1000002", "s3cret-of-wecom", Endpoint.WECOM,
                        List.of(Ticket.JSAPI, Ticket.AGENT_CONFIG), false, "sales", "wx.accounts[0]."),
                new Account("ww0123456789abcdef:contacts", "s3cret-of-wecom", Endpoint.WECOM, List.of(), false, "",
                        "wx.accounts[1]."));
        assertThat(wx.account("ww0123456789abcdef:1000002")).isEqualTo(wx.account("sales"));
        assertThat(wx.toString() + wx.accounts()).doesNotContain("s3cret");
        assertThat(wx.api().connection().weCom().baseUrl()).isEqualTo("https://qyapi.weixin.qq.com");
        // the accounts are enough for a command without secrets
        settings.remove("wx.app-id");
        settings.remove("wx.app-secret");
        assertThat(read().account(null).appId()).isEqualTo("ww0123456789abcdef:1000002");
    }

    @ParameterizedTest(name = "{0} = {1}")
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            platform   | wechat             | must be one of: official-account, wecom
            corp-id    | ""                 | is missing
            corp-id    | 0123456789abcdef   | is no corp id
            agent-id   | ""                 | is missing
            agent-id   | 100 002            | is no AgentId
            agent-id   | 12345678901234     | agent-id are too long
            secret     | ""                 | is missing: set it to the application's Secret
            secret     | ${NOWHERE}         | names a placeholder that nothing fills
            secret     | two words          | holds a blank
            app-id     | wx2                | does not fit platform: wecom
            app-secret | s3cret             | does not fit platform: wecom
            endpoint   | token              | does not fit platform: wecom
            endpoint   | wecom              | does not fit platform: wecom
            tickets    | wx_card            | is no ticket of WeCom's, which are jsapi and agent_config
            name       | ww2:100            | looks like an AppID
            """)
    void aWrongSettingOfAWeComApplicationIsNamedInOneLine(String name, String value, String says) {
        addWeCom(0, name, value);
        assertThat(problem()).contains("wx.accounts[0].").contains(name).contains(says);
    }

    @Test
    void anEntryThatForgetsItsPlatformIsToldOnce() {
        addWeCom(0);
        settings.remove("wx.accounts[0].platform");
        assertThat(problem()).startsWith("wx.accounts[0].corp-id is for platform: wecom: set that as well");
    }

    @Test
    void anApplicationOfWeComThatIsThereTwiceIsReported() {
        addWeCom(0);
        addWeCom(1, "corp-id", "ww0123456789ABCDEF");
        assertThat(problem()).startsWith("wx.accounts[1].corp-id and agent-id = 'ww0123456789ABCDEF:1000002' is there");
    }

}
