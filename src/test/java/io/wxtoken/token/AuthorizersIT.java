package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.stream.IntStream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.fixtures.TcpProxy;
import io.wxtoken.standin.Fault;

/**
 * A third-party platform: its web application writes tickets and accounts into its two
 * tables, and the job does the rest.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class AuthorizersIT extends DatabaseFixture {

    private static final String COMPONENT = "wxcomponent0123456";

    private static final String SECRET = "component-secret-0123456789abcdef";

    @BeforeEach
    void startPlatform() {
        weChat.addComponent(COMPONENT, SECRET);
        CapturedRun.of(platform("migrate")).ended(ExitCode.OK);
    }

    private List<String> platform(String... more) {
        return platformAt(database.url(), more);
    }

    private List<String> platformAt(String url, String... more) {
        List<String> arguments = new ArrayList<>(List.of("--spring.datasource.url=" + url));
        arguments.addAll(List.of("--wx.component.app-id=" + COMPONENT, "--wx.component.app-secret=" + SECRET,
                "--wx.api.base-url=" + weChat.baseUrl()));
        arguments.addAll(List.of(more));
        return arguments;
    }

    private CapturedRun runPlatform(String... more) {
        return CapturedRun.of(platform(more));
    }

    /** What the web application does with each ticket that WeChat pushes. */
    private void receiveTicket() {
        String ticket = weChat.pushTicket(COMPONENT);
        execute("DELETE FROM wx_component", "INSERT INTO wx_component (app_id, verify_ticket, received_at) VALUES ('"
                + COMPONENT + "', '" + ticket + "', " + obtainedAgo(0) + ")");
    }

    /** What the web application does when an account authorizes the platform. */
    private void authorize(String appId) {
        String refreshToken = weChat.authorize(COMPONENT, appId);
        execute("DELETE FROM wx_authorizer WHERE app_id = '" + appId + "'",
                "INSERT INTO wx_authorizer (app_id, component_app_id, refresh_token, authorized_at) VALUES ('" + appId
                        + "', '" + COMPONENT + "', '" + refreshToken + "', " + obtainedAgo(0) + ")");
    }

    private void makeAllDue() {
        sql("UPDATE wx_token SET retry_after = 0");
        sql("UPDATE wx_token SET expire = expire - 3000 WHERE type = 'access_token'");
        sql("UPDATE wx_authorizer SET authorized_at = authorized_at - 3000");
    }

    private static String merchant(int number) {
        return "wxmerchant%08d".formatted(number);
    }

    private String value(String appId, String type) {
        return database.jdbc()
            .sql("SELECT `value` FROM wx_token WHERE app_id = ? AND type = ?")
            .params(appId, type)
            .query(String.class)
            .single();
    }

    private String refreshToken(String appId) {
        return database.jdbc()
            .sql("SELECT refresh_token FROM wx_authorizer WHERE app_id = ?")
            .param(appId)
            .query(String.class)
            .single();
    }

    private void assertLive(String appId) {
        assertThat(value(appId, "access_token")).isEqualTo(weChat.lastIssued(appId));
        assertThat(weChat.alive(appId, value(appId, "access_token"))).isTrue();
        assertThat(weChat.refreshTokenUsable(appId, refreshToken(appId))).isTrue();
    }

    @Test
    void whoeverAuthorizesHasTokensAfterTheNextRunAndWhoWithdrawsIsLeftAlone() {
        receiveTicket();
        IntStream.range(0, 3).forEach(number -> authorize(merchant(number)));
        assertThat(runPlatform().ended(ExitCode.OK).text()).contains("7 rows: 7 refreshed");
        assertThat(value(COMPONENT, "component_token")).isEqualTo(weChat.lastIssued(COMPONENT));
        IntStream.range(0, 3).forEach(number -> assertLive(merchant(number)));
        assertThat(value(merchant(0), "jsapi_ticket")).isNotEmpty();

        int requests = weChat.requests();
        assertThat(runPlatform().ended(ExitCode.OK).text()).isEmpty();
        assertThat(weChat.requests()).isEqualTo(requests);

        authorize(merchant(3));
        weChat.withdraw(merchant(0));
        sql("DELETE FROM wx_authorizer WHERE app_id = '" + merchant(0) + "'");
        makeAllDue();
        String left = value(merchant(0), "access_token");
        assertThat(runPlatform().ended(ExitCode.OK).text()).contains("4 refreshed").doesNotContain(merchant(0));
        IntStream.range(1, 4).forEach(number -> assertLive(merchant(number)));
        assertThat(value(merchant(0), "access_token")).isEqualTo(left);
    }

    /** Returns how often the platform's token was asked for until then. */
    private int killThePlatformsTokenWhenTenAccountsAreDue() {
        receiveTicket();
        IntStream.range(0, 10).forEach(number -> authorize(merchant(number)));
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        weChat.kill(weChat.lastIssued(COMPONENT));
        makeAllDue();
        return weChat.componentTokenCalls();
    }

    @Test
    void aPlatformsDeadTokenIsRefreshedOnceInTheRunThatFindsIt() {
        int calls = killThePlatformsTokenWhenTenAccountsAreDue();
        assertThat(runPlatform("--wx.component.tickets=none").ended(ExitCode.OK).text()).contains("10 refreshed",
                COMPONENT + " component_access_token with fingerprint");
        assertThat(weChat.componentTokenCalls()).isEqualTo(calls + 1);
        IntStream.range(0, 10).forEach(number -> assertLive(merchant(number)));
    }

    /** WeChat is asked three times at most in such a case, as for any other token. */
    @Test
    void aPlatformsDeadTokenThatIsNotReplacedIsAskedForByOneOfItsAccounts() {
        int calls = killThePlatformsTokenWhenTenAccountsAreDue();
        weChat.alwaysFor("/api_component_token", new Fault.Refuse(-1, "system busy"));
        runPlatform("--wx.component.tickets=none").ended(ExitCode.RETRY);
        assertThat(weChat.componentTokenCalls()).isBetween(calls + 1, calls + 3);
        weChat.alwaysFor("/api_component_token", null);
        sql("UPDATE wx_token SET retry_after = 0, claimed_until = 0");
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        IntStream.range(0, 10).forEach(number -> assertLive(merchant(number)));
    }

    @Test
    void aRefreshTokenThatIsNoLongerValidConcernsOneAccountAndIsSaidOnceADay() {
        receiveTicket();
        authorize(merchant(0));
        authorize(merchant(1));
        runPlatform().ended(ExitCode.OK);
        weChat.authorize(COMPONENT, merchant(1)); // which the web application missed
        makeAllDue();
        assertThat(runPlatform().ended(ExitCode.ACT).text()).contains(merchant(1) + " access_token failed",
                "errcode 61023", "the owner must authorize again");
        assertLive(merchant(0));
        assertThat(runPlatform().ended(ExitCode.OK).text()).isEmpty();

        // an hour later
        sql("UPDATE wx_token SET retry_after = retry_after - 3600 WHERE failures > 0");
        sql("UPDATE wx_authorizer SET authorized_at = authorized_at - 3600");
        assertThat(runPlatform().ended(ExitCode.OK).text()).isEmpty();
        authorize(merchant(1));
        // before WeChat refused, but the web application stores it later
        sql("UPDATE wx_authorizer SET authorized_at = authorized_at - 7200 WHERE app_id = '" + merchant(1) + "'");
        assertThat(runPlatform().ended(ExitCode.OK).text()).contains(merchant(1) + " access_token refreshed");
        assertLive(merchant(1));
    }

    @Test
    void aTicketThatIsMissingOrStaleIsSaidWithTheTimeOfTheLast() {
        authorize(merchant(0));
        assertThat(runPlatform().ended(ExitCode.ACT).text()).contains("wx_component has no verify_ticket");
        receiveTicket();
        sql("UPDATE wx_component SET verify_ticket = 'ticket@@@wrong', received_at = received_at - 46800");
        assertThat(runPlatform().ended(ExitCode.ACT).text()).contains("errcode 61006", "the newest came 20",
                "780 min ago");
        receiveTicket();
        sql("UPDATE wx_token SET retry_after = 0 WHERE type = 'component_token'");
        runPlatform().ended(ExitCode.OK);
        assertLive(merchant(0));
    }

    @Test
    void anAnswerThatIsLostLeavesTheRefreshTokenUsable() {
        receiveTicket();
        authorize(merchant(0));
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        for (int i = 0; i < 3; i++) {
            String before = refreshToken(merchant(0));
            makeAllDue();
            weChat.next(new Fault.CutAfter());
            runPlatform("--wx.component.tickets=none").ended(ExitCode.RETRY);
            assertThat(refreshToken(merchant(0))).isEqualTo(before);
            sql("UPDATE wx_token SET claimed_until = 0, retry_after = 0 WHERE type = 'access_token'");
            runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
            assertThat(refreshToken(merchant(0))).isNotEqualTo(before);
            assertLive(merchant(0));
        }
    }

    /**
     * The connection breaks before the publish gets to the server, or before its answer
     * gets back.
     */
    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    void aConnectionThatBreaksInThePublishLeavesTheTokenAndTheRefreshTokenOrNeither(boolean executed)
            throws InterruptedException {
        receiveTicket();
        authorize(merchant(0));
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        makeAllDue();
        String token = value(merchant(0), "access_token");
        String refreshToken = refreshToken(merchant(0));
        AtomicBoolean asked = new AtomicBoolean();
        AtomicBoolean cut = new AtomicBoolean();
        Predicate<byte[]> passes = message -> {
            boolean meant = !cut.get()
                    && new String(message, StandardCharsets.ISO_8859_1).contains("UPDATE wx_token JOIN");
            asked.compareAndSet(false, meant);
            return !meant || executed || !cut.compareAndSet(false, true);
        };
        Predicate<byte[]> returns = answer -> !asked.get() || !cut.compareAndSet(false, true);
        URI server = URI.create(database.url().substring("jdbc:".length()));
        try (TcpProxy proxy = new TcpProxy(server.getHost(), server.getPort(), passes, returns)) {
            CapturedRun
                .of(platformAt(database.url().replaceFirst("//[^/]+/", "//127.0.0.1:" + proxy.port() + "/")
                        + "&sslMode=DISABLED&allowPublicKeyRetrieval=true", "--wx.component.tickets=none"))
                .ended(ExitCode.DATABASE)
                .saying(merchant(0) + " access_token failed: ", "(can't reach the database at");
        }
        assertThat(cut).isTrue();
        assertThat(value(merchant(0), "access_token").equals(token)).isEqualTo(!executed);
        assertThat(refreshToken(merchant(0)).equals(refreshToken)).isEqualTo(!executed);
        assertThat(weChat.refreshTokenUsable(merchant(0), refreshToken(merchant(0)))).isTrue();
        sql("UPDATE wx_token SET claimed_until = 0, retry_after = 0 WHERE type = 'access_token'");
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        assertLive(merchant(0));
    }

    /** The web application has changed an account's row, and does not commit. */
    @Test
    void aLockedAuthorizerFailsAloneAndLosesNothing() throws SQLException {
        receiveTicket();
        IntStream.range(0, 3).forEach(number -> authorize(merchant(number)));
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        makeAllDue();
        String refreshToken = refreshToken(merchant(1));
        try (Connection connection = database.connect(); Statement application = connection.createStatement()) {
            connection.setAutoCommit(false);
            application.executeUpdate(
                    "UPDATE wx_authorizer SET authorized_at = authorized_at - 1 WHERE app_id = '" + merchant(1) + "'");
            runPlatform("--wx.component.tickets=none").ended(ExitCode.RETRY)
                .saying(merchant(1) + " access_token failed: ",
                        "(another session has locked the row and does not commit", "2 refreshed, 1 failed");
            connection.rollback();
        }
        assertLive(merchant(0));
        assertLive(merchant(2));
        assertThat(refreshToken(merchant(1))).isEqualTo(refreshToken);
        assertThat(weChat.refreshTokenUsable(merchant(1), refreshToken)).isTrue();
        sql("UPDATE wx_token SET claimed_until = 0, retry_after = 0 WHERE claimed_by IS NOT NULL");
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        assertLive(merchant(1));
    }

    /** Else WeChat would replace a refresh token, and the new one could not be stored. */
    @Test
    void whoMayNotStoreRefreshTokensAsksForNone() {
        receiveTicket();
        authorize(merchant(0));
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        makeAllDue();
        String user = "wx_narrow" + database.schema().substring(2);
        execute("CREATE USER " + user + "@'%' IDENTIFIED BY 'narrow-1'");
        for (String table : List.of("wx_token", "wx_token_history", "wx_token_schema_history", "wx_component",
                "wx_authorizer")) {
            execute("GRANT SELECT%s ON %s.%s TO %s@'%%'".formatted(
                    table.startsWith("wx_token") ? ", INSERT, UPDATE, DELETE" : "", database.schema(), table, user));
        }
        int calls = weChat.tokenCalls();
        CapturedRun.of(platformAt(database.url(user, "narrow-1"), "--wx.component.tickets=none"))
            .ended(ExitCode.DATABASE)
            .saying(merchant(0) + " access_token failed", "refuses: check spring.datasource.username",
                    "UPDATE command denied");
        execute("DROP USER " + user + "@'%'");
        assertThat(weChat.tokenCalls()).isEqualTo(calls);
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        assertLive(merchant(0));
    }

    @Test
    void anAccountForWhichEachTokenOfThePlatformIsDeadCostsThePlatformOneCallAndNotOneInEachRun() {
        receiveTicket();
        authorize(merchant(0));
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        makeAllDue();
        Fault refusal = new Fault.Refuse(40001, "invalid credential");
        weChat.next(refusal, new Fault.Delay(Duration.ZERO), refusal);
        int calls = weChat.componentTokenCalls();
        runPlatform("--wx.component.tickets=none").ended(ExitCode.RETRY)
            .saying(merchant(0) + " access_token failed", ", with a new component_access_token, too");
        assertThat(weChat.componentTokenCalls()).isEqualTo(calls + 1);
        sql("UPDATE wx_token SET retry_after = 0 WHERE type = 'component_token'");
        int requests = weChat.requests();
        runPlatform("--wx.component.tickets=none").ended(ExitCode.RETRY);
        assertThat(weChat.requests()).isEqualTo(requests);
    }

    @Test
    void aLockedRowOfThePlatformsTokenHoldsUpNoAccountAsLongAsTheTokenLives() throws SQLException {
        receiveTicket();
        IntStream.range(0, 5).forEach(number -> authorize(merchant(number)));
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        makeAllDue();
        sql("UPDATE wx_token SET expire = expire - 3000 WHERE type = 'component_token'");
        try (Connection connection = database.connect(); Statement application = connection.createStatement()) {
            connection.setAutoCommit(false);
            application.executeQuery(
                    "SELECT * FROM wx_token WHERE id = " + idOf(COMPONENT, "component_token") + " FOR UPDATE");
            runPlatform("--wx.component.tickets=none").ended(ExitCode.RETRY)
                .saying(COMPONENT + " component_token failed: ", "(another session has locked the row",
                        "5 refreshed, 1 failed");
            connection.rollback();
        }
        IntStream.range(0, 5).forEach(number -> assertLive(merchant(number)));
    }

    private int idOf(String appId, String type) {
        return database.jdbc()
            .sql("SELECT id FROM wx_token WHERE app_id = ? AND type = ?")
            .params(appId, type)
            .query(Integer.class)
            .single();
    }

    /** WeChat calls the platform's token dead, and another run is about to replace it. */
    @Test
    void withADeadTokenOfThePlatformThatIsNotReplacedOneAccountAloneIsAskedFor() {
        receiveTicket();
        IntStream.range(0, 10).forEach(number -> authorize(merchant(number)));
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        weChat.kill(weChat.lastIssued(COMPONENT));
        makeAllDue();
        sql("UPDATE wx_token SET claimed_by = 'other', claimed_until = UNIX_TIMESTAMP() + 60 WHERE type ="
                + " 'component_token'");
        int calls = weChat.tokenCalls();
        runPlatform("--wx.component.tickets=none", "--wx.refresh.concurrency=1").ended(ExitCode.RETRY)
            .saying("WeChat calls the component_access_token dead, and it is not replaced yet: ");
        assertThat(weChat.tokenCalls()).isEqualTo(calls + 1);
        sql("UPDATE wx_token SET claimed_by = NULL, claimed_until = 0 WHERE type = 'component_token'");
        runPlatform("--wx.component.tickets=none").ended(ExitCode.OK);
        IntStream.range(0, 10).forEach(number -> assertLive(merchant(number)));
    }

    @Test
    void onePooledConnectionIsEnough() {
        receiveTicket();
        IntStream.range(0, 10).forEach(number -> authorize(merchant(number)));
        runPlatform("--spring.datasource.hikari.maximum-pool-size=1").ended(ExitCode.OK).saying("21 refreshed");
        IntStream.range(0, 10).forEach(number -> assertLive(merchant(number)));
    }

    @Test
    void anAccountThatAuthorizesAgainHasANewTokenAfterTheNextRun() {
        receiveTicket();
        authorize(merchant(0));
        runPlatform().ended(ExitCode.OK);
        sql("UPDATE wx_token SET expire = expire - 100, retry_after = 0");
        authorize(merchant(0));
        assertThat(runPlatform().ended(ExitCode.OK).text()).contains("the account authorized the platform again");
        assertLive(merchant(0));
    }

    @Test
    void aWithdrawnAccountsRowsAreNamedAfterAWeek() {
        receiveTicket();
        authorize(merchant(0));
        authorize(merchant(1));
        runPlatform().ended(ExitCode.OK);
        sql("DELETE FROM wx_authorizer WHERE app_id = '" + merchant(0) + "'");
        sql("UPDATE wx_token SET expires_at = expires_at - 500000 WHERE app_id = '" + merchant(0) + "'");
        sql("UPDATE wx_token SET refresh_requested = 1, retry_after = 0 WHERE app_id = '" + merchant(1) + "'");
        assertThat(runPlatform().ended(ExitCode.OK).text()).doesNotContain(merchant(0));
        sql("UPDATE wx_token SET expires_at = expires_at - 150000 WHERE app_id = '" + merchant(0) + "'");
        sql("UPDATE wx_token SET refresh_requested = 1, retry_after = 0 WHERE app_id = '" + merchant(1) + "'");
        assertThat(runPlatform().ended(ExitCode.OK).text())
            .contains("wx_token has rows of 1 app id(s) that are not configured", merchant(0));
    }

    /** An application may have had tables of these names long before the job had them. */
    @Test
    void anotherProgramsTableIsLeftAsItIsAndMattersOnlyToAPlatform() {
        execute("DROP TABLE wx_authorizer", "CREATE TABLE wx_authorizer (id int PRIMARY KEY, nick varchar(9))",
                "INSERT INTO wx_authorizer VALUES (1, 'shop')");
        run("migrate").ended(ExitCode.OK);
        run().ended(ExitCode.OK);
        assertThat(runPlatform().ended(ExitCode.ACT).inOneLine().text()).contains("wx.component needs the table"
                + " wx_authorizer with the columns app_id, component_app_id, refresh_token, authorized_at, and the"
                + " database has another one, which is left as it is");
        assertThat(query("SELECT * FROM wx_authorizer")).hasSize(1);
    }

    @Test
    void checkExpectsNoProbeOfAPlatformsOwnTokenAndKnowsItsAccounts() {
        receiveTicket();
        runPlatform().ended(ExitCode.OK);
        sql("UPDATE wx_token SET expire = expire - 900, probed_at = probed_at - 900 WHERE type = 'component_token'");
        runPlatform("check").ended(ExitCode.OK)
            .saying("a run last probed or refreshed a token 90", "each call for a platform's token issues a new one");
        authorize(merchant(0));
        runPlatform("check", "--app-id=" + merchant(0)).ended(ExitCode.OK);
        runPlatform("check", "--app-id=wxnobody").ended(ExitCode.ACT)
            .saying("FAIL  platform  --app-id=wxnobody is none of the configured accounts");
    }

    @Test
    void theStateOfAPlatformAndOfItsAccountsIsShown() {
        receiveTicket();
        authorize(merchant(0));
        authorize(merchant(1));
        runPlatform().ended(ExitCode.OK);
        runPlatform("status").ended(ExitCode.OK).saying(COMPONENT + "  component_token  fresh");
        weChat.withdraw(merchant(1));
        makeAllDue();
        runPlatform().ended(ExitCode.ACT).saying("errcode 61003");
        assertThat(runPlatform("status", "--app-id=" + merchant(1)).ended(ExitCode.OK).text()).contains(
                merchant(1) + "  access_token  unauthorized", merchant(1) + "  jsapi_ticket  unauthorized",
                "let its owner authorize again");
        Path metrics = folder.resolve("wx.prom");
        runPlatform("--wx.metrics.textfile=" + metrics).ended(ExitCode.OK);
        assertThat(metrics).content()
            .contains("wx_token_unauthorized_accounts 1.0", "wx_token_verify_ticket_received_timestamp_seconds 1.",
                    "wx_token_life_left_seconds{app_id=\"" + merchant(0) + "\"",
                    "wx_token_life_left_seconds{app_id=\"" + COMPONENT + "\",type=\"component_token\"}")
            .doesNotContain("wx_token_life_left_seconds{app_id=\"" + merchant(1) + "\"");
        runPlatform("status", "--check").saying("WX-TOKEN OK - 3 rows");
        runPlatform("fetch").ended(ExitCode.ACT)
            .saying(COMPONENT + " is a third-party platform, and fetch is not for one")
            .inOneLine();
    }

    @Test
    void oneAccountIsRefreshedAndPrintedByItsAppId() {
        receiveTicket();
        authorize(merchant(0));
        authorize(merchant(1));
        runPlatform("--app-id=" + merchant(1)).ended(ExitCode.OK);
        assertLive(merchant(1));
        assertThat(query("SELECT * FROM wx_token WHERE app_id = '" + merchant(0) + "'")).isEmpty();
        assertThat(runPlatform("--app-id=wxnobody").ended(ExitCode.ACT).text()).contains("--app-id=wxnobody is none of"
                + " the configured accounts, and has no refresh_token in wx_authorizer for " + COMPONENT);
        assertThat(runPlatform("token", "--app-id=" + merchant(1)).ended(ExitCode.OK).text())
            .contains(weChat.lastIssued(merchant(1)));
    }

}
