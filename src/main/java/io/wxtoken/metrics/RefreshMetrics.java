package io.wxtoken.metrics;

import java.util.Arrays;
import java.util.Locale;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;

import io.wxtoken.token.RefreshListener;
import io.wxtoken.token.RowKey;
import io.wxtoken.wechat.ProbeResult;

/** Counts what happens to rows. */
final class RefreshMetrics implements RefreshListener {

    private final MeterRegistry registry;

    RefreshMetrics(MeterRegistry registry) {
        this.registry = registry;
    }

    @Override
    public void fetching(RowKey row) {
        fetches(row).increment();
    }

    @Override
    public void claimLost(RowKey row) {
        lostClaims(row).increment();
    }

    @Override
    public void publishFenced(RowKey row) {
        fencedPublishes(row).increment();
    }

    @Override
    public void probed(String appId, ProbeResult result) {
        probes(appId, result).increment();
    }

    /**
     * Prometheus sees no increase in a counter that appears with the value 1, so each
     * counter first appears with 0.
     */
    void startAtZero(RowKey row) {
        fetches(row);
        lostClaims(row);
        fencedPublishes(row);
        if (row.type().equals(RowKey.ACCESS_TOKEN)) {
            Arrays.stream(ProbeResult.values()).forEach(result -> probes(row.appId(), result));
        }
    }

    private Counter fetches(RowKey row) {
        return ofRow("wx.token.fetches", "Requests to WeChat for a token or ticket", row);
    }

    private Counter lostClaims(RowKey row) {
        return ofRow("wx.token.lost.claims", "Claims that were lost because another run or an application was faster",
                row);
    }

    private Counter fencedPublishes(RowKey row) {
        return ofRow("wx.token.fenced.publishes", "Fetched values that came too late to be published", row);
    }

    private Counter probes(String appId, ProbeResult result) {
        return Counter.builder("wx.token.probes")
            .description("Answers to the question whether an access_token lives")
            .tags("app_id", appId, "result", result.name().toLowerCase(Locale.ROOT))
            .register(registry);
    }

    private Counter ofRow(String name, String description, RowKey row) {
        return Counter.builder(name).description(description).tags(tags(row)).register(registry);
    }

    static Tags tags(RowKey row) {
        return Tags.of("app_id", row.appId(), "type", row.type());
    }

}
