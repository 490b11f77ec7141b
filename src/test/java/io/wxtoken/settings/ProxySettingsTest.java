package io.wxtoken.settings;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.wxtoken.settings.ProxySettings.Configured;
import io.wxtoken.wechat.HttpProxy;

class ProxySettingsTest {

    private static final String WECHAT = "https://api.weixin.qq.com";

    private static HttpProxy parse(String url) {
        return new Configured(url, "wx.api.proxy").parse().orElse(null);
    }

    @Test
    void userAndPasswordAreOptionalAndPercentEncoded() {
        assertThat(parse("http://proxy.example.com:3128"))
            .isEqualTo(new HttpProxy("proxy.example.com", 3128, null, null, "wx.api.proxy"));
        assertThat(parse("http://me@my_proxy:80/"))
            .isEqualTo(new HttpProxy("my_proxy", 80, "me", null, "wx.api.proxy"));
        assertThat(parse("HTTP://d%40me:p+%3A%2F%25%e4%bd%a0@[::1]:65535"))
            .isEqualTo(new HttpProxy("[::1]", 65535, "d@me", "p+:/%你", "wx.api.proxy"));
        assertThat(parse("proxy:3128")).as("as environments often have it")
            .isEqualTo(new HttpProxy("proxy", 3128, null, null, "wx.api.proxy"));
    }

    @Test
    void theSettingWinsThenTheEnvironmentsLowerCase() {
        Map<String, String> environment = Map.of("https_proxy", "http://lower:1", "HTTPS_PROXY", "http://upper:2",
                "http_proxy", "http://not:3", "no_proxy", "*");
        assertThat(ProxySettings.of("http://setting:4", WECHAT, environment))
            .contains(new Configured("http://setting:4", "wx.api.proxy"));
        assertThat(ProxySettings.of("", WECHAT, Map.of("https_proxy", " ", "HTTPS_PROXY", "http://upper:2")))
            .contains(new Configured("http://upper:2", "HTTPS_PROXY"));
        assertThat(ProxySettings.of(null, WECHAT,
                Map.of("https_proxy", "http://lower:1", "HTTPS_PROXY", "http://upper:2")))
            .contains(new Configured("http://lower:1", "https_proxy"));
        assertThat(ProxySettings.of(null, WECHAT, environment)).isEmpty();
        assertThat(ProxySettings.of(null, WECHAT, Map.of("http_proxy", "http://not:3"))).isEmpty();
    }

    @Test
    void plainHttpHasNoProxy() {
        assertThat(ProxySettings.of("http://proxy:3128", "http://127.0.0.1:8080", Map.of())).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = { "*", "api.weixin.qq.com", ".weixin.qq.com", "*.weixin.qq.com", "weixin.qq.com", "qq.com",
            "localhost,127.0.0.1, QQ.com", "a b weixin.qq.com", "api.weixin.qq.com:443", ".qq.com:443,10.0.0.0/8" })
    void noProxyExemptsAHost(String noProxy) {
        for (String name : new String[] { "no_proxy", "NO_PROXY" }) {
            assertThat(ProxySettings.of(null, WECHAT, Map.of("HTTPS_PROXY", "http://proxy:1", name, noProxy)))
                .isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = { "''", "xin.qq.com", "api2.weixin.qq.com", "api.weixin.qq.com:80", "weixin.qq",
            "localhost,,127.0.0.1,::1,10.0.0.0/8", "**", "." })
    void othersAreNotExempt(String noProxy) {
        assertThat(ProxySettings.of(null, WECHAT, Map.of("HTTPS_PROXY", "http://proxy:1", "NO_PROXY", noProxy)))
            .isPresent();
    }

}
