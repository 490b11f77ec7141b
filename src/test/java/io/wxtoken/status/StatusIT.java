package io.wxtoken.status;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.standin.StandIn;

/** What {@code wx-token status} says, of rows in each state. */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#all")
class StatusIT extends DatabaseFixture {

    private CapturedRun status(String... more) {
        List<String> arguments = new ArrayList<>(database.arguments());
        arguments.add("status");
        arguments.addAll(List.of(more));
        CapturedRun said = CapturedRun.of(arguments);
        weChat.issued().forEach(token -> assertThat(said.text()).doesNotContain(token));
        return said;
    }

    /** The lines of the account's access_token and ticket. */
    private static void assertLines(CapturedRun said, String... patterns) {
        List<String> lines = said.text().lines().toList();
        assertThat(lines).hasSize(1 + patterns.length);
        assertThat(lines.get(0)).matches("ACCOUNT +TYPE +STATE +AGE +LEFT +NEXT REFRESH +CLAIMED BY +LAST ERROR");
        for (int i = 0; i < patterns.length; i++) {
            assertThat(lines.get(i + 1)).matches(patterns[i]);
        }
    }

    @Test
    void aMissingTableIsReportedAndNotMade() {
        status().ended(ExitCode.RETRY)
            .saying("there is no table wx_token at ", "the job has not run there")
            .inOneLine();
        status().ended(ExitCode.RETRY);
        if (server.isH2()) {
            CapturedRun.of(List.of("status", "--spring.datasource.url=jdbc:h2:file:" + folder.resolve("none")))
                .ended(ExitCode.RETRY)
                .saying("there is no table");
            assertThat(folder).isEmptyDirectory();
        }
    }

    @Test
    void anEmptyRowIsDeadAndAFilledRowIsFresh() {
        database.migrated();
        assertLines(status("--wx.app-id=" + StandIn.APP_ID).ended(ExitCode.RETRY),
                "wx0123456789abcdef +access_token +dead +- +- +next run +- +never obtained",
                "wx0123456789abcdef +jsapi_ticket +dead +- +- +next run +- +never obtained");
        assertLines(
                status("--wx.app-id=" + StandIn.APP_ID, "--wx.accounts[0].app-id=wx2", "--wx.tickets=")
                    .ended(ExitCode.RETRY),
                "wx0123456789abcdef +access_token .*", "wx2 +access_token +dead +- +- +- +- +no row yet",
                "\\(none\\) +jsapi_ticket +not configured .*row 2 is left alone: it has no app_id");
        run().ended(ExitCode.OK);
        assertLines(status().ended(ExitCode.OK),
                "wx0123456789abcdef +access_token +fresh +\\d+ s +1(19|20) min +in (49|50) min +-",
                "wx0123456789abcdef +jsapi_ticket +fresh +\\d+ s +1(19|20) min +in (49|50) min +-");
    }

    @Test
    void aRowThatIsDueHeldOrFailingIsUsableUntilItExpires() {
        run().ended(ExitCode.OK);
        sql("UPDATE wx_token SET expire = expire - 3100, retry_after = 0 WHERE id = 1");
        assertLines(status().ended(ExitCode.OK),
                "wx0123456789abcdef +access_token +due +51 min +\\d+ min +next run +- +older than wx.refresh.after",
                ".*fresh.*");
        sql("UPDATE wx_token SET claimed_by = 'node-7-0123', claimed_until = UNIX_TIMESTAMP() + 50, failures = 1,"
                + " last_error = 'claimed by node-7-0123, which did not finish' WHERE id = 1");
        assertLines(status().ended(ExitCode.OK),
                "wx0123456789abcdef +access_token +held +51 min +\\d+ min +in \\d+ s +node-7-0123", ".*fresh.*");
        sql("UPDATE wx_token SET claimed_by = NULL, claimed_until = 0, failures = 3, retry_after = UNIX_TIMESTAMP()"
                + " + 600, last_error = 'errcode 40164, invalid ip' WHERE id = 1");
        assertLines(status().ended(ExitCode.OK),
                "wx0123456789abcdef +access_token +failing +51 min +\\d+ min +in (9|10) min +- +errcode 40164,"
                        + " invalid ip",
                ".*fresh.*");
        sql("UPDATE wx_token SET expires_at = UNIX_TIMESTAMP() - 1 WHERE id = 1");
        assertLines(status().ended(ExitCode.RETRY),
                "wx0123456789abcdef +access_token +dead +51 min +over +in (9|10) min +- +errcode 40164, invalid ip",
                ".*fresh.*");
        sql("DELETE FROM wx_token");
        status().ended(ExitCode.RETRY);
    }

