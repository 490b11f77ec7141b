package io.wxtoken.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;

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

    private String problem() {
        InvalidSettingsException e = assertThrows(InvalidSettingsException.class, this::read);
        assertThat(e.problems()).hasSize(1);
        assertThat(e.problems().get(0)).doesNotContain("\n").doesNotContain("s3cret");
        return e.problems().get(0);
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
        variables.put("WX_UNKNOWN", "ignored");
        StandardEnvironment environment = new StandardEnvironment();
        environment.getPropertySources()
            .addFirst(new SystemEnvironmentPropertySource(StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME,
                    variables));
        ConfigurationPropertySources.attach(environment);
        WxProperties wx = Settings.read(environment);
        assertThat(wx.allAccounts())
            .containsExactly(new Account("wx1", "s", Endpoint.STABLE_TOKEN, List.of(Ticket.JSAPI), true));
        assertThat(wx.api()).isEqualTo(new WxProperties.Api(List.of("http://127.0.0.1:8080"), Endpoint.STABLE_TOKEN,
                Duration.ofSeconds(1), Duration.ofSeconds(2), "http://proxy:3128"));
        assertThat(wx.refresh().after()).isEqualTo(Duration.ofMinutes(30));
        assertThat(wx.refresh().lease()).isEqualTo(Duration.ofSeconds(20));
    }

    @ParameterizedTest(name = "{0} = {1}")
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            wx.app-id                   | ""                          | is missing
            wx.app-id                   | wx 123                      | is no AppID
            wx.app-id                   | wx0123456789abcdef0123456789abcdef0 | is no AppID
            wx.app-id                   | 0123456789abcdef0123456789abcdef | swapped?
            wx.tickets                  | jsapi,card                  | must be one of: jsapi, wx-card
            wx.refresh.concurrency      | 0                           | is out of bounds
            wx.refresh.concurrency      | many                        | is no whole number
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
            spring.datasource.url       | ""                          | must begin with jdbc:mysql:
            """)
    void aWrongSettingIsNamedInOneLineThatSaysWhatIsWrong(String name, String value, String says) {
        if (name.startsWith("wx.accounts[0]")) {
            settings.putAll(Map.of("wx.accounts[0].app-id", "wx2", "wx.accounts[0].app-secret", "s2"));
        }
        settings.put(name, value);
        assertThat(problem()).contains(name).contains(says);
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

    @Test
    void anAccountMayWantNoTicket() {
        settings.put("wx.tickets", "");
        assertThat(read().allAccounts().get(0).tickets()).isEmpty();
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

}
