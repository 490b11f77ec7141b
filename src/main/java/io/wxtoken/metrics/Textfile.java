package io.wxtoken.metrics;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.CounterSnapshot.CounterDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot.InfoDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricMetadata;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;

import io.wxtoken.ExitCode;
import io.wxtoken.file.AtomicFile;
import io.wxtoken.metrics.RefreshMetrics.Count;
import io.wxtoken.token.RefreshListener;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.ProbeResult;

/**
 * Writes the metrics of one run to a file for node_exporter's textfile collector. Gauges
 * show this run; counters continue from the file's last values, so that they count over
 * all runs of this node. With 10,000 accounts there are some 200,000 values, so one
 * metric after the other is made and written.
 */
public final class Textfile {

    private static final Pattern COUNTER = Pattern.compile("(wx_token_\\w+)_total\\{([^}]*)} ([0-9.]+(?:E[0-9]+)?)");

    private static final Pattern LABEL = Pattern.compile("(\\w+)=\"([^\"]*)\"");

    private static final PrometheusTextFormatWriter FORMAT = PrometheusTextFormatWriter.create();

    /** node_exporter, which is another user, must be able to read the file. */
    private static final String PERMISSIONS = "rw-r--r--";

    /** A write takes milliseconds, and a second with 10,000 accounts. */
    private static final Duration LONGEST_WAIT_FOR_LOCK = Duration.ofSeconds(5);

    private final String name;

    private final long begun = System.nanoTime();

    private final RefreshMetrics metrics = new RefreshMetrics();

    /**
     * @param name the file's path, which need not be a valid one
     */
    public Textfile(String name) {
        this.name = name;
    }

    /** Counts what happens to rows in this run. */
    public RefreshListener listener() {
        return metrics;
    }

    /**
     * Replaces the file, atomically.
     * @param rows of the configured accounts; none if they could not be read
     * @param accounts whose names are shown
     * @param component of the third-party platform; null without one
     * @throws java.nio.file.InvalidPathException when no file can have that name
     */
    public void write(Map<RowKey, TokenRow> rows, List<Account> accounts, ComponentState component, ExitCode exitCode)
            throws IOException {
        Path file = Path.of(name);
        Map<Labels, TokenRow> labelled = new LinkedHashMap<>();
        rows.forEach((key, row) -> {
            if (component != null && component.unauthorized().contains(key.appId())) {
                return;
            }
            Labels labels = RefreshMetrics.labels(key);
            labelled.put(labels, row);
            startAtZero(key, labels);
        });
        try (FileChannel lock = lock(file)) {
            addPreviousCounts(file, false);
            AtomicFile.replace(file, out -> {
                gauges(out, labelled);
                names(out, accounts);
                component(out, component);
                counters(out);
                run(out, exitCode);
            }, PERMISSIONS);
        }
    }

    /**
     * Adds what was counted to the counters in the file, and leaves the rest of it as it
     * is.
     * @throws java.nio.file.InvalidPathException when no file can have that name
     */
    public void addCounts() throws IOException {
        if (metrics.isEmpty()) {
            return;
        }
        Path file = Path.of(name);
        try (FileChannel lock = lock(file)) {
            addPreviousCounts(file, true);
            AtomicFile.replace(file, out -> {
                if (Files.exists(file)) {
                    copyAllButCounters(file, out);
                }
                counters(out);
            }, PERMISSIONS);
        }
    }

