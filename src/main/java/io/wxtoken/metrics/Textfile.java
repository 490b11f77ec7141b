package io.wxtoken.metrics;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;

import io.wxtoken.ExitCode;
import io.wxtoken.file.AtomicFile;
import io.wxtoken.token.RefreshListener;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRow;

/**
 * Writes the metrics of one run to a file for node_exporter's textfile collector. Gauges
 * show this run; counters continue from the file's last values, so that they count over
 * all runs of this node.
 */
public final class Textfile {

    private static final Pattern COUNTER = Pattern
        .compile("(?m)^(wx_token_\\w+)_total\\{([^}]*)} ([0-9.]+(?:E[0-9]+)?)$");

    private static final Pattern LABEL = Pattern.compile("(\\w+)=\"([^\"]*)\"");

    private final Path file;

    private final long begun = System.nanoTime();

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    private final RefreshMetrics metrics = new RefreshMetrics(registry);

    public Textfile(String file) {
        this.file = Path.of(file);
    }

    /** Counts what happens to rows in this run. */
    public RefreshListener listener() {
        return metrics;
    }

    /**
     * Replaces the file, atomically.
     * @param rows of the configured accounts; none if they could not be read
     */
    public void write(Map<RowKey, TokenRow> rows, ExitCode exitCode) throws IOException {
        addPreviousCounts();
        rows.forEach(this::row);
        gauge("wx.token.run.duration", "seconds", "How long the last run took, without the JVM's start", Tags.empty(),
                Duration.ofNanos(System.nanoTime() - begun).toMillis() / 1000.0);
        gauge("wx.token.run.exit.code", null,
                "0 well, 1 the next run may mend it, 2 a person must act, 3 the database, 143 stopped", Tags.empty(),
                exitCode.code());
        gauge("wx.token.last.run.timestamp", "seconds", "When the last run ended", Tags.empty(),
                System.currentTimeMillis() / 1000);
        AtomicFile.replace(file, registry.scrape(), null);
    }

    private void row(RowKey key, TokenRow row) {
        Tags tags = RefreshMetrics.tags(key);
        boolean empty = row.value().isEmpty();
        metrics.startAtZero(key);
        gauge("wx.token.life.left", "seconds", "Seconds that the value has left, as of the last run", tags,
                empty ? 0 : row.timeLeft());
        if (!empty) {
            gauge("wx.token.age", "seconds", "Seconds since the value was obtained, as of the last run", tags,
                    row.age());
            gauge("wx.token.last.success.timestamp", "seconds", "When the value was obtained", tags, row.obtainedAt());
        }
        gauge("wx.token.failures.in.a.row", null, "Refreshes in a row that failed or did not finish", tags,
                row.lastRefresh().failures());
    }

    private void gauge(String name, String unit, String description, Tags tags, double value) {
        Gauge.builder(name, () -> value).baseUnit(unit).description(description).tags(tags).register(registry);
    }

    /**
     * Adds the values of the counters in the file. Counters start again at 0 when the
     * file can't be read or is another program's. The library writes this format but has
     * no reader for it.
     */
    private void addPreviousCounts() {
        String before;
        try {
            before = Files.readString(file);
        }
        catch (IOException none) {
            return;
        }
        Matcher counter = COUNTER.matcher(before);
        while (counter.find()) {
            Tags tags = Tags.empty();
            for (Matcher label = LABEL.matcher(counter.group(2)); label.find();) {
                tags = tags.and(label.group(1), label.group(2));
            }
            registry.counter(counter.group(1).replace('_', '.'), tags).increment(Double.parseDouble(counter.group(3)));
        }
    }

}
