package io.wxtoken.metrics;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import io.prometheus.metrics.model.snapshots.Labels;

import io.wxtoken.token.RefreshListener;
import io.wxtoken.token.RowKey;
import io.wxtoken.wechat.ProbeResult;

/** Counts what happens to rows. */
final class RefreshMetrics implements RefreshListener {

    /** What is counted, with its name and description in the metrics. */
    enum Count {

        FETCHES("wx_token_fetches", "Requests to WeChat for a token or ticket"),

        LOST_CLAIMS("wx_token_lost_claims", "Claims that were lost because another run or an application was faster"),

        FENCED_PUBLISHES("wx_token_fenced_publishes", "Fetched values that came too late to be published"),

        PROBES("wx_token_probes", "Answers to the question whether an access_token lives");

        final String metric;

        final String description;

        Count(String metric, String description) {
            this.metric = metric;
            this.description = description;
        }

    }

    private final Map<Count, Map<Labels, Double>> counts = new EnumMap<>(Count.class);

    RefreshMetrics() {
        for (Count count : Count.values()) {
            counts.put(count, new ConcurrentHashMap<>());
        }
    }

    @Override
    public void fetching(RowKey row) {
        add(Count.FETCHES, labels(row), 1);
    }

    @Override
    public void claimLost(RowKey row) {
        add(Count.LOST_CLAIMS, labels(row), 1);
    }

    @Override
    public void publishFenced(RowKey row) {
        add(Count.FENCED_PUBLISHES, labels(row), 1);
    }

    @Override
    public void probed(String appId, ProbeResult result) {
        add(Count.PROBES, labels(appId, result), 1);
    }

    /** Adds to a count; 0 makes it appear. */
    void add(Count count, Labels labels, double number) {
        counts.get(count).merge(labels, number, Double::sum);
    }

    /** Whether nothing was counted. */
    boolean isEmpty() {
        return counts.values().stream().allMatch(Map::isEmpty);
    }

    /** What was counted. */
    Map<Labels, Double> of(Count count) {
        return counts.get(count);
    }

    static Labels labels(RowKey row) {
        return Labels.of("app_id", row.appId(), "type", row.type());
    }

    static Labels labels(String appId, ProbeResult result) {
        return Labels.of("app_id", appId, "result", result.name().toLowerCase(Locale.ROOT));
    }

}
