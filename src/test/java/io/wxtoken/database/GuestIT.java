package io.wxtoken.database;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.standin.StandIn;

/**
 * The job runs in an application's own database. It keeps the token fresh, and changes
 * nothing that others have there.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#all")
class GuestIT extends DatabaseFixture {

    private static final Set<String> OURS = Set.of("wx_token", "wx_token_history", "wx_token_schema_history",
            "wx_component", "wx_authorizer");

    /** Every table that is not the job's: how it is made, and its rows. */
    private Map<String, List<String>> othersDump() {
        try (Connection connection = database.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            List<String> tables = new ArrayList<>();
            try (ResultSet names = connection.getMetaData()
                .getTables(connection.getCatalog(), database.isH2() ? "public" : null, "%",
                        new String[] { "TABLE", "BASE TABLE", "VIEW" })) {
                while (names.next()) {
                    tables.add(names.getString("TABLE_NAME"));
                }
            }
            Map<String, List<String>> dump = new TreeMap<>();
            for (String table : tables) {
                if (!OURS.contains(table.toLowerCase(Locale.ROOT)) || theirs.contains(table)) {
                    String quoted = database.isH2() ? '"' + table + '"' : table;
                    List<String> lines = lines(statement, "SELECT * FROM " + quoted);
                    Collections.sort(lines);
                    lines.addAll(lines(statement, database.isH2()
                            ? "SCRIPT NODATA NOPASSWORDS NOSETTINGS TABLE " + quoted : "SHOW CREATE TABLE " + quoted));
                    dump.put(table, lines);
                }
            }
            return dump;
        }
        catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Tables of a name of ours that are others' in this test. */
    private final Set<String> theirs = new HashSet<>();

    private static List<String> lines(Statement statement, String query) throws SQLException {
        try (ResultSet rows = statement.executeQuery(query)) {
            ResultSetMetaData columns = rows.getMetaData();
            List<String> lines = new ArrayList<>();
            while (rows.next()) {
                StringBuilder line = new StringBuilder();
                for (int i = 1; i <= columns.getColumnCount(); i++) {
                    line.append(columns.getColumnName(i)).append('=').append(rows.getString(i)).append('|');
                }
                lines.add(line.toString());
            }
            return lines;
        }
    }

    /**
     * Makes a first run, a forced one, a scheduled one and a migration. The token is
     * fresh then, and others' tables are unchanged.
     */
    private void assertGoodGuest() {
        Map<String, List<String>> before = othersDump();
        assertThat(before).isNotEmpty();
        run().ended(ExitCode.OK).saying("2 rows: 2 refreshed");
        run("refresh", "--force").ended(ExitCode.OK).saying("1 refreshed, 1 fresh");
        sql("UPDATE wx_token SET expire = '1700000000', retry_after = 0");
        run().ended(ExitCode.OK).saying("access_token refreshed");
        run("migrate").ended(ExitCode.OK).saying("is at version 9");
        assertThat(database.jdbc()
            .sql("SELECT `value` FROM wx_token WHERE type = 'access_token'")
            .query(String.class)
            .single()).isEqualTo(weChat.lastIssued());
        assertThat(weChat.tokenCalls()).isEqualTo(3);
        assertThat(othersDump()).isEqualTo(before);
    }

    /** As Flyway makes it for an application, with V1 to V3 done. */
    private void makeFlywayHistory(boolean fourthFailed) {
        execute("CREATE TABLE flyway_schema_history (installed_rank int NOT NULL PRIMARY KEY, version varchar(50),"
                + " description varchar(200) NOT NULL,"
                + " type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum int, installed_by"
                + " varchar(100) NOT NULL,"
                + " installed_on timestamp DEFAULT CURRENT_TIMESTAMP NOT NULL, execution_time int NOT NULL, success"
                + " boolean NOT NULL)", "CREATE TABLE customer (id int NOT NULL PRIMARY KEY, name varchar(50))",
                "INSERT INTO customer VALUES (1, 'Li')");
        for (int version = 1; version <= 4; version++) {
            execute("INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, checksum,"
                    + " installed_by, execution_time, success) VALUES (" + version + ", '" + version
                    + "', 'customers', 'SQL', 'V" + version + "__customers.sql', 4711, 'app', 3, "
                    + (version < 4 || !fourthFailed ? "1" : "0") + ")");
        }
    }

    @Test
    void anApplicationsFlywayHistoryWithAFailedMigrationIsNotRepaired() {
        makeFlywayHistory(true);
        assertGoodGuest();
    }

    @Test
    void anApplicationsFlywayHistoryIsNotTakenForTheJobs() {
        makeFlywayHistory(false);
        assertGoodGuest();
    }

    /**
     * Makes the tables of Spring Batch 4 with 99 executions of another job, one of which
     * has been running for 30 h, and a sequence without its row.
     */
    @Test
    void anotherJobsSpringBatchTablesAreLeftAlone() {
        execute("CREATE TABLE BATCH_JOB_INSTANCE (JOB_INSTANCE_ID bigint NOT NULL PRIMARY KEY, VERSION bigint, JOB_NAME"
                + " varchar(100) NOT NULL, JOB_KEY varchar(32) NOT NULL)",
                "CREATE TABLE BATCH_JOB_EXECUTION (JOB_EXECUTION_ID bigint NOT NULL PRIMARY KEY, VERSION bigint,"
                        + " JOB_INSTANCE_ID bigint NOT NULL,"
                        + " CREATE_TIME timestamp NOT NULL, START_TIME timestamp NULL, END_TIME timestamp NULL,"
                        + " STATUS varchar(10), EXIT_CODE varchar(2500),"
                        + " EXIT_MESSAGE varchar(2500), LAST_UPDATED timestamp NULL, JOB_CONFIGURATION_LOCATION"
                        + " varchar(2500) NULL)",
                "CREATE TABLE BATCH_JOB_EXECUTION_PARAMS (JOB_EXECUTION_ID bigint NOT NULL, TYPE_CD varchar(6) NOT"
                        + " NULL, KEY_NAME varchar(100) NOT NULL, STRING_VAL varchar(250),"
                        + " PRIMARY KEY (JOB_EXECUTION_ID, KEY_NAME))",
                "CREATE TABLE BATCH_JOB_INSTANCE_SEQ (ID bigint NOT NULL PRIMARY KEY)");
        for (int i = 1; i <= 99; i++) {
            execute("INSERT INTO BATCH_JOB_INSTANCE VALUES (" + i + ", 0, 'invoices', 'key-" + i + "')",
                    "INSERT INTO BATCH_JOB_EXECUTION VALUES (" + i + ", 2, " + i
                            + ", '2026-01-01 00:00:00', '2026-01-01 00:00:00', "
                            + (i == 99 ? "NULL, 'STARTED', 'UNKNOWN'"
                                    : "'2026-01-01 00:01:00', 'COMPLETED', 'COMPLETED'")
                            + ", '', '2026-01-01 00:00:00', NULL)");
        }
        assertGoodGuest();
    }

    @Test
    void liquibasesTablesAreLeftAlone() {
        execute("CREATE TABLE DATABASECHANGELOG (ID varchar(255) NOT NULL PRIMARY KEY, AUTHOR varchar(255) NOT NULL,"
                + " FILENAME varchar(255) NOT NULL, MD5SUM varchar(35))",
                "CREATE TABLE DATABASECHANGELOGLOCK (ID int NOT NULL PRIMARY KEY, LOCKED boolean NOT NULL,"
                        + " LOCKGRANTED timestamp NULL, LOCKEDBY varchar(255))",
                "INSERT INTO DATABASECHANGELOG VALUES ('1', 'li', 'changelog.xml', '8:abc')",
                "INSERT INTO DATABASECHANGELOGLOCK VALUES (1, 1, NULL, 'somebody')");
        assertGoodGuest();
    }

    @Test
    void tablesWithNamesThatTheJobOnceUsedAreLeftAlone() {
        execute("CREATE TABLE BATCH_JOB_EXECUTION (x int NOT NULL PRIMARY KEY)",
                "CREATE TABLE flyway_schema_history (y varchar(3) NOT NULL PRIMARY KEY)",
                "INSERT INTO flyway_schema_history VALUES ('abc')",
                "CREATE VIEW BATCH_STEP_EXECUTION AS SELECT 1 AS z");
        assertGoodGuest();
    }

    @Test
    void besideAnotherProgramsHistoryTableTheJobRefreshesWithoutAHistory() {
        theirs.add("wx_token_history");
        execute("CREATE TABLE wx_token_history (id int NOT NULL PRIMARY KEY, token varchar(600))",
                "INSERT INTO wx_token_history VALUES (1, 'theirs')");
        assertGoodGuest();
        run("refresh", "--force").ended(ExitCode.OK)
            .saying("WARN", "wx_token_history can't be written",
                    "rename that table; then drop wx_token_schema_history");
        execute("ALTER TABLE wx_token_history RENAME TO theirs", "DROP TABLE wx_token_schema_history");
        run("refresh", "--force").ended(ExitCode.OK);
        run("refresh", "--force").ended(ExitCode.OK);
        run("history").ended(ExitCode.OK).saying("forced");
    }

    @Test
    void anotherProgramsTableWxTokenIsReportedAndKept() {
        theirs.add("wx_token");
        for (String columns : List.of("id int NOT NULL PRIMARY KEY, app_id varchar(32), access_token varchar(512)",
                "token varchar(36) NOT NULL PRIMARY KEY, type int",
                "id varchar(36) NOT NULL PRIMARY KEY, type varchar(20), expire varchar(16), `value` varchar(600)",
                "id int NOT NULL PRIMARY KEY, type varchar(20), expire timestamp NULL, `value` varchar(600)")) {
            execute("CREATE TABLE wx_token (" + columns + ")");
            assertLeftAlone("the database has a table wx_token that is not wx-token's", "It is left as it is");
            execute("DROP TABLE wx_token");
        }
        execute("CREATE TABLE theirs (id int NOT NULL PRIMARY KEY, type varchar(20), expire varchar(16), `value`"
                + " varchar(600))");
        execute("CREATE VIEW wx_token AS SELECT * FROM theirs");
        assertLeftAlone("it is a view");
    }

    @Test
    void anotherProgramsSchemaHistoryIsReportedAndTheTokenIsRefreshed() {
        theirs.add("wx_token_schema_history");
        String[] theirHistory = {
                "CREATE TABLE wx_token_schema_history (id int NOT NULL PRIMARY KEY, version varchar(9), success"
                        + " varchar(9))",
                "INSERT INTO wx_token_schema_history VALUES (1, 'theirs', 'done')" };
        execute(theirHistory);
        assertLeftAlone("the database has a table wx_token_schema_history that is not wx-token's");
        execute("DROP TABLE wx_token_schema_history");
        run().ended(ExitCode.OK);
        execute("DROP TABLE wx_token_schema_history");
        execute(theirHistory);
        run("refresh", "--force").ended(ExitCode.ACT)
            .saying("wx_token_schema_history that is not wx-token's", "(this alone makes exit code 2)",
                    "access_token refreshed");
        run("token").ended(ExitCode.OK);
    }

    private void assertLeftAlone(String... says) {
        Map<String, List<String>> before = othersDump();
        for (String command : List.of("refresh", "migrate", "token")) {
            run(command).ended(ExitCode.ACT).saying(says).inOneLine();
        }
        // They take a view of the 2015 columns for a table that is too old.
        for (String command : List.of("status", "history")) {
            assertThat(run(command).ended(ExitCode.ACT).text()).contains(says);
        }
        run("fetch", "--endpoint=token").ended(ExitCode.ACT).saying(says).inOneLine();
        assertThat(weChat.tokenCalls()).isZero();
        assertThat(othersDump()).isEqualTo(before);
    }

    /**
     * The server requires primary keys and updates that name a key, writes a statement
     * binlog, and has autocommit off.
     */
    @Test
    void theJobWorksOnAStricterServer() {
        assumeThat(database.isH2()).isFalse();

        execute("CREATE TABLE theirs (id int NOT NULL PRIMARY KEY)",
                // This is the 2015 class's table with a live token, so that each
                // migration has something to do.
                "CREATE TABLE wx_token (id int NOT NULL, type varchar(20) NOT NULL, expire varchar(16) NOT NULL,"
                        + " value varchar(600) NOT NULL, PRIMARY KEY (id)) ENGINE=MyISAM DEFAULT CHARSET=utf8",
                "INSERT INTO wx_token (id, type, expire, value) VALUES (1, 'access_token', '"
                        + (System.currentTimeMillis() / 1000 - 600) + "', '" + weChat.issueElsewhere() + "')");
        String strict = "autocommit=0,sql_safe_updates=1,default_storage_engine=MyISAM" + (server.isMySql()
                ? ",sql_require_primary_key=1,binlog_format=STATEMENT" : ",binlog_format=STATEMENT");
        String url = database.url() + "&sessionVariables=" + strict;
        runAt(url).ended(ExitCode.OK).saying("1 refreshed, 1 fresh");
        runAt(url, "refresh", "--force").ended(ExitCode.OK).saying("1 refreshed");
        assertThat(database.jdbc().sql("SELECT COUNT(*) FROM wx_token_history").query(Long.class).single())
            .isEqualTo(2);
        assertThat(database.jdbc()
            .sql("SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND"
                    + " table_name LIKE 'wx\\_token%'")
            .query(String.class)
            .list()).containsExactly("InnoDB");
    }

    @Test
    void aUserWhoMayOpenOneConnectionCanMigrateRefreshAndMirror() {
        assumeThat(database.isH2()).isFalse();
        String user = "one" + System.nanoTime();
        execute("CREATE USER " + user + "@'%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 1",
                "GRANT ALL ON " + database.schema() + ".* TO " + user + "@'%'");
        String url = database.url(user, "x");
        String[] more = { "--wx.mirror.file=" + folder.resolve("{app_id}.json"),
                "--wx.metrics.textfile=" + folder.resolve("wx.prom"), "--wx.accounts[0].app-id=wx2",
                "--wx.accounts[0].app-secret=s2" };
        weChat.addAccount("wx2", "s2");
        try {
            runAt(url, more).ended(ExitCode.OK).saying("4 rows: 4 refreshed");
            sql("UPDATE wx_token SET expire = '1700000000', retry_after = 0");
            runAt(url, more).ended(ExitCode.OK).saying("2 refreshed, 2 fresh");
            assertThat(folder.resolve("wx2.json")).content().contains(weChat.lastIssued("wx2"));
            assertThat(folder.resolve(StandIn.APP_ID + ".json")).content().contains(weChat.lastIssued(StandIn.APP_ID));
        }
        finally {
            execute("DROP USER " + user + "@'%'");
        }
    }

}
