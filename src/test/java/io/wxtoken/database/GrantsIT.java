package io.wxtoken.database;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.MariaDb;
import io.wxtoken.fixtures.Program;
import io.wxtoken.fixtures.UsersOfConfigFixture;
import io.wxtoken.standin.StandIn;

/**
 * Runs the program and an application as the users of {@code config/mysql}, with exactly
 * those rights, on a server that requires TLS of them.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class GrantsIT extends UsersOfConfigFixture {

    private String url(String more) {
        return database.url().replaceAll("\\?.*", "?" + more);
    }

    private CapturedRun runAs(String user, String password, String... arguments) {
        return runAt(url("sslMode=REQUIRED"), Stream
            .concat(Stream.of(arguments),
                    Stream.of("--spring.datasource.username=" + ofThisTest(user),
                            "--spring.datasource.password=" + password))
            .toArray(String[]::new));
    }

    private CapturedRun job(String... arguments) {
        return runAs("wx_token", "change-me-2", arguments);
    }

    private void install() throws Exception {
        runAs("wx_migrator", "change-me-1", "migrate").ended(ExitCode.OK).saying("is at version 9").inOneLine();
        asAdministrator("grants.sql");
    }

    @Test
    void eachUserMayDoItsWorkAndNothingElse() throws Exception {
        job().ended(ExitCode.DATABASE)
            .saying("refuses: check spring.datasource.username, .password and the user's grants")
            .inOneLine();
        execute("GRANT SELECT ON " + schema + ".* TO " + ofThisTest("wx_token") + "@'%'");
        job().ended(ExitCode.ACT)
            .saying("the schema is missing, and this program needs version 9: run wx-token migrate as a user that may"
                    + " change tables")
            .inOneLine();
        execute("REVOKE SELECT ON " + schema + ".* FROM " + ofThisTest("wx_token") + "@'%'");
        install();
        job().ended(ExitCode.OK).saying("2 rows: 2 refreshed");
        assertThat(job().ended(ExitCode.OK).text()).isEmpty();
        runAs("wx_reader", "change-me-3", "status").ended(ExitCode.OK).saying("access_token", "fresh");
        job("history").ended(ExitCode.OK).saying("access_token  refreshed", "jsapi_ticket  refreshed");
        runAs("wx_reader", "change-me-3", "history").ended(ExitCode.DATABASE).saying("refuses: check").inOneLine();

        try (Connection reader = DriverManager.getConnection(url("sslMode=REQUIRED"), ofThisTest("wx_reader"),
                "change-me-3"); Statement statement = reader.createStatement()) {
            execute("UPDATE wx_token SET retry_after = 0");
            assertThat(statement
                .executeUpdate("UPDATE wx_token SET refresh_requested = 1 WHERE type = 'access_token' AND value = '"
                        + weChat.lastIssued() + "' AND refresh_requested = 0"))
                .isEqualTo(1);
            job().ended(ExitCode.OK).saying("(a refresh was requested)");
            assertThat(weChat.tokenCalls()).isEqualTo(2);
            for (int requested = 1; requested < 4; requested++) {
                statement.executeUpdate("UPDATE wx_token SET refresh_requested = " + requested);
                job().ended(ExitCode.OK);
            }
            assertThat(weChat.tokenCalls()).as("no value that a reader may write shortens the wait").isEqualTo(2);
            try (var token = statement.executeQuery("SELECT value FROM wx_token WHERE type = 'access_token'")) {
                token.next();
                assertThat(token.getString(1)).isEqualTo(weChat.lastIssued());
            }
            for (String forbidden : List.of("UPDATE wx_token SET value = ''", "UPDATE wx_token SET expire = '0'",
                    "UPDATE wx_token SET doomed = 2", "DELETE FROM wx_token",
                    "INSERT INTO wx_token (id, type, expire, value) VALUES (9, 'x', '', '')",
                    "SELECT * FROM wx_token_history", "SELECT * FROM wx_token_schema_history", "DROP TABLE wx_token",
                    "SELECT * FROM wx_component", "SELECT * FROM wx_authorizer", "CREATE TABLE x (id int)")) {
                assertRefused(statement, forbidden);
            }
        }
        try (Connection job = DriverManager.getConnection(url("sslMode=REQUIRED"), ofThisTest("wx_token"),
                "change-me-2"); Statement statement = job.createStatement()) {
            for (String forbidden : List.of("DELETE FROM wx_token", "DROP TABLE wx_token", "CREATE TABLE x (id int)",
                    "ALTER TABLE wx_token ADD x int", "UPDATE wx_token_schema_history SET success = 0",
                    "UPDATE wx_token_history SET reason = ''", "SELECT * FROM mysql.user",
                    "UPDATE wx_component SET verify_ticket = ''", "DELETE FROM wx_authorizer",
                    "UPDATE wx_authorizer SET app_id = ''")) {
                assertRefused(statement, forbidden);
            }
            assertThat(statement.executeUpdate("DELETE FROM wx_token_history WHERE id = 1")).isEqualTo(1);
        }
    }

    /** The statements of the README. */
    @Test
    void aPlatformsWebApplicationWritesItsTwoTablesAndTheJobDoesTheRest() throws Exception {
        install();
        asAdministrator("platform.sql");
        String component = "wxcomponent0123456";
        weChat.addComponent(component, "secret");
        try (Connection platform = DriverManager.getConnection(url("sslMode=REQUIRED"), ofThisTest("wx_platform"),
                "change-me-4"); Statement statement = platform.createStatement()) {
            for (int i = 0; i < 2; i++) {
                statement.executeUpdate("INSERT INTO wx_component (app_id, verify_ticket, received_at) VALUES ('"
                        + component + "', '" + weChat.pushTicket(component) + "', UNIX_TIMESTAMP()) ON DUPLICATE KEY"
                        + " UPDATE verify_ticket = VALUES(verify_ticket), received_at = VALUES(received_at)");
                statement.executeUpdate("INSERT INTO wx_authorizer (app_id, component_app_id, refresh_token,"
                        + " authorized_at) VALUES ('wxmerchant', '" + component + "', '"
                        + weChat.authorize(component, "wxmerchant") + "', UNIX_TIMESTAMP()) ON DUPLICATE KEY UPDATE"
                        + " component_app_id = VALUES(component_app_id), refresh_token = VALUES(refresh_token),"
                        + " authorized_at = VALUES(authorized_at)");
            }
            job("--wx.component.app-id=" + component, "--wx.component.app-secret=secret").ended(ExitCode.OK)
                .saying("wxmerchant access_token refreshed");
            job("--wx.component.app-id=" + component, "--wx.component.app-secret=secret", "check", "--offline")
                .ended(ExitCode.OK)
                .saying("platform  " + component + ": 1 account in wx_authorizer, the newest verify_ticket in"
                        + " wx_component came 0 min ago");
            statement.executeUpdate("DELETE FROM wx_authorizer WHERE app_id = 'wxmerchant'");
            for (String forbidden : List.of("SELECT * FROM wx_token", "UPDATE wx_token SET refresh_requested = 1",
                    "SELECT * FROM wx_token_history", "DROP TABLE wx_authorizer", "CREATE TABLE x (id int)")) {
                assertRefused(statement, forbidden);
            }
        }
        execute("REVOKE SELECT, UPDATE (refresh_token) ON " + schema + ".wx_authorizer FROM " + ofThisTest("wx_token")
                + "@'%'");
        job("--wx.component.app-id=" + component, "--wx.component.app-secret=secret").ended(ExitCode.ACT)
            .saying("wx.component needs the table wx_authorizer, which this user may not read: run"
                    + " config/mysql/grants.sql, as it is in this version")
            .inOneLine();
    }

    /** A shell script of an application's runs as the application's user. */
    @Test
    void aReaderGetsTheTokenThatItCanNotRefresh() throws Exception {
        install();
        job().ended(ExitCode.OK);
        execute("REVOKE UPDATE (refresh_requested) ON " + schema + ".wx_token FROM " + ofThisTest("wx_reader")
                + "@'%'");
        CapturedRun fresh = runAs("wx_reader", "change-me-3", "token").ended(ExitCode.OK);
        assertThat(fresh.out().strip()).isEqualTo(weChat.lastIssued());
        assertThat(fresh.err()).isEmpty();
        makeDue();
        CapturedRun due = runAs("wx_reader", "change-me-3", "token").ended(ExitCode.OK);
        assertThat(due.out().strip()).isEqualTo(weChat.lastIssued());
        assertThat(due.err()).contains("UPDATE command denied to user ").doesNotContain(weChat.lastIssued());
        CapturedRun ticket = runAs("wx_reader", "change-me-3", "token", "--type=jsapi_ticket").ended(ExitCode.OK);
        assertThat(ticket.out().strip()).isEqualTo(weChat.ticket("jsapi"));
        execute("UPDATE wx_token SET expires_at = UNIX_TIMESTAMP() - 1 WHERE id = 1");
        CapturedRun dead = runAs("wx_reader", "change-me-3", "token");
        assertThat(dead.out()).isEmpty();
        assertThat(dead.err()).contains("there is no live access_token of " + StandIn.APP_ID);
        assertThat(dead.exitCode()).isNotEqualTo(ExitCode.OK);
        assertThat(weChat.requests()).isEqualTo(2);
    }

    /**
     * A new program runs before its tables are there: it says what must be done, and
     * refreshes the token all the same.
     */
    @Test
    void aSchemaThatIsBehindIsToldToAUserWhoMayNotChangeIt() throws Exception {
        install();
        job().ended(ExitCode.OK);
        execute("DROP TABLE wx_token_history");
        execute("ALTER TABLE wx_token DROP COLUMN errcode, DROP COLUMN doomed");
        execute("DROP TABLE wx_component", "DROP TABLE wx_authorizer");
        execute("DELETE FROM wx_token_schema_history WHERE version IN ('6', '7', '8', '9')");
        makeDue();
        CapturedRun behind = job().ended(ExitCode.ACT)
            .saying("the schema is at version 5, and this program needs version 9: run wx-token migrate as a user that"
                    + " may change tables", "access_token refreshed");
        assertThat(behind.text()).doesNotContain("WARN");
        assertThat(weChat.tokenCalls()).isEqualTo(2);
        job("migrate").ended(ExitCode.ACT).saying("run wx-token migrate as a user that may change tables").inOneLine();
        runAs("wx_migrator", "change-me-1", "migrate").ended(ExitCode.OK).saying("is at version 9");
        asAdministrator("grants.sql");
        job("refresh", "--force").ended(ExitCode.OK);
    }

    /** Of what the last version brought, the rows need nothing. */
    @Test
    void aRunBeforeTheNewestTablesAreThereUsesAllColumnsOfTheRows() throws Exception {
        install();
        job().ended(ExitCode.OK);
        execute("DROP TABLE wx_component", "DROP TABLE wx_authorizer",
                "DELETE FROM wx_token_schema_history WHERE version = '9'",
                "UPDATE wx_token SET doomed = 1, retry_after = 0 WHERE id = 1");
        job().ended(ExitCode.ACT)
            .saying("the schema is at version 8, and this program needs version 9", "access_token refreshed");
        assertThat(((Number) row(1).get("doomed")).intValue()).isZero();
    }

    private static void assertRefused(Statement statement, String sql) {
        assertThatThrownBy(() -> statement.execute(sql)).as(sql)
            .isInstanceOf(SQLException.class)
            .hasMessageContaining("denied");
    }

    /**
     * Tries the README's URL for production on a server whose certificate names localhost
     * and is signed by an authority of the tests.
     */
    @Test
    void theUrlForProductionConnectsOnlyToAServerWhoseCertificateNamesIt() throws Exception {
        if (!server.isMariaDb()) {
            return; // MySQL's own certificate names no host
        }
        install();
        String localhost = url("sslMode=VERIFY_IDENTITY").replace("127.0.0.1", "localhost");
        Program trusting = Program.against(weChat, folder)
            .with("SPRING_DATASOURCE_URL", localhost)
            .with("SPRING_DATASOURCE_USERNAME", ofThisTest("wx_token"))
            .with("SPRING_DATASOURCE_PASSWORD", "change-me-2");
        MariaDb.trustedByJvm().forEach(trusting::jvm);
        Program.Ended ended = trusting.run();
        assertThat(ended.exitCode()).as(ended.text()).isZero();
        jobAt(localhost + MariaDb.trustedByUrl()).ended(ExitCode.OK);
        assertRefused(url("sslMode=VERIFY_IDENTITY") + MariaDb.trustedByUrl(),
                "a host that the certificate does not name");
        assertRefused(localhost, "an authority that is not trusted");
        assertRefused(url("sslMode=DISABLED"), "these users must use TLS");
    }

    private CapturedRun jobAt(String url) {
        return runAt(url, "--spring.datasource.username=" + ofThisTest("wx_token"),
                "--spring.datasource.password=change-me-2");
    }

    private void assertRefused(String url, String why) {
        CapturedRun run = jobAt(url);
        assertThat(run.exitCode()).as(why).isEqualTo(ExitCode.DATABASE);
        run.saying("the database at jdbc:mysql:").notSaying("change-me").inOneLine();
        assertThat(run.text()).startsWith("wx-token: ");
    }

}
