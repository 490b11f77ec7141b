package io.wxtoken.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.token.Fingerprint;

/**
 * Each kind of run leaves entries in wx_token_history that say who replaced the token,
 * when and why; wx-token history prints them.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#all")
class HistoryCommandIT extends DatabaseFixture {

    private List<String> outcomes() {
        return query("SELECT outcome, errcode FROM wx_token_history WHERE type = 'access_token' ORDER BY id").stream()
            .map(row -> row.get("outcome") + " " + (row.get("errcode") == null ? "-" : row.get("errcode")))
            .toList();
    }

    @Test
    void aRefreshAndAChangeOfFailureAreRecordedOnceAndARunThatDidNothingIsNot() {
        run().ended(ExitCode.OK);
        String first = weChat.lastIssued();
        run().ended(ExitCode.OK);
        assertThat(outcomes()).containsExactly("refreshed -");
        makeDue();
        weChat.always(new Fault.Refuse(40164, "invalid ip 1.2.3.4, not in whitelist rid: 1-2-3"));
        run().ended(ExitCode.ACT);
        // The row is on hold, so WeChat is not asked.
        run().ended(ExitCode.ACT).saying("WeChat is asked again in");
        sql("UPDATE wx_token SET retry_after = 0");
        weChat.always(new Fault.Refuse(40164, "invalid ip 1.2.3.5, not in whitelist rid: 4-5-6"));
        run().ended(ExitCode.ACT);
        assertThat(outcomes()).as("it goes on").containsExactly("refreshed -", "failed 40164");
        sql("UPDATE wx_token SET retry_after = 0");
        weChat.always(new Fault.Refuse(40125, "invalid appsecret"));
        run().ended(ExitCode.ACT);
        sql("UPDATE wx_token SET retry_after = 0");
        weChat.always(null);
        run().ended(ExitCode.OK);
        assertThat(outcomes()).containsExactly("refreshed -", "failed 40164", "failed 40125", "refreshed -");

        String printed = run("history").ended(ExitCode.OK).text();
        assertThat(printed.lines().findFirst().orElseThrow()).startsWith("TIME")
            .contains("ACCOUNT", "OUTCOME", "TOKEN BEFORE", "AFTER", "RUN", "WHY");
        assertThat(printed)
            .contains(Fingerprint.shortOf(first) + "  " + Fingerprint.shortOf(weChat.lastIssued()),
                    "the last refresh failed", "older than wx.refresh.after; errcode 40164, invalid ip 1.2.3.4")
            .doesNotContain(first, StandIn.SECRET);
        assertThat(run("history", "--last=1").text().lines()).hasSize(2);
        assertThat(run("history", "--app-id=wx2").ended(ExitCode.OK).text().lines()).hasSize(1);

        JsonNode json = new JsonMapper()
            .readTree(run("history", "--json", "--app-id=" + StandIn.APP_ID, "--last=2").ended(ExitCode.OK).text());
        assertThat(json).hasSize(2);
        assertThat(json.get(0).get("errcode").asInt()).isEqualTo(40125);
        assertThat(json.get(1).get("fingerprint_after").asString()).isEqualTo(Fingerprint.of(weChat.lastIssued()));
        assertThat(json.get(1).get("run").asString()).matches(".+-\\d+-[0-9a-f]{8}");
    }

    @Test
    void theHistorySaysWhyEachTokenWasReplaced() {
        run().ended(ExitCode.OK);
        run("refresh", "--force").ended(ExitCode.OK);
        run("fetch", "--endpoint=token").ended(ExitCode.OK);
        sql("UPDATE wx_token SET retry_after = 0");
        run().ended(ExitCode.OK);
        weChat.kill(weChat.lastIssued());
        sql("UPDATE wx_token SET probed_at = 0, retry_after = 0");
        run().ended(ExitCode.OK);
        assertThat(database.jdbc()
            .sql("SELECT reason FROM wx_token_history WHERE type = 'access_token' ORDER BY id")
            .query(String.class)
            .list()).containsExactly("never obtained", "forced", "wx-token fetch", "a refresh was requested",
                    "WeChat says that it is dead");
        assertThat(outcomes()).containsExactly("refreshed -", "refreshed -", "fetched -", "refreshed -", "refreshed -");
        assertThat(run("history").ended(ExitCode.OK).text()).contains("fetched    ", "wx-token fetch");
    }

    @Test
    void aTicketThatIsTheSameAsBeforeIsNoRefreshUnlessItHadFailed() {
        run().ended(ExitCode.OK);
        sql("UPDATE wx_token SET expire = expire - 3001, retry_after = 0 WHERE id = 2");
        run().ended(ExitCode.OK);
        assertThat(weChat.ticketCalls()).as("asked, and given the same").isEqualTo(2);
        sql("UPDATE wx_token SET failures = 3, last_error = 'an empty answer', retry_after = 0 WHERE id = 2");
        run().ended(ExitCode.OK);
        assertThat(database.jdbc()
            .sql("SELECT outcome FROM wx_token_history WHERE type = 'jsapi_ticket' ORDER BY id")
            .query(String.class)
            .list()).containsExactly("refreshed", "recovered");
    }

    @Test
    void aHistoryThatCanNotBePrintedIsReportedInOneLine() {
        run("history").ended(ExitCode.RETRY)
            .saying("there is no table wx_token_history at ", "run wx-token migrate")
            .inOneLine();
        run("history", "--last=0").ended(ExitCode.ACT)
            .saying("--last=0 is out of bounds: it must be 1 to 10000")
            .inOneLine();
        run("history", "--last=x").ended(ExitCode.ACT).inOneLine();
        run("--force", "history").ended(ExitCode.ACT).saying("belong to refresh").inOneLine();
    }

    @Test
    void theHistoryShowsTheNamesThatAreSetNow() {
        run().ended(ExitCode.OK);
        assertThat(run("history").ended(ExitCode.OK).text()).doesNotContain("NAME");
        String named = run("history", "--wx.name=微店", "--app-id=微店").ended(ExitCode.OK).text();
        assertThat(named.lines()).hasSize(3)
            .allMatch(line -> line.matches(".* (ACCOUNT|wx0123456789abcdef) +(NAME|微店) .*"));
        JsonNode json = new JsonMapper().readTree(run("history", "--wx.name=微店", "--json").ended(ExitCode.OK).text());
        assertThat(json.get(0).get("name").asString()).isEqualTo("微店");
        assertThat(json.get(0).get("app_id").asString()).isEqualTo(StandIn.APP_ID);
    }

}