    @Test
    void theStatusCanBePrintedAsJson() {
        run().ended(ExitCode.OK);
        sql("INSERT INTO wx_token (id, type, expire, `value`, app_id) VALUES (9, 'access_token', '1', 'theirs',"
                + " 'wx9')");
        JsonNode status = new JsonMapper()
            .readTree(status("--json", "--wx.app-id=" + StandIn.APP_ID).ended(ExitCode.OK).text());
        assertThat(status.path("usable").asBoolean()).isTrue();
        assertThat(status.path("rows")).hasSize(3);
        JsonNode row = status.path("rows").get(0);
        assertThat(row.path("app_id").asString()).isEqualTo(StandIn.APP_ID);
        assertThat(row.path("type").asString()).isEqualTo("access_token");
        assertThat(row.path("state").asString()).isEqualTo("fresh");
        assertThat(row.path("age_seconds").asLong()).isBetween(0L, 60L);
        assertThat(row.path("seconds_left").asLong()).isBetween(7100L, 7200L);
        assertThat(row.path("next_refresh").asString()).matches("20\\d\\d-.*Z");
        assertThat(row.path("claimed_by").isNull()).isTrue();
        assertThat(status.path("rows").get(2).path("state").asString()).isEqualTo("not configured");
    }

    @Test
    void statusWritesNothing() {
        run().ended(ExitCode.OK);
        sql("UPDATE wx_token SET expire = 'soon' WHERE id = 1");
        List<?> before = query("SELECT * FROM wx_token");
        status().ended(ExitCode.OK);
        assertThat(query("SELECT * FROM wx_token")).isEqualTo(before);
        assertThat(weChat.requests()).isEqualTo(2);
    }

    /** A plugin's exit codes have the numbers of some of the program's. */
    private void assertChecked(ExitCode exitCode, String line, String... more) {
        List<String> arguments = new ArrayList<>(List.of(more));
        arguments.add("--check");
        CapturedRun said = status(arguments.toArray(String[]::new)).ended(exitCode);
        assertThat(said.err()).isEmpty();
        assertThat(said.out().lines().findFirst().orElseThrow()).matches(line);
    }

    @Test
    void theCheckHasTheExitCodesAndTheFormOfAMonitoringPlugin() {
        ExitCode ok = ExitCode.OK;
        ExitCode warning = ExitCode.RETRY;
        ExitCode critical = ExitCode.ACT;
        ExitCode unknown = ExitCode.DATABASE;
        assertChecked(unknown, "WX-TOKEN UNKNOWN - there is no table wx_token at .* yet, .*");
        database.migrated();
        assertChecked(critical, "WX-TOKEN CRITICAL - 2 of 2 rows: wx0123456789abcdef access_token dead \\(never"
                + " obtained\\) \\| left=0s.*", "--wx.app-id=" + StandIn.APP_ID);
        run().ended(ok);
        assertChecked(ok,
                "WX-TOKEN OK - 2 rows, at least 1(19|20) min left \\| left=\\d+s;180:;120: due=0s;300;1800"
                        + " rows=2 warning=0 critical=0 'wx0123456789abcdef/access_token_left'=\\d+s;180:;120:"
                        + " 'wx0123456789abcdef/jsapi_ticket_left'=\\d+s;180:;120:");
        sql("UPDATE wx_token SET expire = expire - 3600, expires_at = expires_at - 3600, retry_after = 0");
        assertChecked(warning, "WX-TOKEN WARNING - 2 of 2 rows: wx0123456789abcdef access_token due for 10 min,"
                + " (59|60) min left \\(older than wx.refresh.after\\) \\| left=.*");
        assertChecked(critical, "WX-TOKEN CRITICAL - 2 of 2 .*", "--critical-due=9m");
        assertChecked(critical, "WX-TOKEN CRITICAL - 2 of 2 .*", "--critical-left=70m");
        assertChecked(ok, "WX-TOKEN OK - .* due=\\d+s;1200;1800 .*", "--warning-due=20m");
        assertChecked(warning, "WX-TOKEN WARNING - 1 of 2 rows: wx0123456789abcdef jsapi_ticket due .*",
                "--wx.app-id=" + StandIn.APP_ID, "--wx.api.endpoint=stable-token");
        sql("UPDATE wx_token SET expire = UNIX_TIMESTAMP() - 3010, expires_at = UNIX_TIMESTAMP() + 4190, failures = 2,"
                + " last_error = 'errcode 45009, a|b' WHERE id = 1");
        sql("UPDATE wx_token SET expire = UNIX_TIMESTAMP() WHERE id = 2");
        assertChecked(warning, "WX-TOKEN WARNING - 1 of 2 rows: wx0123456789abcdef access_token 2 failures in a row, 69"
                + " min left \\(errcode 45009, a/b\\) \\| left=.*");
        sql("UPDATE wx_token SET expires_at = UNIX_TIMESTAMP() - 1 WHERE id = 1");
        assertChecked(critical, "WX-TOKEN CRITICAL - 1 of 2 rows: wx0123456789abcdef access_token dead .*");

        assertChecked(unknown, "WX-TOKEN UNKNOWN - wx.refresh.after = 0s is out of bounds.*", "--wx.refresh.after=0");
        assertThat(CapturedRun.of(List.of("status", "--check", "--spring.datasource.url=jdbc:mysql://127.0.0.1:1/wx"))
            .ended(unknown)
            .inOneLine()
            .out()).startsWith("WX-TOKEN UNKNOWN - can't reach the database at ");
        assertChecked(unknown, "WX-TOKEN UNKNOWN - --app-id=wx9 is none of the configured accounts: .*",
                "--wx.app-id=" + StandIn.APP_ID, "--app-id=wx9");
        assertChecked(unknown, "WX-TOKEN UNKNOWN - .*'soon' is no duration: write it like 90s, 50m or 1h: see --help",
                "--warning-left=soon");
        assertChecked(unknown, "WX-TOKEN UNKNOWN - --check prints no JSON: .*", "--json");
        assertChecked(unknown, "WX-TOKEN UNKNOWN - unknown argument '--warn': see --help; .*", "--warn");
        status("--warning-left=5m").ended(ExitCode.ACT).saying("--check").inOneLine();
    }

