package io.wxtoken.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;

/**
 * Counts the connections and statements that each kind of run costs the database. The
 * server counts them, so nobody else may use it meanwhile.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class CostIT extends DatabaseFixture {

    private static final int ACCOUNTS = 300;

    /**
     * @param all statements of any kind
     */
    private record Cost(long connections, long all, Map<String, Long> statements) {
    }

    /** Statements by kind: SELECT, UPDATE and so on. */
    private Cost of(List<String> arguments, String says) {
        database.serverStatus("Connections"); // so that the pool's connection is there
        List<String> kinds = List.of("select", "insert", "update", "delete", "set_option", "commit", "create_table");
        long connections = database.serverStatus("Connections");
        long all = allStatements();
        Map<String, Long> before = new TreeMap<>();
        kinds.forEach(kind -> before.put(kind, database.serverStatus("Com_" + kind)));
        CapturedRun.of(arguments).ended(ExitCode.OK).saying(says);
        before.replaceAll((kind, count) -> database.serverStatus("Com_" + kind) - count);
        Cost cost = new Cost(database.serverStatus("Connections") - connections, allStatements() - all, before);
        System.out.printf("%s, %s: %s%n", database, says.isEmpty() ? "nothing due" : says, cost);
        return cost;
    }

    /**
     * Two SELECTs, the driver's and ours, are what a connection begins with, and a SET
     * where rows may be written.
     */
    private static void assertStatements(Cost cost, long select, long set, long insert, long update) {
        assertThat(cost.connections()).isEqualTo(1);
        assertThat(cost.all()).as("%s", cost).isEqualTo(select + set + insert + update);
        assertThat(cost.statements()).containsEntry("select", select)
            .containsEntry("insert", insert)
            .containsEntry("update", update)
            .containsEntry("set_option", set)
            .containsEntry("delete", 0L)
            .containsEntry("commit", 0L)
            .containsEntry("create_table", 0L);
    }

    /**
     * Counts all statements but those that ask for the counters. Admin commands are not
     * counted: they are pings and the end of a connection.
     */
    private long allStatements() {
        return database.jdbc()
            .sql("SHOW GLOBAL STATUS WHERE variable_name LIKE 'Com\\_%' AND variable_name NOT IN ('Com_show_status',"
                    + " 'Com_admin_commands')")
            .query((row, number) -> row.getLong(2))
            .list()
            .stream()
            .mapToLong(Long::longValue)
            .sum();
    }

    @Test
    void eachStatementOfARunHasAReasonAndAllGoOverOneConnection() {
        List<String> program = arguments();
        Cost first = of(program, "2 refreshed");
        assertThat(first.statements().get("create_table")).isPositive();

        // The driver asks for the server's variables, the job asks whether the server
        // takes writes, and then reads the rows.
        assertStatements(of(program, ""), 3, 0, 0, 0);

        // A refresh adds queries for the account's rows, the schema, and app ids that
        // are not configured, a bound on waiting for locks, and the claim, the publish
        // and the history.
        makeDue();
        Cost refresh = of(program, "1 refreshed, 1 fresh");
        long looksForOldHistory = refresh.statements().get("select") - 6;
        assertThat(looksForOldHistory).as("one run of twenty does").isBetween(0L, 1L);
        assertStatements(refresh, 6 + looksForOldHistory, 1, 1, 2);

        // A probe adds the same queries, and an update that says whose probe it is.
        database.jdbc().sql("UPDATE wx_token SET probed_at = 0").update();
        assertStatements(of(program, ""), 6, 1, 0, 1);
    }

    @Test
    void anUnchangedFileCostsNoStatementAndAMissingFileCostsOneMoreQuery() throws IOException {
        Path file = folder.resolve("access_token.json");
        List<String> program = arguments("--wx.mirror.file=" + file);
        of(program, "2 refreshed");
        assertThat(of(program, "").connections()).isEqualTo(1);
        Files.delete(file);
        Cost mended = of(program, "");
        assertThat(file).exists();
        assertStatements(mended, 4, 0, 0, 0); // the rows again, after the file was
                                              // written
    }

    @Test
    void allAccountsOfAPlatformAreAskedForByOneQuery() {
        String platform = "wxcomponent0123456";
        weChat.addComponent(platform, "secret");
        List<String> program = arguments("--wx.component.app-id=" + platform, "--wx.component.app-secret=secret",
                "--wx.component.tickets=none");
        database.migrated();
        execute("INSERT INTO wx_component VALUES ('" + platform + "', '" + weChat.pushTicket(platform) + "', 0)");
        for (int i = 0; i < 10; i++) {
            execute("INSERT INTO wx_authorizer VALUES ('wxmerchant" + i + "', '" + platform + "', '"
                    + weChat.authorize(platform, "wxmerchant" + i) + "', 1)");
        }
        of(program, "13 refreshed");
        assertStatements(of(program, ""), 4, 0, 0, 0);
    }

    @Test
    void eachOfManyDueAccountsCostsTwoUpdatesAndTheHistoryOneInsertForAHundred() {
        List<String> program = argumentsFor(ACCOUNTS);
        of(program, ACCOUNTS + " refreshed");
        database.jdbc().sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0 WHERE expire <> '0'").update();
        Cost cost = of(program, ACCOUNTS + " refreshed");
        assertThat(cost.statements().get("update")).isLessThan(2 * ACCOUNTS + 20);
        assertThat(cost.statements().get("select")).isLessThan(ACCOUNTS / 2 + 100);
        assertThat(cost.statements().get("insert")).as("a hundred in each, unless they wait for two seconds")
            .isLessThan(ACCOUNTS / 10);
    }

}
