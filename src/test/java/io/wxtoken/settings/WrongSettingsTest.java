package io.wxtoken.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.boot.context.properties.bind.DataObjectPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.StandardEnvironment;

import io.wxtoken.settings.WxProperties.RedisFormat;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;

/**
 * Every property gets every value that a person may write by mistake. One line names the
 * property, and shows no secret.
 */
class WrongSettingsTest {

    private static final String SECRET = "s3cret-0123456789";

    /** Wrong values of each type. A new type needs its own here. */
    private static final Map<Type, List<String>> WRONG = Map.of(
            Duration.class, List.of("", " ", "soon", "m", "-1s", "-5", "1500h", "5y", "5 minutes", "5min", "５m", "5 m",
                    "\"5m\"", "'5m'", "[5m]", "5m,", "1,5m", "0.5h", "1e3", "0x10", "~", "null", "true",
                    "99999999999999999999s", "9223372036854775807h", "106751991167301d", "5m\n6m", "${NOWHERE}"),
            int.class,
            List.of("", " ", "many", "0", "-1", "65", "1.5", "1e1", "16 accounts", "\"16\"", "99999999999", "null",
                    "[16]", "${NOWHERE}"),
            Endpoint.class,
            List.of("tokn", "token token", "token,stable-token", "/cgi-bin/token", "ｔｏｋｅｎ", "0", "null", "${NOWHERE}"),
            RedisFormat.class,
            List.of("wx-java-mp", "wxjava,easywechat", "wxjava easywechat", "redis", "0", "null", "${NOWHERE}"),
            WxProperties.Platform.class, List.of("wechat", "we-chat", "企业微信", "wecom,wecom", "0", "null", "${NOWHERE}"),
            Ticket.class,
            List.of("card", "jsapi;wx_card", "jsapi wx_card", "jsapi,,cards", "none,jsapi", "ｊｓａｐｉ", "${NOWHERE}"));

    /** Wrong values of each text. */
    private static final Map<String, List<String>> WRONG_TEXTS = Map.of("app-id",
            List.of("", " ", "\t", "0123456789abcdef", "wx", "wx 123", "wx123\u00a0", "\"wx123\"", "ｗｘ123",
                    "wx" + "1".repeat(31), "${NOWHERE}", SECRET),
            "app-secret",
            List.of("", " ", "\n", "two words", SECRET + "\n" + SECRET, SECRET + "\u00a0", "秘密" + SECRET,
                    "\uFEFF" + SECRET, "${NOWHERE}"),
            "corp-id",
            List.of("", " ", "0123456789abcdef", "ww", "ww 1", "ｗｗ1", "ww1:2", "ww" + "1".repeat(29),
                    "wx" + "1".repeat(26), "${NOWHERE}", SECRET),
            "agent-id", List.of("", " ", "1 2", "1:2", "1".repeat(30), "jsapi_ticket", "１", "${NOWHERE}"), "textfile",
            List.of("wx_token", "wx_token.txt", "/", "/tmp", "${NOWHERE}", "/${NOWHERE}/wx_token.prom",
                    "a\u0000b.prom"),
            "name",
            List.of("a".repeat(41), " shop", "shop ", "a\nb", "a\tb", "\u0000", "a\u2028b", "\"shop\"", "it's", "a\\b",
                    "a|b", "a`b", "${NOWHERE}", "wx0123456789abcdef"),
            "file",
            List.of("/", "/var/lib/wx/", "${NOWHERE}", "{appid}.json", "{app-id}/access_token.json", "a\u0000b.json"),
            "servers",
            List.of("localhost:port", "localhost:0", "localhost:99999", "localhost:", ":11211",
                    "http://localhost:11211", "two words:11211", "::1", "[::1", "a:1;b:2", "a:1,,b:1", "user@localhost",
                    "微信:11211", "${NOWHERE}"),
            "base-url",
            List.of("", " ", "api.weixin.qq.com", "https//api.weixin.qq.com", "https:/api.weixin.qq.com", "https://",
                    "http://api.weixin.qq.com", "ftp://api.weixin.qq.com", "https://api.weixin.qq.com:port",
                    "https://api.weixin.qq.com:99999", "https://api.weixin.qq.com:0",
                    "https://api.weixin.qq.com/cgi-bin", "https://api weixin.qq.com", "https://api.weixin.qq.com?a=b",
                    "https://u:p@api.weixin.qq.com", "\"https://api.weixin.qq.com\"", "https://微信.qq.com",
                    "https://api_weixin.qq.com", "https：//api.weixin.qq.com", "https://api.weixin.qq.com\nx",
                    "${NOWHERE}"),
            "proxy",
            List.of("proxy", "http://proxy", "http://proxy:0", "http://proxy:99999", "http://proxy:port",
                    "https://proxy:3128", "socks5://proxy:1080", "http://proxy:3128/path", "http:// proxy:3128",
                    "http://two words:" + SECRET + "@proxy:3128", "http://u:" + SECRET + "@" + SECRET + "@proxy:3128",
                    "http://u:" + SECRET + "%@proxy:3128", "http://u:" + SECRET + "\n@proxy:3128",
                    "http://u:" + SECRET + "/@proxy:3128", "http://:" + SECRET + "@proxy:3128", "\"proxy:3128\"",
                    "http：//proxy:3128", "http://代理:3128", "none", "${NOWHERE}"));

