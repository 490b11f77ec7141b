package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.standin.StandIn;

/** What {@code wx-token status} says, of rows in each state. */
@ParameterizedClass
@MethodSource("io.wxtoken.testing.TestDatabase#all")
@CapturesOutput
class StatusIT extends OnEachDatabase {

    private Said status(String... more) {
        List<String> arguments = new ArrayList<>(database.arguments());
        arguments.add("status");
        arguments.addAll(List.of(more));
        Said said = Said.by(arguments);
        weChat.issued().forEach(token -> assertThat(said.text()).doesNotContain(token));
        return said;
    }

    /** The lines of the account's access_token and ticket. */
    private static void assertLines(Said said, String... patterns) {
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
            Said.by(List.of("status", "--spring.datasource.url=jdbc:h2:file:" + folder.resolve("none")))
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

}
