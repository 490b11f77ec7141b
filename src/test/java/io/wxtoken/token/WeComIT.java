package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/** Two applications of a corp at WeCom, beside an Official Account. */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class WeComIT extends DatabaseFixture {

    private static final String CORP = "ww0123456789abcdef";

    private static final String SALES = CORP + ":1000002";

    private static final String STAFF = CORP + ":1000003";

    @BeforeEach
    void addAgents() {
        weChat.addAgent(CORP, "1000002", "secret-of-sales");
        weChat.addAgent(CORP, "1000003", "secret-of-staff");
    }

    /** Runs the program for all three. */
    private CapturedRun runAll(String... more) {
        List<String> all = arguments("--wx.api.wecom-base-url=" + weChat.baseUrl(), "--wx.accounts[0].platform=wecom",
                "--wx.accounts[0].corp-id=" + CORP, "--wx.accounts[0].agent-id=1000002",
                "--wx.accounts[0].secret=secret-of-sales", "--wx.accounts[0].name=sales",
                "--wx.accounts[0].tickets=jsapi,agent_config", "--wx.accounts[1].platform=wecom",
                "--wx.accounts[1].corp-id=" + CORP, "--wx.accounts[1].agent-id=1000003",
                "--wx.accounts[1].secret=secret-of-staff");
        all.addAll(List.of(more));
        return CapturedRun.of(all);
    }

    private Map<String, Object> row(String appId, String type) {
        return database.jdbc()
            .sql("SELECT * FROM wx_token WHERE app_id = ? AND type = ?")
            .params(appId, type)
            .query()
            .singleRow();
    }

    private String value(String appId, String type) {
        return (String) row(appId, type).get("value");
    }

    private long left(String appId, String type) {
        return ((Number) row(appId, type).get("expires_at")).longValue() - System.currentTimeMillis() / 1000;
    }

    /** Lets a row's value end in so many seconds. */
    private void endIn(String appId, long seconds) {
        sql("UPDATE wx_token SET expires_at = " + (System.currentTimeMillis() / 1000 + seconds)
                + ", retry_after = 0 WHERE app_id = '" + appId + "' AND type = 'access_token'");
    }

    @Test
    void eachApplicationGetsItsTokenAndTicketsAndNothingIsDueAgainBeforeTheirEnd() {
        runAll().ended(ExitCode.OK).saying(SALES + " (sales) access_token refreshed", "7 rows: 7 refreshed");
        assertThat(value(SALES, "access_token")).isEqualTo(weChat.lastIssued(SALES));
        assertThat(value(STAFF, "access_token")).isEqualTo(weChat.lastIssued(STAFF))
            .isNotEqualTo(value(SALES, "access_token"));
        assertThat(weChat.alive(CORP, value(SALES, "jsapi_ticket"))).isTrue();
        assertThat(value(STAFF, "jsapi_ticket")).isEqualTo(value(SALES, "jsapi_ticket"));
        assertThat(weChat.alive(SALES, value(SALES, "agent_config_ticket"))).isTrue();
        // an Official Account would be due by its age
        sql("UPDATE wx_token SET expire = expire - 3300, retry_after = 0 WHERE app_id LIKE 'ww%' AND type ="
                + " 'access_token'");
        int requests = weChat.requests();
        runAll().ended(ExitCode.OK);
        assertThat(weChat.requests()).isEqualTo(requests);
        runAll("status").ended(ExitCode.OK).saying("sales", "agent_config_ticket", "fresh");
        List<String> withoutAccounts = new ArrayList<>(database.arguments());
        withoutAccounts.addAll(List.of("status", "--check"));
        CapturedRun.of(withoutAccounts).ended(ExitCode.OK).saying("WX-TOKEN OK - 7 rows");
    }

    @Test
    void aTokenThatIsRepeatedKeepsItsEndAndIsReplacedAfterIt() {
        runAll().ended(ExitCode.OK);
        String token = value(SALES, "access_token");
        endIn(SALES, 100);
        runAll("status", "--check", "--app-id=sales").ended(ExitCode.OK);
        runAll().ended(ExitCode.OK);
        assertThat(value(SALES, "access_token")).isEqualTo(token);
        assertThat(left(SALES, "access_token")).as("WeCom says 7200 s").isBetween(50L, 100L);

        endIn(SALES, -20);
        weChat.kill(token);
        sql("UPDATE wx_token SET expires_at = UNIX_TIMESTAMP() - 20, retry_after = 0 WHERE type = 'jsapi_ticket'");
        weChat.kill(weChat.ticket("jsapi"));
        CapturedRun said = runAll().ended(ExitCode.OK);
        assertThat(said.text()).doesNotContain("was due for").doesNotContain("WARN");
        assertThat(value(SALES, "access_token")).isEqualTo(weChat.lastIssued(SALES)).isNotEqualTo(token);
        assertThat(left(SALES, "access_token")).isGreaterThan(7000);
        assertThat(value(StandIn.APP_ID, "jsapi_ticket")).isEqualTo(weChat.ticket("jsapi"));
    }

    @Test
    void aTokenThatWeComGoesOnGivingAfterItsEndIsAskedForAgainSoon() {
        runAll().ended(ExitCode.OK);
        endIn(SALES, -20);
        runAll().ended(ExitCode.OK);
        assertThat(left(SALES, "access_token")).isBetween(200L, 300L);
    }

    @Test
    void aTokenThatWeComEndsEarlyIsFoundByTheProbeAndReplaced() {
        runAll().ended(ExitCode.OK);
        weChat.kill(value(SALES, "access_token"));
        sql("UPDATE wx_token SET probed_at = probed_at - 300, retry_after = 0");
        CapturedRun said = runAll().ended(ExitCode.OK).saying("(sales) access_token refreshed");
        assertThat(said.text()).doesNotContain("somebody else refreshes");
        assertThat(value(SALES, "access_token")).isEqualTo(weChat.lastIssued(SALES));
        assertThat(weChat.issues(SALES)).hasSize(2);
        assertThat(weChat.issues(STAFF)).hasSize(1);
    }

    @Test
    void aDeadTokenThatWeComRepeatsIsAFailure() {
        runAll().ended(ExitCode.OK);
        String token = value(SALES, "access_token");
        sql("UPDATE wx_token SET probed_at = probed_at - 300, retry_after = 0 WHERE app_id = '" + SALES + "'");
        weChat.next(new Fault.Refuse(40014, "invalid access_token")); // answers the probe
        runAll().ended(ExitCode.RETRY)
            .saying(SALES + " (sales) access_token failed",
                    "WeChat says that it is dead; WeChat repeated the stored value");
        assertThat(value(SALES, "access_token")).isEqualTo(token);
    }

    @Test
    void anApplicationsRequestIsAnswered() {
        runAll().ended(ExitCode.OK);
        weChat.kill(value(STAFF, "access_token"));
        sql("UPDATE wx_token SET refresh_requested = 1, retry_after = 0 WHERE app_id = '" + STAFF + "' AND type ="
                + " 'access_token'");
        runAll().ended(ExitCode.OK).saying(STAFF + " access_token refreshed");
        assertThat(value(STAFF, "access_token")).isEqualTo(weChat.lastIssued(STAFF));
        assertThat(row(STAFF, "access_token")).extractingByKey("refresh_requested")
            .extracting(Object::toString)
            .isEqualTo("0");
    }

    @Test
    void aTicketsDeadTokenIsReplacedInTheSameRun() {
        runAll().ended(ExitCode.OK);
        weChat.kill(value(SALES, "access_token"));
        sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0 WHERE type = 'agent_config_ticket'");
        runAll().ended(ExitCode.OK);
        assertThat(value(SALES, "access_token")).isEqualTo(weChat.lastIssued(SALES));
        assertThat(weChat.alive(SALES, value(SALES, "agent_config_ticket"))).isTrue();
    }

    @Test
    void whatWeComRefusesIsToldWithItsConsole() {
        weChat.addAgent(CORP, "1000002", "another");
        runAll("refresh", "--app-id=" + SALES).ended(ExitCode.ACT)
            .saying("errcode 40001, invalid credential",
                    "check wx.accounts[0].secret: it is not this app id's, or was reset at work.weixin.qq.com");
        weChat.next(new Fault.Refuse(60020, "not allow to access from your ip, hint: [1], from ip: 192.0.2.1"));
        runAll("refresh", "--app-id=" + STAFF).ended(ExitCode.ACT)
            .saying("errcode 60020",
                    "add this node's address to the application's trusted IPs (企业可信IP) at work.weixin.qq.com");
        assertThat(row(STAFF, "access_token").get("failed_by").toString()).endsWith("/" + STAFF);
        assertThat(row(SALES, "access_token").get("last_error").toString()).doesNotContain("secret-of");
    }

    @Test
    void forceAsksOnceAndTellsThatTheSameCameBack() {
        runAll().ended(ExitCode.OK);
        int calls = weChat.tokenCalls();
        runAll("--force", "--app-id=sales").ended(ExitCode.OK)
            .saying(SALES + " (sales) access_token: WeCom gave the same one again");
        assertThat(weChat.tokenCalls()).isEqualTo(calls + 1);
    }

    @Test
    void metricsAndMirrorsNameTheApplication() throws Exception {
        Path metrics = folder.resolve("wx.prom");
        for (int run = 0; run < 2; run++) {
            runAll("--wx.metrics.textfile=" + metrics, "--wx.mirror.file=" + folder.resolve("{app_id}.json"))
                .ended(ExitCode.OK);
            assertThat(metrics).content()
                .contains("wx_token_life_left_seconds{app_id=\"" + SALES + "\",type=\"agent_config_ticket\"} 7",
                        "wx_token_fetches_total{app_id=\"" + SALES + "\",type=\"access_token\"} 1",
                        "wx_token_account_info{app_id=\"" + SALES + "\",name=\"sales\"} 1");
            assertThat(folder.resolve(STAFF + ".json")).content().contains(value(STAFF, "access_token"));
        }
    }

    @Test
    void theOtherCommandsKnowWeCom() {
        assertThat(runAll("token", "--app-id=" + SALES, "--type=agent_config_ticket").ended(ExitCode.OK).out().strip())
            .isEqualTo(value(SALES, "agent_config_ticket"));
        assertThat(runAll("fetch", "--app-id=sales").ended(ExitCode.OK).out())
            .contains("\"access_token\":\"" + weChat.lastIssued(SALES));
        runAll("fetch", "--app-id=sales", "--endpoint=token").ended(ExitCode.ACT)
            .inOneLine()
            .saying("--endpoint is not for " + SALES + " (sales), an application of WeCom");
        runAll("clear-quota", "--app-id=sales").ended(ExitCode.ACT)
            .inOneLine()
            .saying(SALES + " (sales) is an application of WeCom, which has no such call");
        int calls = weChat.tokenCalls();
        runAll("check").ended(ExitCode.OK)
            .saying("3 accounts, 3 secrets from the command line",
                    SALES + " (sales) at " + weChat.baseUrl()
                            + ": the secret and this node's address are right (asked for its token, which kills no"
                            + " token)");
        assertThat(weChat.tokenCalls()).isEqualTo(calls + 3);
        assertThat(weChat.alive(value(SALES, "access_token"))).isTrue();
        runAll("history", "--app-id=sales").ended(ExitCode.OK).saying(SALES, "agent_config_ticket");
    }

}
