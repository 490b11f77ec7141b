package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.Map;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.standin.StandIn;

/**
 * Whatever others broke in the table, a run repairs and reports it; or it says in one
 * line what is wrong, and leaves the value unchanged.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#all")
class BrokenRowsIT extends DatabaseFixture {

    @BeforeEach
    void fillRows() {
        database.migrated();
        run().ended(ExitCode.OK);
    }

    @Override
    protected CapturedRun run(String... more) {
        return withoutSecrets(super.run(more));
    }

    private CapturedRun withoutSecrets(CapturedRun said) {
        assertThat(said.text()).doesNotContain(StandIn.SECRET, "hunter");
        weChat.issued().forEach(token -> assertThat(said.text()).doesNotContain(token));
        return said;
    }

    private void set(int id, String column, String value) {
        database.jdbc()
            .sql("UPDATE wx_token SET `" + column + "` = ?, retry_after = 0 WHERE id = ?")
            .params(value, id)
            .update();
    }

    private void assertMended() {
        assertThat(row(1)).containsEntry("value", weChat.lastIssued())
            .containsEntry("fingerprint", Fingerprint.of(weChat.lastIssued()));
        assertThat((String) row(1).get("expire")).matches("[0-9]{10}");
        assertThat(run().ended(ExitCode.OK).text()).as("nothing is due").isEmpty();
    }

    /** A session's variable shifts the clock that UNIX_TIMESTAMP() reads. */
    @Test
    void aRunByAClockThatWasHoursAheadDoesNotHoldTheRowsUntilThen() {
        assumeThat(database.isH2()).as("H2 has no such variable").isFalse();
        String ahead = database.url() + (database.url().contains("?") ? "&" : "?") + "sessionVariables=timestamp="
                + obtainedAgo(-8 * 3600);
        runAt(ahead, "refresh", "--force").ended(ExitCode.OK);
        String early = value();
        run("status").ended(ExitCode.OK).saying("due", "expire or expires_at was no Unix time");
        run().ended(ExitCode.OK).saying("access_token refreshed: age 0 s, 7200 s left");
        assertThat(value()).isEqualTo(weChat.lastIssued()).isNotEqualTo(early);
        assertThat(Long.parseLong((String) row(2).get("expire"))).isLessThanOrEqualTo(obtainedAgo(-5));
        run("status").saying("access_token  fresh", "jsapi_ticket  fresh");
        assertThat(run().ended(ExitCode.OK).text()).isEmpty();
    }

    @Test
    void anExpireThatIsNoTimeIsRefreshed() {
        for (String expire : new String[] { "", "soon", "-1", "0", " 1700000000 ", "99999999999", "1700000000.5" }) {
            set(1, "expire", expire);
            run().ended(ExitCode.OK)
                .saying("access_token refreshed: age 0 s, 7200 s left",
                        "(expire or expires_at was no Unix time, or too far in the future)");
        }
        assertMended();
    }

    @Test
    void aValueThatSomebodyPastedCountsAsForeignAndIsRefreshed() {
        String live = weChat.lastIssued();
        for (String value : new String[] { live + "\n", "\r\n" + live,
                live.substring(0, 40) + "\n" + live.substring(40), '"' + live + '"', "\t", "令牌" }) {
            set(1, "value", value);
            run().ended(ExitCode.OK)
                .saying("access_token: another program wrote this row", "access_token refreshed: ",
                        "(another program wrote it)");
        }
        assertMended();
        set(2, "value", weChat.ticket("jsapi") + " ");
        run().ended(ExitCode.OK).saying("jsapi_ticket ", "(another program wrote it)");
        assertThat(row(2)).containsEntry("value", weChat.ticket("jsapi"));
    }

    @Test
    void aRowThatIsThereTwiceIsNamedAndTheFirstIsKeptFresh() {
        sql("INSERT INTO wx_token (id, type, expire, `value`, app_id) VALUES (7, 'access_token', '1', 'theirs', '"
                + StandIn.APP_ID + "')");
        makeDue();
        run().ended(ExitCode.OK)
            .saying("wx0123456789abcdef access_token is in wx_token twice: row 1 is kept fresh, row 7 is not",
                    "Delete row 7");
        assertThat(row(7)).containsEntry("value", "theirs");
    }

    @Test
    void aMissingRowIsAdded() {
        sql("DELETE FROM wx_token");
        run().ended(ExitCode.OK).saying("access_token refreshed", "jsapi_ticket refreshed", "2 rows: 2 refreshed");
        assertMended();
    }

    @Test
    void nullCountsAsEmpty() {
        execute("ALTER TABLE wx_token MODIFY expire varchar(16) NULL");
        execute("ALTER TABLE wx_token MODIFY `value` varchar(600) NULL");
        sql("UPDATE wx_token SET expire = NULL, retry_after = 0 WHERE id = 1");
        run().ended(ExitCode.OK).saying("(expire or expires_at was no Unix time, or too far in the future)");
        sql("UPDATE wx_token SET `value` = NULL, expire = NULL, retry_after = 0");
        run().ended(ExitCode.OK).saying("access_token refreshed", "jsapi_ticket refreshed", "(never obtained)");
        assertMended();
    }

    @Test
    void aMissingColumnIsNamedAndNothingIsLost() {
        for (String column : new String[] { "retry_after", "claimed_by", "value", "expire" }) {
            execute("ALTER TABLE wx_token DROP COLUMN `" + column + "`");
            run().ended(ExitCode.DATABASE)
                .saying("wx-token: the database at jdbc:", "lacks a table or a column", column)
                .inOneLine();
            assertThat(row(1).getOrDefault("value", weChat.lastIssued())).isEqualTo(weChat.lastIssued());
        }
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    void aMissingTableIsNamedAndTheAdviceMakesItAgain() {
        execute("DROP TABLE wx_token");
        run().ended(ExitCode.DATABASE)
            .saying("lacks a table or a column", "wx_token", "drop wx_token_schema_history")
            .inOneLine();
        execute("DROP TABLE wx_token_schema_history");
        run().ended(ExitCode.OK).saying("2 rows: 2 refreshed");
        assertMended();
    }

    // ---- Rights

    @Test
    void aWrongPasswordIsToldAndNotShown() {
        runAs(userWith("ALL"), "hunter3").ended(ExitCode.DATABASE)
            .saying("refuses: check spring.datasource.username, .password")
            .inOneLine();
    }

    @Test
    void aUserWithoutRightsOnTheTableIsToldSo() {
        runAs(userWith(null), "hunter2").ended(ExitCode.DATABASE)
            .saying("refuses: check spring.datasource.username, .password and the user's grants")
            .inOneLine();
    }

    @Test
    void aUserWhoMayOnlyReadIsToldSoAndAsksWeChatNothing() {
        assumeThat(database.isH2()).as("Flyway on H2 needs an administrator").isFalse();
        sql("UPDATE wx_token SET expire = '1', retry_after = 0");
        runAs(userWith("SELECT"), "hunter2").ended(ExitCode.DATABASE)
            .saying("access_token failed: ",
                    "refuses: check spring.datasource.username, .password and the user's grants");
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        assertThat(row(1)).containsEntry("value", weChat.lastIssued());
    }

    private CapturedRun runAs(String user, String password) {
        return withoutSecrets(runAt(database.url().replace("user=root", "user=" + user),
                "--spring.datasource.username=" + user, "--spring.datasource.password=" + password));
    }

    /** Makes a user with these rights on wx_token, and all on the other tables. */
    private String userWith(String rights) {
        String user = "u" + System.nanoTime();
        String at = database.isH2() ? "" : "@'%'";
        execute("CREATE USER " + user + at + (database.isH2() ? " PASSWORD 'hunter2'" : " IDENTIFIED BY 'hunter2'"));
        for (Map<String, Object> table : query(
                "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = "
                        + (database.isH2() ? "'public'" : "DATABASE()"))) {
            String granted = table.get("t").equals("wx_token") ? rights : "ALL";
            if (granted != null) {
                execute("GRANT " + granted + " ON "
                        + (database.isH2() ? '"' + table.get("t").toString() + '"' : table.get("t")) + " TO " + user
                        + at);
            }
        }
        return user;
    }

}
