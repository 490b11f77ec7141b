package io.wxtoken.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.fixtures.Program.Ended;
import io.wxtoken.fixtures.Program;
import io.wxtoken.standin.Fault;

/** What an operator of many accounts sees when something goes wrong for all of them. */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class ManyAccountsProof extends DatabaseFixture {

    private static final int ACCOUNTS = 200;

    private void allAreDue() {
        database.jdbc()
            .sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0, claimed_by = NULL WHERE expire <> '0'")
            .update();
    }

    private static List<String> lines(Ended ended, String level) {
        return ended.text().lines().filter(line -> line.contains(" " + level + " ")).toList();
    }

    @Test
    void anOutageIsOneStoryInEachRun() {
        Program program = program().withAccounts(ACCOUNTS, weChat);
        assertThat(program.run().exitCode()).isZero();
        allAreDue();
        weChat.close();
        for (int run = 1; run <= 2; run++) {
            Ended ended = program.run();
            assertThat(ended.exitCode()).as(ended.text()).isEqualTo(1);
            assertThat(lines(ended, "ERROR")).as(ended.text())
                .singleElement()
                .asString()
                .contains(ACCOUNTS + " accounts, such as wx000000, wx000001, wx000002: can't connect to "
                        + weChat.baseUrl());
            assertThat(ended.text().lines()).as(ended.text()).hasSizeLessThanOrEqualTo(2);
        }
        assertThat(database.jdbc()
            .sql("SELECT COUNT(*) FROM wx_token WHERE failures > 0 AND last_error LIKE 'can''t connect%'")
            .query(Integer.class)
            .single()).isEqualTo(ACCOUNTS);
        Ended debugged = program.with("LOGGING_LEVEL_IO_WXTOKEN", "debug").run();
        assertThat(lines(debugged, "DEBUG").stream().filter(line -> line.contains("access_token failed")))
            .hasSize(ACCOUNTS);
    }

    @Test
    void aRunThatCanNotFinishInTimeClaimsNothingNewAndTheNextRunGoesOn() {
        Program program = program().withAccounts(ACCOUNTS, weChat);
        assertThat(program.run().exitCode()).isZero();
        allAreDue();
        weChat.always(new Fault.Delay(Duration.ofMillis(500)));
        Ended ended = program.with("WX_RUN_TIMEOUT", "20s")
            .with("WX_API_CONNECTTIMEOUT", "1s")
            .with("WX_API_READTIMEOUT", "1s")
            .with("WX_REFRESH_CONCURRENCY", "2")
            .run();
        assertThat(ended.exitCode()).as(ended.text()).isEqualTo(1);
        int fetched = weChat.tokenCalls() - ACCOUNTS;
        assertThat(fetched).isBetween(1, ACCOUNTS - 1);
        assertThat(ended.text())
            .contains("WARN  the run ends before all is done, because wx.run.timeout is near",
                    fetched + " refreshed, " + (ACCOUNTS - fetched) + " left to the next run; exit code 1",
                    ACCOUNTS - fetched + " accounts, such as ")
            .doesNotContain("is ended");
        assertThat(database.jdbc()
            .sql("SELECT COUNT(*) FROM wx_token WHERE claimed_by IS NOT NULL")
            .query(Integer.class)
            .single()).as("nothing was halted").isZero();
        weChat.always(null);
        assertThat(program.with("WX_REFRESH_CONCURRENCY", "8").run().exitCode()).isZero();
        assertThat(weChat.tokenCalls()).isEqualTo(2 * ACCOUNTS);
    }

    @Test
    void aRunWithoutMemorySaysSoInOneLineAndLeavesTheRowsAsTheyAre() throws Exception {
        Program program = program().withAccounts(10, weChat);
        assertThat(program.run().exitCode()).isZero();
        var before = database.jdbc().sql("SELECT * FROM wx_token ORDER BY id").query().listOfRows();
        Ended ended = program.withAccounts(20_000, weChat).jvm("-Xmx32m").run();
        assertThat(ended.exitCode()).as(ended.text()).isEqualTo(1);
        assertThat(ended.text()).startsWith("wx-token: no memory is left: ").hasLineCount(1);
        assertThat(database.jdbc().sql("SELECT * FROM wx_token ORDER BY id").query().listOfRows()).isEqualTo(before);
    }

    @Test
    void metricsAndAFileForEachOfManyAccounts() throws Exception {
        Path metrics = folder.resolve("wx.prom");
        Ended ended = program().withAccounts(ACCOUNTS, weChat)
            .with("WX_METRICS_TEXTFILE", metrics.toString())
            .with("WX_MIRROR_FILE", folder.resolve("{app_id}.json").toString())
            .run();
        assertThat(ended.exitCode()).as(ended.text()).isZero();
        assertThat(Files.readAllLines(metrics).stream().filter(line -> line.startsWith("wx_token_fetches_total{")))
            .hasSize(ACCOUNTS)
            .allMatch(line -> line.endsWith("} 1.0"));
        assertThat(folder.toFile().list()).filteredOn(name -> name.endsWith(".json")).hasSize(ACCOUNTS);
    }

}