    @Test
    void theStatusOfOneAccountIsOfItsRowsAlone() {
        weChat.addAccount("wx2", "s2");
        String[] two = { "--wx.accounts[0].app-id=wx2", "--wx.accounts[0].app-secret=s2", "--wx.accounts[0].name=微店" };
        run(two).ended(ExitCode.OK).saying("wx2 (微店) access_token refreshed: ", "wx0123456789abcdef access_token ref");
        sql("UPDATE wx_token SET `value` = '' WHERE app_id = 'wx2'");
        for (String named : List.of("wx2", "微店")) {
            List<String> arguments = new ArrayList<>(List.of(two));
            arguments.addAll(List.of("--wx.app-id=" + StandIn.APP_ID, "--app-id=" + named));
            assertThat(status(arguments.toArray(String[]::new)).ended(ExitCode.RETRY).text().lines()).hasSize(3)
                .noneMatch(line -> line.contains(StandIn.APP_ID));
            arguments.set(arguments.size() - 1, "--app-id=" + StandIn.APP_ID);
            status(arguments.toArray(String[]::new)).ended(ExitCode.OK);
            arguments.set(arguments.size() - 1, "--app-id=wx9");
            status(arguments.toArray(String[]::new)).ended(ExitCode.ACT)
                .saying("--app-id=wx9 is none of the configured accounts")
                .inOneLine();
        }
        // no account is configured
        assertThat(status("--app-id=" + StandIn.APP_ID).ended(ExitCode.OK).text().lines()).hasSize(3);
        status("--app-id=wx9").ended(ExitCode.ACT).saying("--app-id=wx9 has no row in wx_token").inOneLine();
    }

    /** A Chinese letter is two columns wide on a terminal. */
    @Test
    void namesHaveAColumnOfTheirOwn() {
        run().ended(ExitCode.OK);
        String[] named = { "--wx.app-id=" + StandIn.APP_ID, "--wx.tickets=", "--wx.name=微信店",
                "--wx.accounts[0].app-id=wx2", "--wx.accounts[0].name=shop", "--wx.accounts[1].app-id=wx3" };
        List<String> lines = status(named).ended(ExitCode.RETRY).text().lines().toList();
        assertThat(lines.get(0)).startsWith("ACCOUNT             NAME    TYPE          STATE ");
        assertThat(lines.get(1)).startsWith("wx0123456789abcdef  微信店  access_token  fresh ");
        assertThat(lines.get(2)).startsWith("wx2                 shop    access_token  dead ");
        assertThat(lines.get(3)).startsWith("wx3                 -       access_token  dead ");
        List<String> json = new ArrayList<>(List.of(named));
        json.add("--json");
        JsonNode rows = new JsonMapper().readTree(status(json.toArray(String[]::new)).text()).path("rows");
        assertThat(rows.get(0).path("name").asString()).isEqualTo("微信店");
        assertThat(rows.get(2).path("name").isNull()).isTrue();
    }

}
