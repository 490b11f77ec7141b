package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.standin.StandIn;

/**
 * An application requests a refresh and does not commit, so it goes on holding the row's
 * lock.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class LockedRowIT extends DatabaseFixture {

    private static final String OTHER = "wx2";

    private static final String LOCKED = "another session has locked the row and does not commit, probably an"
            + " application that requested a refresh: let it commit, or use autocommit. SELECT * FROM"
            + " information_schema.innodb_trx (as a user with the right PROCESS) names the session in"
            + " trx_mysql_thread_id, and KILL ends it; the next run tries again (Lock wait timeout exceeded";

    private CapturedRun runForTwoAccounts() {
        return run("--wx.tickets=", "--wx.accounts[0].app-id=" + OTHER, "--wx.accounts[0].app-secret=s2");
    }

    private static void requestRefresh(Statement application) throws SQLException {
        application.executeUpdate("UPDATE wx_token SET refresh_requested = 1 WHERE id = 1");
    }

    @Test
    void theRowIsNotWaitedForLongAndOtherAccountsAreRefreshed() throws SQLException {
        weChat.addAccount(OTHER, "s2");
        runForTwoAccounts().ended(ExitCode.OK);
        String before = value();
        try (Connection connection = database.connect(); Statement application = connection.createStatement()) {
            connection.setAutoCommit(false);
            requestRefresh(application);
            makeOthersTokenDue();
            assertThat(runForTwoAccounts().ended(ExitCode.OK).text()).as("reading the row waits for nothing")
                .contains(OTHER + " access_token refreshed");
            connection.rollback();

            makeDue();
            makeOthersTokenDue();
            requestRefresh(application);
            runForTwoAccounts().ended(ExitCode.RETRY)
                .saying("ERROR " + StandIn.APP_ID + " access_token failed: ", LOCKED,
                        OTHER + " access_token refreshed");
            assertThat(value()).isEqualTo(before);
            assertThat(weChat.tokenCalls()).isEqualTo(4);
            assertThat(query("SELECT trx_mysql_thread_id AS session FROM information_schema.innodb_trx"))
                .extracting(row -> ((Number) row.get("session")).longValue())
                .contains(id(application));
            execute("KILL " + id(application));
            connection.abort(Runnable::run); // to close it would fail
        }
        runForTwoAccounts().ended(ExitCode.OK).saying(StandIn.APP_ID + " access_token refreshed");
        assertThat(value()).isEqualTo(weChat.lastIssued(StandIn.APP_ID));
    }

    /** By the row's id: any other condition would wait for the locked row. */
    private void makeOthersTokenDue() {
        Object id = query("SELECT id FROM wx_token WHERE app_id = '" + OTHER + "'").get(0).get("id");
        sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0 WHERE id = " + id);
    }

    private static long id(Statement statement) throws SQLException {
        try (var row = statement.executeQuery("SELECT CONNECTION_ID()")) {
            row.next();
            return row.getLong(1);
        }
    }

    /** The probe is claimed, and so is the row before a fetch that is not stored. */
    @Test
    void neitherAProbeNorAFetchWaitsLong() throws SQLException {
        run("--wx.tickets=").ended(ExitCode.OK);
        sql("UPDATE wx_token SET probed_at = 0 WHERE id = 1");
        int calls = weChat.requests();
        try (Connection connection = database.connect(); Statement application = connection.createStatement()) {
            connection.setAutoCommit(false);
            requestRefresh(application);
            run("--wx.tickets=").ended(ExitCode.RETRY).saying(LOCKED);
            run("fetch", "--endpoint=token").ended(ExitCode.RETRY).saying("wx-token: " + LOCKED).inOneLine();
            connection.rollback();
        }
        assertThat(weChat.requests()).isEqualTo(calls);
    }

}
