package io.wxtoken.mirror;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import tools.jackson.core.io.JsonStringEncoder;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.RowKey;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Lifetimes;
import io.wxtoken.wechat.Ticket;

/**
 * Knows under which keys a library looks for a row's value in Redis, and how it writes
 * the value. All of them bound an entry's life by Redis's own expiry.
 * <p>
 * The program does not know whether an account is an Official Account or a Mini Program,
 * and whether an application asks its library for stable tokens. So a token is under each
 * of the keys that the library would use for it.
 * <p>
 * A row that the library has no key for is in the plain format.
 */
final class RedisEntries {

    private final WxProperties.Redis settings;

    private final Map<String, String> secrets = new HashMap<>();

    /**
     * @param accounts whose secrets are in some keys
     */
    RedisEntries(WxProperties.Redis settings, List<Account> accounts) {
        this.settings = settings;
        accounts.forEach(account -> secrets.put(account.appId(), account.appSecret()));
    }

    /** The entries that a row's value has, by their keys. */
    Map<String, String> of(RowKey row, String value) {
        Map<String, String> entries = row.appId().contains(":") ? Map.of() // of WeCom
                : switch (settings.format()) {
                    case PLAIN -> Map.of();
                    case WXJAVA -> wxJava(row, value);
                    case EASYWECHAT -> easyWeChat(row, value);
                    case SILENCEPER -> silenceper(row, value);
                    case POWERWECHAT -> powerWeChat(row, value);
                };
        return entries.isEmpty() ? Map.of(settings.keyOf(row.appId(), row.type()), value) : entries;
    }

    /**
     * WxMpRedisConfigImpl, WxMpRedissonConfigImpl and WxMaRedisBetterConfigImpl of
     * binarywang/WxJava (weixin-java-mp/src/main/java/me/chanjar/weixin/mp/config/impl/,
     * weixin-java-miniapp/src/main/java/cn/binarywang/wx/miniapp/config/impl/) have the
     * same keys, with the bare value. Their prefix is the application's; the Spring Boot
     * starters' default is wx in WxMpProperties, wa in WxMaProperties
     * (spring-boot-starters/).
     */
    private Map<String, String> wxJava(RowKey row, String value) {
        String key = isToken(row) ? "access_token:" + row.appId()
                : isTicket(row, Ticket.JSAPI) || isTicket(row, Ticket.WX_CARD)
                        ? "ticket:key:" + row.appId() + ":" + ticket(row) : null;
        return key == null ? Map.of() : prefixed(List.of("wx:", "wa:"), List.of(key), value);
    }

    /**
     * AccessToken and JsApiTicket of w7corp/easywechat 6 (src/OfficialAccount/,
     * src/MiniApp/), over a cache as in its docs/src/6.x/cache.md: RedisAdapter of
     * symfony/cache with the namespace easywechat. That puts namespace and colon before
     * the key (Adapter/AbstractAdapter.php), and serializes the value as PHP does
     * (Marshaller/DefaultMarshaller.php, which reads this with igbinary, too).
     */
    private Map<String, String> easyWeChat(RowKey row, String value) {
        List<String> keys = List.of();
        if (isToken(row) && hasSecret(row)) {
            String account = ".access_token." + row.appId() + "." + secrets.get(row.appId());
            keys = List.of("official_account" + account + ".0", "official_account" + account + ".1",
                    "mini_app" + account + ".0", "mini_app" + account + ".1");
        }
        else if (isTicket(row, Ticket.JSAPI)) {
            keys = List.of("official_account.jsapi_ticket." + row.appId());
        }
        return prefixed(List.of("easywechat:"), keys,
                "s:" + value.getBytes(StandardCharsets.UTF_8).length + ":\"" + value + "\";");
    }

    /**
     * DefaultAccessToken, StableAccessToken and DefaultJsTicket of silenceper/wechat v2
     * (credential/default_access_token.go, credential/default_js_ticket.go), with the
     * bare value (cache/redis.go).
     */
    private Map<String, String> silenceper(RowKey row, String value) {
        List<String> keys = List.of();
        if (isToken(row)) {
            keys = List.of("gowechat_officialaccount__access_token_" + row.appId(),
                    "gowechat_officialaccount__stable_access_token_" + row.appId(),
                    "gowechat_miniprogram__access_token_" + row.appId(),
                    "gowechat_miniprogram__stable_access_token_" + row.appId());
        }
        else if (isTicket(row, Ticket.JSAPI)) {
            keys = List.of("gowechat_officialaccount__jsapi_ticket_" + row.appId());
        }
        return prefixed(List.of(""), keys, value);
    }

    /**
     * AccessToken and the JSSDK's Client of ArtisanCloud/PowerWeChat v3
     * (src/kernel/accessToken.go, src/kernel/response/getToken.go,
     * src/basicService/jssdk/client.go): WeChat's answer in JSON, as GRedis writes it
     * (ArtisanCloud/PowerLibs, cache/redis.go). The life in it is not used.
     */
    private Map<String, String> powerWeChat(RowKey row, String value) {
        String text = "\"" + new String(JsonStringEncoder.getInstance().quoteAsCharArray(value)) + "\",\"expires_in\":"
                + Lifetimes.TOKEN.toSeconds() + "}";
        if (isToken(row) && hasSecret(row)) {
            return prefixed(List.of(""),
                    List.of("powerwechat.access_token." + md5(row.appId() + secrets.get(row.appId()))),
                    "{\"access_token\":" + text);
        }
        return isTicket(row, Ticket.JSAPI) || isTicket(row, Ticket.WX_CARD) ? prefixed(List.of(""),
                List.of("powerwechat.basic_service.jssdk.ticket." + ticket(row) + "." + row.appId()),
                "{\"errcode\":0,\"errmsg\":\"ok\",\"ticket\":" + text) : Map.of();
    }

    private static boolean isToken(RowKey row) {
        return row.type().equals(RowKey.ACCESS_TOKEN);
    }

    private static boolean isTicket(RowKey row, Ticket ticket) {
        return row.type().equals(ticket.rowType());
    }

    private static String ticket(RowKey row) {
        return (isTicket(row, Ticket.JSAPI) ? Ticket.JSAPI : Ticket.WX_CARD).parameter();
    }

    private boolean hasSecret(RowKey row) {
        return secrets.get(row.appId()) != null;
    }

    /**
     * @param usual the library's prefixes, if none is configured
     */
    private Map<String, String> prefixed(List<String> usual, List<String> keys, String value) {
        String configured = settings.prefix();
        Map<String, String> entries = new LinkedHashMap<>();
        for (String prefix : configured == null || configured.isBlank() ? usual : List.of(configured)) {
            keys.forEach(key -> entries.put(prefix + key, value));
        }
        return entries;
    }

    private static String md5(String text) {
        try {
            return HexFormat.of()
                .formatHex(MessageDigest.getInstance("MD5").digest(text.getBytes(StandardCharsets.UTF_8)));
        }
        catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

}