    /** Wrong values of the texts below wx.mirror.redis. */
    private static final Map<String, List<String>> WRONG_IN_REDIS = Map
        .of("url", List.of("redis", "localhost:6379", "http://localhost:6379", "redis://", "redis://localhost:0",
                "redis://localhost:99999", "redis://localhost:port", "redis://localhost/db", "redis://a:1,b:1",
                "redis://localhost?password=" + SECRET, "redis://localhost:6379/0?x=" + SECRET,
                "redis://" + SECRET + "@localhost", "redis://:" + SECRET + "@" + SECRET + "@localhost",
                "redis://:" + SECRET + "/@localhost", "redis://:" + SECRET + "%@localhost",
                "redis://:" + SECRET + "\n@localhost", "redis://:two words" + SECRET + "@localhost",
                "redis-sentinel://localhost", "redis：//localhost", "redis://微信:6379", "redis://:${NOWHERE}@localhost"),
                "key",
                List.of("", " ", "token", "wx:{app_id}", "{appid}:{type}", "{app_id}:{typ}", "a {app_id}:{type}",
                        "a\n{app_id}:{type}", "${NOWHERE}"),
                "prefix", List.of("wx:", "{app_id}", "a b", "a\nb", "${NOWHERE}"));

    record Property(String name, Type type) {

        String lastName() {
            return name.substring(name.lastIndexOf('.') + 1);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Property> properties() {
        return properties("wx", WxProperties.class);
    }

    private static Stream<Property> properties(String prefix, Class<?> group) {
        return Stream.of(group.getRecordComponents()).flatMap(component -> {
            String name = prefix + "." + DataObjectPropertyName.toDashedForm(component.getName());
            Class<?> element = element(component);
            return component.getType().isRecord() ? properties(name, component.getType())
                    : element.isRecord() ? properties(name + "[0]", element) : Stream.of(new Property(name, element));
        });
    }

    private static Class<?> element(RecordComponent component) {
        return component.getGenericType() instanceof ParameterizedType list
                ? (Class<?>) list.getActualTypeArguments()[0] : component.getType();
    }

    private static void assertToldInOneLine(Property property, String name, String value) {
        Map<String, Object> settings = new HashMap<>(Map.of("wx.app-id", "wx0123456789abcdef", "wx.app-secret", SECRET,
                "spring.datasource.url", "jdbc:h2:mem:x"));
        if (name.startsWith("wx.accounts")) {
            boolean weCom = property.lastName().matches("corp-id|agent-id|secret");
            settings.putAll(weCom
                    ? Map.of("wx.accounts[0].platform", "wecom", "wx.accounts[0].corp-id", "ww2",
                            "wx.accounts[0].agent-id", "1000002", "wx.accounts[0].secret", SECRET)
                    : Map.of("wx.accounts[0].app-id", "wx2", "wx.accounts[0].app-secret", SECRET));
        }
        if (name.startsWith("wx.component")) {
            settings.putAll(Map.of("wx.component.app-id", "wx3", "wx.component.app-secret", SECRET));
        }
        settings.remove(property.name());
        settings.put(name, value);
        StandardEnvironment environment = new StandardEnvironment();
        environment.getPropertySources().addFirst(new MapPropertySource("test", settings));
        ConfigurationPropertySources.attach(environment); // as Boot does
        assertThat(catchThrowable(() -> Settings.read(environment))).as("%s = '%s'", name, value)
            .isInstanceOfSatisfying(InvalidSettingsException.class, e -> {
                assertThat(e.problems()).as("%s = '%s'", name, value).hasSize(1);
                assertThat(e.problems().get(0)).as("%s = '%s'", name, value)
                    .contains(property.name())
                    .doesNotContain("\n")
                    .doesNotContain(SECRET)
                    .doesNotContain("java.")
                    .doesNotContain("springframework");
            });
    }

    @ParameterizedTest
    @MethodSource("properties")
    void aWrongValueIsReportedInOneLine(Property property) {
        List<String> wrong = property.name().startsWith("wx.mirror.redis.") && property.type() == String.class
                ? WRONG_IN_REDIS.get(property.lastName())
                : property.type() == String.class
                        ? WRONG_TEXTS
                            .get(property.lastName().replaceFirst("^secret$", "app-secret").replaceFirst("^wecom-", ""))
                        : WRONG.get(property.type());
        assertThat(wrong).as("wrong values for %s: a new property needs its own", property).isNotEmpty();
        wrong.forEach(value -> assertToldInOneLine(property, property.name(), value));
    }

    @ParameterizedTest
    @MethodSource("properties")
    void aMisspeltNameAndAGroupInItsPlaceAreReportedInOneLine(Property property) {
        assertToldInOneLine(property, property.name() + "s", "1");
        // In a list Boot overlooks the group, and the account has its default.
        if (!property.name().startsWith("wx.accounts")) {
            assertToldInOneLine(property, property.name() + ".x", "1");
        }
    }

}
