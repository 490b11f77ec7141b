package io.wxtoken.database;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.cli.Main;
import io.wxtoken.fixtures.Await;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.standin.StandIn;
import io.wxtoken.token.Fingerprint;

/**
 * The program makes its schema itself, from nothing and from a table made by hand, on
 * every database.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#all")
class SchemaIT extends DatabaseFixture {

    /** The 2015 class's table, with a row for a ticket that was never obtained. */
    private String makeTableByHand(long age) {
        String token = makeTableOf2015(age);
        sql("INSERT INTO wx_token (id, type, expire, value) VALUES (2, 'jsapi_ticket', '', '')");
        return token;
    }

    @Test
    void theFirstFourColumnsAndTheRowsAreThoseOf2015() {
        run().ended(ExitCode.OK);
        List<Map<String, Object>> columns = query(
                "SELECT column_name AS n, character_maximum_length AS l, is_nullable AS nullable, data_type AS t"
                        + " FROM information_schema.columns WHERE table_name = 'wx_token' AND table_schema = "
                        + (database.isH2() ? "'public'" : "DATABASE()") + " ORDER BY ordinal_position LIMIT 4");
        assertThat(columns).extracting(column -> column.get("n")).containsExactly("id", "type", "expire", "value");
        assertThat(columns).extracting(column -> column.get("l"))
            .map(length -> length == null ? null : ((Number) length).intValue())
            .containsExactly(null, 20, 16, 600);
        assertThat(columns).extracting(column -> column.get("nullable")).containsOnly("NO");
        assertThat(row(1)).containsEntry("type", "access_token").containsEntry("value", weChat.lastIssued());
        assertThat(row(2)).containsEntry("type", "jsapi_ticket").containsEntry("value", weChat.ticket("jsapi"));
        assertThat(query("SELECT id FROM wx_token")).hasSize(2);
    }

    @Test
    void theTableHasRowLocksAndTokensCompareByTheirBytes() {
        run();
        assertEngineAndCollation();
        assertThat(query("SELECT id FROM wx_token WHERE value = '" + weChat.lastIssued().toLowerCase() + "'"))
            .isEmpty();
    }

    private void assertEngineAndCollation() {
        if (!database.isH2()) {
            assertThat(query("SELECT engine AS e FROM information_schema.tables WHERE table_schema = DATABASE() AND"
                    + " table_name = 'wx_token'")
                .get(0)).containsEntry("e", "InnoDB");
            assertThat(
                    query("SELECT collation_name AS c FROM information_schema.columns WHERE table_schema = DATABASE()"
                            + " AND table_name = 'wx_token' AND column_name = 'value'")
                        .get(0))
                .containsEntry("c", "utf8mb4_bin");
        }
    }

    @Test
    void aTableMadeByHandIsAdoptedAndItsLiveTokenKeptUntilItIsDue() {
        database.jdbc().sql("CREATE TABLE somebody_elses (id int PRIMARY KEY)").update();
        String adopted = makeTableByHand(600);
        run().ended(ExitCode.OK);
        assertThat(weChat.tokenCalls()).isZero();
        assertThat(row(1)).containsEntry("value", adopted);
        assertThat(row(2)).containsEntry("value", weChat.ticket("jsapi"));
        assertEngineAndCollation();

        database.jdbc()
            .sql("UPDATE wx_token SET expire = '" + obtainedAgo(3000) + "', retry_after = 0 WHERE id = 1")
            .update();
        run().ended(ExitCode.OK);
        assertThat(row(1)).containsEntry("value", weChat.lastIssued()).containsEntry("app_id", StandIn.APP_ID);
    }

    /**
     * The table has NULL where there is no value yet, and perhaps no primary key.
     */
    @ParameterizedTest
    @CsvSource({ "MyISAM, utf8, id int NOT NULL", "MyISAM, latin1, id int", "MyISAM, utf8, id int PRIMARY KEY",
            "InnoDB, latin1, id int PRIMARY KEY" })
    void aTableMadeCarelesslyIsAdoptedToo(String engine, String charset, String id) throws SQLException {
        assumeFalse(database.isH2(), "nobody made a table by hand there");
        // MariaDB forces a key on InnoDB's tables, and on no others.
        boolean mariaDb = server.isMariaDb();
        String adopted = weChat.issueElsewhere();
        try (var connection = database.dataSource().getConnection(); var statement = connection.createStatement()) {
            statement.execute(mariaDb ? "DO 0" : "SET SESSION sql_require_primary_key = 0");
            statement.execute("CREATE TABLE wx_token (" + id + ", type varchar(20), expire varchar(16), value"
                    + " varchar(600)) ENGINE=" + engine + " DEFAULT CHARSET=" + charset);
            statement.execute(mariaDb ? "DO 0" : "SET SESSION sql_require_primary_key = DEFAULT");
        }
        sql("INSERT INTO wx_token VALUES (1, 'access_token', '" + obtainedAgo(600) + "', '" + adopted
                + "'), (2, 'jsapi_ticket', NULL, NULL), (3, 'wx_card_ticket', NULL, NULL)");
        run().ended(ExitCode.OK);
        assertThat(row(1)).containsEntry("value", adopted);
        assertThat(row(2)).containsEntry("value", weChat.ticket("jsapi"));
        assertThat(row(3)).as("nobody wants it").containsEntry("value", "");
        assertThat(
                query("SELECT column_name FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND"
                        + " table_name = 'wx_token'" + " AND constraint_name = 'PRIMARY'"))
            .hasSize(1);
        assertEngineAndCollation();
    }

    @Test
    void anAdoptedTokenThatIsDueIsRefreshedAtOnce() {
        makeTableByHand(3001);
        run().ended(ExitCode.OK);
        assertThat(row(1)).containsEntry("value", weChat.lastIssued());
    }

    @Test
    void aMigrationThatFailedIsRunAgainByTheNextRun() {
        String adopted = makeTableByHand(600);
        // V3 fails, as it can't add a column that is there; or V5 fails, as it can't
        // fill it.
        database.jdbc().sql("ALTER TABLE wx_token ADD COLUMN fingerprint varchar(3) DEFAULT '' NOT NULL").update();
        run().ended(ExitCode.DATABASE);
        assertThat(row(1)).containsEntry("value", adopted);
        database.jdbc()
            .sql("ALTER TABLE wx_token "
                    + (database.isH2() ? "MODIFY fingerprint varchar(64)" : "DROP COLUMN fingerprint"))
            .update();
        run().ended(ExitCode.OK);
        assertThat(row(1)).containsEntry("value", adopted);
    }

    @Test
    void aMigrationThatAKilledNodeDidNotRecordIsRunAgainWithoutHarm() {
        run();
        database.jdbc()
            .sql("DELETE FROM wx_token_schema_history WHERE version IN ('1', '2', '3', '5', '6'," + " '7')")
            .update();
        run().ended(ExitCode.OK);
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        assertThat(query("SELECT id FROM wx_token")).hasSize(2);
    }

    /**
     * Installs a version that had Spring Batch's tables, and Flyway's history in its
     * default table.
     */
    private void installTheVersionBefore(String version) {
        Flyway.configure()
            .dataSource(database.dataSource())
            .locations("classpath:db/migration/" + (database.isH2() ? "h2" : "mysql"))
            .baselineOnMigrate(true)
            .baselineVersion("0")
            .target(version)
            .load()
            .migrate();
    }

    /** The old version's V4 failed on servers where tables must have primary keys. */
    @Test
    void anInstallationWhoseMigrationFailedKeepsItsAdoptedToken() {
        String adopted = makeTableByHand(600);
        installTheVersionBefore("3");
        run().ended(ExitCode.OK).saying("2 rows: 1 refreshed, 1 fresh");
        assertThat(weChat.tokenCalls()).isZero();
        assertThat(row(1)).containsEntry("value", adopted);
    }

    @Test
    void anInstallationOfTheVersionBeforeIsUpgradedAndItsForeignValueIsStillFound() {
        installTheVersionBefore("5");
        sql("UPDATE wx_token SET `value` = 'ours', fingerprint = '" + Fingerprint.of("ours") + "' WHERE id = 2");
        List<Map<String, Object>> before = query(
                "SELECT * FROM \"flyway_schema_history\"".replace("\"", database.isH2() ? "\"" : "`"));
        String foreign = weChat.issueElsewhere();
        sql("UPDATE wx_token SET `value` = '" + foreign + "', expire = '" + obtainedAgo(60) + "' WHERE id = 1");
        CapturedRun said = run();
        said.ended(ExitCode.OK).saying("another program wrote this row", "2 rows: 2 refreshed");
        assertThat(row(1)).containsEntry("value", weChat.lastIssued());
        assertThat(
                query("SELECT version FROM wx_token_schema_history WHERE version IS NOT NULL ORDER BY installed_rank"))
            .extracting(row -> row.get("version"))
            .containsExactly("5", "6", "7", "8", "9");
        assertThat(query("SELECT * FROM \"flyway_schema_history\"".replace("\"", database.isH2() ? "\"" : "`")))
            .isEqualTo(before);
    }

    @Test
    void everyTableThatIsMadeHasAPrimaryKey() {
        assumeFalse(database.isH2(), "the same tables");
        run();
        assertThat(query("SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE()"))
            .extracting(row -> row.get("t"))
            .containsExactlyInAnyOrder("wx_token", "wx_token_history", "wx_token_schema_history", "wx_component",
                    "wx_authorizer");
        assertThat(
                query("SELECT table_name AS t FROM information_schema.table_constraints WHERE table_schema = DATABASE()"
                        + " AND constraint_type = 'PRIMARY KEY'"))
            .hasSize(5);
    }

    private boolean isExecuting(String statement) {
        return !query("SELECT id FROM information_schema.processlist WHERE info LIKE '" + statement
                + "' AND command = 'Query'")
            .isEmpty();
    }

    /**
     * Flyway's lock on a server belongs to a connection, and a frozen process keeps its
     * connection open.
     */
    @Test
    void aNodeThatIsFrozenWhileItMigratesDelaysNoRunWhoseSchemaIsComplete(@TempDir Path migrations) throws Exception {
        assumeFalse(database.isH2(), "one process at a time");
        run();
        Files.writeString(migrations.resolve("V1000__later.sql"), "DO SLEEP(600)");
        ExecutorService frozen = Executors.newSingleThreadExecutor();
        try {
            frozen.submit(() -> Flyway.configure()
                .dataSource(database.dataSource())
                .table("wx_token_schema_history")
                .locations("filesystem:" + migrations)
                .ignoreMigrationPatterns("*:missing")
                .load()
                .migrate());
            Await.until("the migration is under way", () -> isExecuting("%SLEEP(600)"));
            run().ended(ExitCode.OK);
            assertThat(isExecuting("%SLEEP(600)")).as("it did not wait for the migration").isTrue();
        }
        finally {
            frozen.shutdownNow();
        }
    }

    /** A run refreshes its rows before it waits for the lock. */
    @Test
    void aRunThatWaitsToMigrateHasRefreshedItsTokenBefore() throws Exception {
        assumeFalse(database.isH2(), "one process at a time");
        run();
        sql("DELETE FROM wx_token_schema_history WHERE version = '9'");
        sql("UPDATE wx_token SET expire = expire - 3001, retry_after = 0 WHERE id = 1");
        String table = "`" + database.schema() + "`.`wx_token_schema_history`";
        ExecutorService behind = Executors.newSingleThreadExecutor();
        try (var frozen = database.dataSource().getConnection(); var statement = frozen.createStatement()) {
            statement.execute("SELECT GET_LOCK('Flyway-" + table.hashCode() + "', 0)");
            behind.submit(() -> CapturedRun.exitCodeOf(() -> Main.run(arguments().toArray(String[]::new))));
            Await.until("the run waits for Flyway's lock", () -> isExecuting("SELECT GET_LOCK(''Flyway-%"));
            assertThat(weChat.tokenCalls()).isEqualTo(2);
            assertThat(row(1)).containsEntry("value", weChat.lastIssued());
            statement.execute("SELECT RELEASE_LOCK('Flyway-" + table.hashCode() + "')");
        }
        behind.shutdown();
        assertThat(behind.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
        assertThat(query("SELECT version FROM wx_token_schema_history WHERE version = '9'")).as("then it migrates")
            .hasSize(1);
    }

}