    /**
     * Keeps other runs of this node from continuing from the same counts. If the lock is
     * not to be had, a lost count matters less than a run that hangs or metrics that are
     * missing.
     * @return holds the lock until it is closed; null when there is no file to lock
     */
    private static FileChannel lock(Path file) {
        FileChannel channel;
        try {
            // another file, because the file itself is replaced
            channel = FileChannel.open(file.resolveSibling(file.getFileName() + ".lock"), StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE);
        }
        catch (IOException e) {
            return null;
        }
        try {
            long end = System.nanoTime() + LONGEST_WAIT_FOR_LOCK.toNanos();
            while (channel.tryLock() == null && System.nanoTime() < end) {
                Thread.sleep(20);
            }
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        catch (IOException e) {
            // this file system has no locks
        }
        return channel;
    }

    private static void copyAllButCounters(Path file, OutputStream out) throws IOException {
        // this encoding keeps every byte as it is
        try (BufferedReader before = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
            for (String line = before.readLine(); line != null; line = before.readLine()) {
                if (Arrays.stream(Count.values()).map(count -> count.metric + "_total").noneMatch(line::contains)) {
                    out.write((line + "\n").getBytes(StandardCharsets.ISO_8859_1));
                }
            }
        }
    }

    /**
     * The names are a metric of their own: as a label of the others, each change of a
     * name would begin new series.
     */
    private static void names(OutputStream out, List<Account> accounts) throws IOException {
        List<InfoDataPointSnapshot> named = accounts.stream()
            .filter(account -> !account.name().isEmpty())
            .map(account -> new InfoDataPointSnapshot(Labels.of("app_id", account.appId(), "name", account.name())))
            .toList();
        if (!named.isEmpty()) {
            write(out, new InfoSnapshot(new MetricMetadata("wx_token_account", "The account's name"), named));
        }
    }

    private static void component(OutputStream out, ComponentState component) throws IOException {
        if (component != null) {
            single(out, "wx_token_unauthorized_accounts",
                    "Accounts in wx_authorizer that no longer authorize the platform", component.unauthorized().size());
            single(out, "wx_token_verify_ticket_received_timestamp_seconds", "When the platform's ticket came",
                    component.ticketReceivedAt());
        }
    }

    private static void gauges(OutputStream out, Map<Labels, TokenRow> rows) throws IOException {
        gauge(out, "wx_token_life_left_seconds", "Seconds that the value has left, as of the last run", rows,
                row -> row.value().isEmpty() ? 0 : row.timeLeft());
        Map<Labels, TokenRow> filled = new LinkedHashMap<>(rows);
        filled.values().removeIf(row -> row.value().isEmpty());
        gauge(out, "wx_token_age_seconds", "Seconds since the value was obtained, as of the last run", filled,
                TokenRow::age);
        gauge(out, "wx_token_last_success_timestamp_seconds", "When the value was obtained", filled,
                TokenRow::obtainedAt);
        gauge(out, "wx_token_failures_in_a_row", "Refreshes in a row that failed or did not finish", rows,
                row -> row.lastRefresh().failures());
    }

    private static void gauge(OutputStream out, String name, String description, Map<Labels, TokenRow> rows,
            ToDoubleFunction<TokenRow> value) throws IOException {
        if (!rows.isEmpty()) {
            write(out,
                    new GaugeSnapshot(new MetricMetadata(name, description), rows.entrySet()
                        .stream()
                        .map(row -> new GaugeDataPointSnapshot(value.applyAsDouble(row.getValue()), row.getKey(), null))
                        .toList()));
        }
    }

    private void counters(OutputStream out) throws IOException {
        for (Count count : Count.values()) {
            counters(out, count);
        }
    }

    private void counters(OutputStream out, Count count) throws IOException {
        Map<Labels, Double> counted = metrics.of(count);
        if (!counted.isEmpty()) {
            write(out,
                    new CounterSnapshot(new MetricMetadata(count.metric, count.description),
                            counted.entrySet()
                                .stream()
                                .map(each -> new CounterDataPointSnapshot(each.getValue(), each.getKey(), null, 0))
                                .toList()));
        }
    }

    private void run(OutputStream out, ExitCode exitCode) throws IOException {
        single(out, "wx_token_run_duration_seconds", "How long the last run took, without the JVM's start",
                Duration.ofNanos(System.nanoTime() - begun).toMillis() / 1000.0);
        single(out, "wx_token_run_exit_code",
                "0 well, 1 the next run may mend it, 2 a person must act, 3 the database, 143 stopped",
                exitCode.code());
        single(out, "wx_token_last_run_timestamp_seconds", "When the last run ended",
                System.currentTimeMillis() / 1000);
    }

    private static void single(OutputStream out, String name, String description, double value) throws IOException {
        write(out, new GaugeSnapshot(new MetricMetadata(name, description),
                List.of(new GaugeDataPointSnapshot(value, Labels.EMPTY, null))));
    }

    private static void write(OutputStream out, MetricSnapshot metric) throws IOException {
        FORMAT.write(out, MetricSnapshots.of(metric));
    }

    /**
     * Prometheus sees no increase in a counter that appears with the value 1, so each
     * counter first appears with 0.
     */
    private void startAtZero(RowKey row, Labels labels) {
        for (Count count : List.of(Count.FETCHES, Count.LOST_CLAIMS, Count.FENCED_PUBLISHES)) {
            metrics.add(count, labels, 0);
        }
        if (row.type().equals(RowKey.ACCESS_TOKEN)) {
            for (ProbeResult result : ProbeResult.values()) {
                metrics.add(Count.PROBES, RefreshMetrics.labels(row.appId(), result), 0);
            }
        }
    }

    /**
     * Adds the values of the counters in the file. Counters start again at 0 when the
     * file can't be read or is another program's. The library writes this format but has
     * no reader for it.
     * @param zeros whether counters at 0 are kept; a run begins its accounts' anew
     */
    private void addPreviousCounts(Path file, boolean zeros) {
        try (BufferedReader before = Files.newBufferedReader(file)) {
            before.lines()
                .map(COUNTER::matcher)
                .filter(Matcher::matches)
                .forEach(counter -> addPreviousCount(counter, zeros));
        }
        catch (IOException | UncheckedIOException none) {
            // they start again
        }
    }

    private void addPreviousCount(Matcher counter, boolean zeros) {
        Optional<Count> count = Arrays.stream(Count.values())
            .filter(each -> each.metric.equals(counter.group(1)))
            .findFirst();
        double value = Double.parseDouble(counter.group(3));
        if (count.isPresent() && (zeros || value != 0)) {
            Labels labels = Labels.EMPTY;
            for (Matcher label = LABEL.matcher(counter.group(2)); label.find();) {
                labels = labels.add(label.group(1), label.group(2));
            }
            metrics.add(count.get(), labels, value);
        }
    }

}
