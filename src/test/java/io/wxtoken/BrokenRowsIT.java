package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.TestDatabase;
import io.wxtoken.token.Fingerprint;

/**
 * What others broke in the table is mended, and that is said; or one line says what is
 * wrong, and the value stays as it was.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.testing.TestDatabase#all")
class BrokenRowsIT {

    @Parameter
    TestDatabase server;

    private TestDatabase database;

    private StandIn weChat;

    @BeforeEach
    void start() {
        database = server.fresh().migrated();
        weChat = StandIn.start();
        run().ended(ExitCode.OK);
    }

    @AfterEach
    void stop() {
        weChat.close();
        database.close();
    }

    private Said run() {
        return run(database.arguments());
    }

    private Said run(List<String> login) {
        List<String> arguments = new ArrayList<>(login);
        arguments.addAll(List.of("--wx.app-id=" + StandIn.APP_ID, "--wx.app-secret=" + StandIn.SECRET,
                "--wx.api.base-url=" + weChat.baseUrl()));
        Said said = Said.by(arguments);
        assertThat(said.text()).doesNotContain(StandIn.SECRET, "hunter");
        weChat.issued().forEach(token -> assertThat(said.text()).doesNotContain(token));
        return said;
    }

    private void sql(String sql, Object... parameters) {
        database.jdbc().sql(sql).params(parameters).update();
    }

    private Map<String, Object> row(int id) {
        return database.jdbc().sql("SELECT * FROM wx_token WHERE id = ?").param(id).query().singleRow();
    }

    private void assertMended() {
        assertThat(row(1)).containsEntry("value", weChat.lastIssued())
            .containsEntry("fingerprint", Fingerprint.of(weChat.lastIssued()));
        assertThat((String) row(1).get("expire")).matches("[0-9]{10}");
        assertThat(run().ended(ExitCode.OK).text()).as("nothing is due").isEmpty();
    }

    @Test
    void anExpireThatIsNoTimeIsMended() {
        for (String expire : new String[] { "", "soon", "-1", "0", " 1700000000 ", "99999999999", "1700000000.5" }) {
            sql("UPDATE wx_token SET expire = ?, retry_after = 0 WHERE id = 1", expire);
            run().ended(ExitCode.OK)
                .saying("access_token refreshed: age 0 s, 7200 s left",
                        "(its expire was not a Unix time, or was in the future)");
        }
        assertMended();
    }

    @Test
    void aValueThatSomebodyPastedIsForeignAndMended() {
        String live = weChat.lastIssued();
        for (String value : new String[] { live + "\n", "\r\n" + live,
                live.substring(0, 40) + "\n" + live.substring(40), '"' + live + '"', "\t", "令牌" }) {
            sql("UPDATE wx_token SET `value` = ?, retry_after = 0 WHERE id = 1", value);
            run().ended(ExitCode.OK)
                .saying("access_token: another program wrote this row", "access_token refreshed: ",
                        "(another program wrote it)");
        }
        assertMended();
        sql("UPDATE wx_token SET `value` = ?, retry_after = 0 WHERE id = 2", weChat.ticket("jsapi") + " ");
        run().ended(ExitCode.OK).saying("jsapi_ticket ", "(another program wrote it)");
        assertThat(row(2)).containsEntry("value", weChat.ticket("jsapi"));
    }

    @Test
    void aRowThatIsThereTwiceIsNamedAndTheFirstIsKeptFresh() {
        sql("INSERT INTO wx_token (id, type, expire, `value`, app_id) VALUES (7, 'access_token', '1', 'theirs', '"
                + StandIn.APP_ID + "')");
        sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0 WHERE id = 1");
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
    void nullIsAsGoodAsEmpty() {
        sql("ALTER TABLE wx_token MODIFY expire varchar(16) NULL");
        sql("ALTER TABLE wx_token MODIFY `value` varchar(600) NULL");
        sql("UPDATE wx_token SET expire = NULL, retry_after = 0 WHERE id = 1");
        run().ended(ExitCode.OK).saying("(its expire was not a Unix time, or was in the future)");
        sql("UPDATE wx_token SET `value` = NULL, expire = NULL, retry_after = 0");
        run().ended(ExitCode.OK).saying("access_token refreshed", "jsapi_ticket refreshed", "(never obtained)");
        assertMended();
    }

    @Test
    void aMissingColumnIsNamedAndNothingIsLost() {
        for (String column : new String[] { "retry_after", "claimed_by", "value", "expire" }) {
            sql("ALTER TABLE wx_token DROP COLUMN `" + column + "`");
            run().ended(ExitCode.DATABASE)
                .saying("wx-token: the database at jdbc:", "lacks a table or a column", column)
                .inOneLine();
            assertThat(row(1).getOrDefault("value", weChat.lastIssued())).isEqualTo(weChat.lastIssued());
        }
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    void aMissingTableIsNamedAndMadeAgainAsTheLineSays() {
        sql("DROP TABLE wx_token");
        run().ended(ExitCode.DATABASE)
            .saying("lacks a table or a column", "wx_token", "drop wx_token_schema_history")
            .inOneLine();
        sql("DROP TABLE " + "wx_token_schema_history");
        run().ended(ExitCode.OK).saying("2 rows: 2 refreshed");
        assertMended();
    }

    // ---- Rights

    @Test
    void aWrongPasswordIsToldAndNotShown() {
        List<String> login = new ArrayList<>(userWith("ALL"));
        login.set(2, "--spring.datasource.password=hunter3");
        run(login).ended(ExitCode.DATABASE).saying("refuses: check spring.datasource.username, .password").inOneLine();
    }

    @Test
    void aUserWithoutRightsOnTheTableIsToldSo() {
        run(userWith(null)).ended(ExitCode.DATABASE)
            .saying("refuses: check spring.datasource.username, .password and the user's grants")
            .inOneLine();
    }

    @Test
    void aUserWhoMayOnlyReadIsToldSoAndAsksWeChatNothing() {
        assumeThat(database.isH2()).as("Flyway on H2 needs an administrator").isFalse();
        sql("UPDATE wx_token SET expire = '1', retry_after = 0");
        run(userWith("SELECT")).ended(ExitCode.DATABASE).saying("access_token failed: ", "the database failed: ");
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        assertThat(row(1)).containsEntry("value", weChat.lastIssued());
    }

    /** A login with these rights on wx_token, and all on the other tables. */
    private List<String> userWith(String rights) {
        String user = "u" + System.nanoTime();
        String at = database.isH2() ? "" : "@'%'";
        sql("CREATE USER " + user + at + (database.isH2() ? " PASSWORD 'hunter2'" : " IDENTIFIED BY 'hunter2'"));
        for (Map<String, Object> table : database.jdbc()
            .sql("SELECT table_name AS t FROM information_schema.tables WHERE table_schema = "
                    + (database.isH2() ? "'public'" : "DATABASE()"))
            .query()
            .listOfRows()) {
            String granted = table.get("t").equals("wx_token") ? rights : "ALL";
            if (granted != null) {
                sql("GRANT " + granted + " ON "
                        + (database.isH2() ? '"' + table.get("t").toString() + '"' : table.get("t")) + " TO " + user
                        + at);
            }
        }
        return List.of("--spring.datasource.url=" + database.url().replace("user=root", "user=" + user),
                "--spring.datasource.username=" + user, "--spring.datasource.password=hunter2");
    }

}
