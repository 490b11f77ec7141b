package io.wxtoken.metrics;

import java.util.Arrays;
import java.util.Locale;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Metrics;
import io.wxtoken.wechat.WeChatClient.Life;

/** What happens to rows, counted in Micrometer's global registry: nowhere, unless {@link Textfile} has opened it. */
public final class Meters {

    private Meters() {
    }

    /** WeChat was asked for a value. */
    public static void fetch(String appId, String type) {
        fetches(appId, type).increment();
    }

    /** Another run, or an application, was faster. */
    public static void lostClaim(String appId, String type) {
        lostClaims(appId, type).increment();
    }

    /** The claim was no longer this run's when it published. */
    public static void fencedPublish(String appId, String type) {
        fencedPublishes(appId, type).increment();
    }

    /** WeChat was asked whether an access_token lives. */
    public static void probe(String appId, Life result) {
        probes(appId, result).increment();
    }

    /** A counter that appears at 1 has not increased, as Prometheus sees it. */
    static void startAtZero(String appId, String type) {
        fetches(appId, type);
        lostClaims(appId, type);
        fencedPublishes(appId, type);
        if (type.equals("access_token")) {
            Arrays.stream(Life.values()).forEach(result -> probes(appId, result));
        }
    }

    private static Counter fetches(String appId, String type) {
        return ofRow("wx.token.fetches", "Requests to WeChat for a token or ticket", appId, type);
    }

    private static Counter lostClaims(String appId, String type) {
        return ofRow("wx.token.lost.claims", "Claims that another run or an application was faster than", appId, type);
    }

    private static Counter fencedPublishes(String appId, String type) {
        return ofRow("wx.token.fenced.publishes", "Fetched values that came too late to be published", appId, type);
    }

    private static Counter probes(String appId, Life result) {
        return Counter.builder("wx.token.probes").description("Answers to the question whether an access_token lives")
            .tags("app_id", appId, "result", result.name().toLowerCase(Locale.ROOT)).register(Metrics.globalRegistry);
    }

    private static Counter ofRow(String name, String description, String appId, String type) {
        return Counter.builder(name).description(description).tags("app_id", appId, "type", type).register(Metrics.globalRegistry);
    }
}
