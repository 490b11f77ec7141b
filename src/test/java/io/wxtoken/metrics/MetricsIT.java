package io.wxtoken.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.Program;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/**
 * Reads the text file for Prometheus as runs leave it. (The rules on it are checked by
 * promtool, in .ci/check-config.)
 */
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

    private CapturedRun run(String... more) {
        List<String> arguments = new ArrayList<>(List.of("--wx.app-id=" + StandIn.APP_ID,
                "--wx.app-secret=" + StandIn.SECRET, "--wx.api.base-url=" + weChat.baseUrl(),
                "--wx.metrics.textfile=" + file, "--spring.datasource.url=" + url()));
        arguments.addAll(List.of(more));
        return CapturedRun.of(arguments);
    }

    private String url() {
        return "jdbc:h2:file:" + folder.resolve("db")
                + ";MODE=MySQL;DATABASE_TO_LOWER=TRUE;CASE_INSENSITIVE_IDENTIFIERS=TRUE;NON_KEYWORDS=VALUE";
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
    void aFileThatCanNotBeWrittenIsReportedAndTheRunRefreshesAllTheSame() throws IOException {
        Files.createDirectory(file);
        Files.writeString(file.resolve("not empty"), "");
        run().ended(ExitCode.RETRY)
            .saying("2 refreshed", "wx-token: warning: wx.metrics.textfile = " + file
                    + " can't be written: it is no regular file. The tokens are not affected; make its folder, give"
                    + " this user the right to write there, or correct the setting (this alone makes exit code 1)");
        assertThat(folder.toFile().list()).noneMatch(name -> name.startsWith("."));
        file = folder.resolve("missing").resolve("wx_token.prom");
        run().ended(ExitCode.RETRY).saying(file + " can't be written: its folder is missing. ").inOneLine();
        run("token").ended(ExitCode.OK).saying("its folder is missing", weChat.lastIssued());
        run("fetch").ended(ExitCode.OK).saying("its folder is missing");
    }

    /** Such a locale has no Chinese letters, and so no path with them. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void pathsThatTheLocaleCanNotNameKeepNoRowFromBeingRefreshed() throws IOException {
        Path config = Files.createDirectories(folder.resolve("config"));
        Files.writeString(config.resolve("application.yml"),
                "wx:\n  metrics:\n    textfile: " + folder + "/指标.prom\n  mirror:\n    file: " + folder + "/令牌.json\n");
        Program program = Program.against(weChat, folder)
            .with("LC_ALL", "C")
            .with("SPRING_DATASOURCE_URL", "jdbc:h2:file:./data/wx-token");
        for (String outcome : List.of("2 rows: 2 refreshed; exit code 0", "")) {
            Program.Ended ended = program.run();
            assertThat(ended.exitCode()).as(ended.text()).isEqualTo(ExitCode.RETRY.code());
            assertThat(ended.text()).contains(outcome)
                .containsPattern("wx-token: warning: wx.metrics.textfile = .* can't be written: no file can have that"
                        + " name here \\(set LC_ALL to a UTF-8 locale\\)\\. ")
                .containsPattern("wx-token: warning: the token's file .* can't be written: no file can have that name")
                .doesNotContain("Exception");
        }
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void nodeExporterCanReadTheFileWhateverTheUmask() throws Exception {
        ProcessBuilder launcher = Program.launcher(Program.installed());
        List<String> command = new ArrayList<>(List.of("sh", "-c", "umask 077; exec \"$@\"", "sh"));
        command.addAll(launcher.command());
        launcher.command(command).inheritIO();
        launcher.environment()
            .putAll(Map.of("WX_APPID", StandIn.APP_ID, "WX_APPSECRET", StandIn.SECRET, "WX_API_BASEURL",
                    weChat.baseUrl(), "WX_METRICS_TEXTFILE", file.toString(), "SPRING_DATASOURCE_URL", url()));
        assertThat(launcher.start().waitFor()).isZero();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-r--r--");
    }

    @Test
    void eachRequestForATokenIsCountedAlsoForcedOnesAndThoseOfFetch() throws Exception {
        run("fetch").ended(ExitCode.OK);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(1);
        run("--wx.api.endpoint=stable-token").ended(ExitCode.OK);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(weChat.tokenCalls());
        try (var connection = DriverManager.getConnection(url()); var statement = connection.createStatement()) {
            statement.executeUpdate("UPDATE wx_token SET probed_at = 0, retry_after = 0");
        }
        weChat.next(new Fault.Refuse(40001, "invalid credential")); // answers the probe
        run("--wx.api.endpoint=stable-token").ended(ExitCode.RETRY);
        assertThat(weChat.tokenCalls()).as("asked plainly, and then forced").isEqualTo(4);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(4);

        String before = Files.readString(file);
        run("fetch", "--endpoint=token").ended(ExitCode.OK);
        run("fetch", "--app-id=" + StandIn.APP_ID).ended(ExitCode.OK);
        assertThat(weChat.tokenCalls()).isEqualTo(6);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(6);
        assertThat(Files.readString(file).lines()).as("all else is as the last run left it")
            .containsAll(before.lines().filter(line -> !line.startsWith("wx_token_fetches_total" + TOKEN)).toList())
            .hasSameSizeAs(before.lines().toList());
    }

    @Test
    void runsThatOverlapLoseNoCount() throws Exception {
        run("fetch").ended(ExitCode.OK);
        Program fetch = Program.against(weChat, folder).with("WX_METRICS_TEXTFILE", file.toString()).argument("fetch");
        Program.Started waiting;
        // another run is about to write
        try (FileChannel lock = FileChannel.open(folder.resolve("wx_token.prom.lock"), StandardOpenOption.WRITE)) {
            lock.lock();
            waiting = fetch.start();
            waiting.until(() -> weChat.tokenCalls() == 2);
            Files.writeString(file, Files.readString(file).replaceAll("(wx_token_fetches_total\\{.*}) 1.0", "$1 40.0"));
        }
        assertThat(waiting.end().exitCode()).isZero();
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(41);

        List<Program.Started> together = Stream.generate(fetch::start).limit(4).toList();
        together.forEach(each -> assertThat(each.end().exitCode()).isZero());
        assertThat(weChat.tokenCalls()).isEqualTo(6);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(45);
    }

    @Test
    void namesAreAMetricOfTheirOwnSoThatTheOthersKeepTheirLabels() throws IOException {
        run().ended(ExitCode.OK);
        run("--wx.name=微店", "--force").ended(ExitCode.OK);
        assertThat(metric("wx_token_account_info{app_id=\"wx0123456789abcdef\",name=\"微店\"}")).isEqualTo(1);
        assertThat(metric("wx_token_fetches_total" + TOKEN)).isEqualTo(2);
    }

}
