package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/**
 * Reads the text file for Prometheus as runs leave it. (The rules on it are checked by
 * promtool, in .ci/check-config.)
 */
@CapturesOutput
class MetricsIT {

    private static final String TOKEN = "{app_id=\"wx0123456789abcdef\",type=\"access_token\"}";

    @TempDir
    Path folder;

    private Path file;

    private StandIn weChat;

    @BeforeEach
    void start() {
        file = folder.resolve("wx_token.prom");
        weChat = StandIn.start();
    }

    @AfterEach
    void stop() {
        weChat.close();
    }

    private Said run(String... more) {
        List<String> arguments = new ArrayList<>(List.of("--wx.app-id=" + StandIn.APP_ID,
                "--wx.app-secret=" + StandIn.SECRET, "--wx.api.base-url=" + weChat.baseUrl(),
                "--wx.metrics.textfile=" + file, "--spring.datasource.url=jdbc:h2:file:" + folder.resolve("db")
                        + ";MODE=MySQL;DATABASE_TO_LOWER=TRUE;CASE_INSENSITIVE_IDENTIFIERS=TRUE;NON_KEYWORDS=VALUE"));
        arguments.addAll(List.of(more));
        return Said.by(arguments);
    }

    private double metric(String name) throws IOException {
        String text = Files.readString(file);
        List<String> values = Pattern.compile("(?m)^" + Pattern.quote(name) + " (\\S+)$")
            .matcher(text)
            .results()
            .map((MatchResult line) -> line.group(1))
            .toList();
        assertThat(values).as("%s in %s", name, text).hasSize(1);
        return Double.parseDouble(values.get(0));
    }

    @Test
    void gaugesAreOfTheLastRunAndCountersGoOnFromRunToRun() throws IOException {
        run().ended(ExitCode.OK);
        assertThat(metric("wx_token_life_left_seconds" + TOKEN)).isBetween(7100.0, 7200.0);
        assertThat(metric("wx_token_age_seconds" + TOKEN)).isBetween(0.0, 60.0);
        assertThat(metric("wx_token_failures_in_a_row" + TOKEN)).isZero();
        assertThat(metric("wx_token_last_success_timestamp_seconds" + TOKEN)).isGreaterThan(1.7e9);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(1);
        assertThat(metric("wx_token_lost_claims_total" + TOKEN)).isZero();
        assertThat(metric("wx_token_fenced_publishes_total" + TOKEN)).isZero();
        assertThat(metric("wx_token_probes_total{app_id=\"wx0123456789abcdef\",result=\"dead\"}")).isZero();
        assertThat(metric("wx_token_run_exit_code")).isZero();
        assertThat(metric("wx_token_run_duration_seconds")).isPositive();
        assertThat(metric("wx_token_last_run_timestamp_seconds")).isGreaterThan(1.7e9);

        Files.writeString(file, Files.readString(file).replaceAll("(last_run_timestamp_seconds) .*", "$1 1"));
        run().ended(ExitCode.OK); // nothing is due
        assertThat(metric("wx_token_last_run_timestamp_seconds")).isGreaterThan(1.7e9);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(1);

        run("--force").ended(ExitCode.OK);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(2);
        weChat.always(new Fault.Refuse(40125, "invalid appsecret"));
        run("--force").ended(ExitCode.ACT);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(3);
        assertThat(metric("wx_token_failures_in_a_row" + TOKEN)).isEqualTo(1);
        assertThat(metric("wx_token_run_exit_code")).isEqualTo(2);
        assertThat(Files.readString(file)).doesNotContain(StandIn.SECRET).doesNotContain(weChat.lastIssued());
        assertThat(folder.toFile().list()).as("no half-written file stays").noneMatch(name -> name.startsWith("."));
    }

    @Test
    void aRunThatFailsAsAWholeKeepsTheCounters() throws IOException {
        run().ended(ExitCode.OK);
        run("--spring.datasource.url=jdbc:mysql://127.0.0.1:1/wx").ended(ExitCode.DATABASE);
        assertThat(metric("wx_token_run_exit_code")).isEqualTo(3);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(1);
        assertThat(Files.readString(file)).doesNotContain("wx_token_life_left_seconds{");
        run("--wx.refresh.lease=8s").ended(ExitCode.ACT);
        assertThat(metric("wx_token_run_exit_code")).isEqualTo(2);
        Files.writeString(file,
                Files.readString(file).replaceAll("(wx_token_fetches_total\\{.*access_token.*}) 1.0", "$1 one"));
        run().ended(ExitCode.OK);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).as("a line that can't be read starts again").isZero();
    }

    @Test
    void aFileThatCanNotBeWrittenIsReportedAndTheRunSucceeds() throws IOException {
        Files.createDirectory(file);
        Files.writeString(file.resolve("not empty"), "");
        run().ended(ExitCode.OK)
            .saying("2 refreshed", "wx-token: wx.metrics.textfile = " + file + " can't be written: ");
        assertThat(folder.toFile().list()).noneMatch(name -> name.startsWith("."));
    }

}
