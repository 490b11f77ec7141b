package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.testing.Program;
import io.wxtoken.testing.Program.Ended;
import io.wxtoken.testing.TestDatabase;

/** What each kind of run costs the database: connections, and statements as the server counts them. Nobody else may use it meanwhile. */
@ParameterizedClass
@MethodSource("io.wxtoken.testing.TestDatabase#servers")
@Isolated
class CostIT extends OnEachDatabase {

    private static final int ACCOUNTS = 300;

    private record Cost(long connections, Map<String, Long> statements) {
    }

    /** Statements by kind: SELECT, UPDATE and so on. */
    private Cost of(Program program, String says) {
        database.serverStatus("Connections"); // so that the pool's connection is there
        List<String> kinds = List.of("select", "insert", "update", "delete", "set_option", "commit", "create_table");
        long connections = database.serverStatus("Connections");
        Map<String, Long> before = new TreeMap<>();
        kinds.forEach(kind -> before.put(kind, database.serverStatus("Com_" + kind)));
        Ended ended = program.run();
        assertThat(ended.exitCode()).as(ended.text()).isZero();
        assertThat(ended.text()).contains(says);
        before.replaceAll((kind, count) -> database.serverStatus("Com_" + kind) - count);
        Cost cost = new Cost(database.serverStatus("Connections") - connections, before);
        System.out.printf("%s, %s: %s%n", database, says.isEmpty() ? "nothing due" : says, cost);
        return cost;
    }

    @Test
    void aRunWithNothingToDoOpensOneConnectionAndReadsOnceAndWritesNothing() {
        Program program = Program.against(weChat, folder).on(database);
        Cost first = of(program, "2 refreshed");
        assertThat(first.statements().get("create_table")).isPositive();
        long executions = database.jdbc().sql("SELECT COUNT(*) FROM BATCH_JOB_EXECUTION").query(Long.class).single();

        Cost nothing = of(program, "");
        assertThat(nothing.connections()).isEqualTo(1);
        assertThat(nothing.statements().get("select")).as("one of ours, and the driver's own when it connects").isEqualTo(2);
        assertThat(nothing.statements()).containsEntry("insert", 0L).containsEntry("update", 0L).containsEntry("delete", 0L).containsEntry("commit", 0L);
        assertThat(database.jdbc().sql("SELECT COUNT(*) FROM BATCH_JOB_EXECUTION").query(Long.class).single()).isEqualTo(executions);

        database.jdbc().sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0").update();
        Cost refresh = of(program, "1 refreshed, 1 fresh"); // WeChat goes on with the ticket
        assertThat(refresh.connections()).as("the look's, and a pool of two").isLessThanOrEqualTo(3);
        assertThat(refresh.statements().get("create_table")).as("no Flyway").isZero();
        assertThat(refresh.statements().get("insert")).as("Spring Batch's").isLessThanOrEqualTo(6);
        assertThat(refresh.statements().get("update")).as("2 claims, 2 publishes, Spring Batch's").isLessThanOrEqualTo(20);
        assertThat(refresh.statements().get("select")).isLessThanOrEqualTo(30);
    }

    @Test
    void aFileThatIsWholeCostsTheDatabaseNothingAndOneThatIsMissingALookMore() throws IOException {
        Path file = folder.resolve("access_token.json");
        Program program = Program.against(weChat, folder).on(database).with("WX_MIRROR_FILE", file.toString());
        of(program, "2 refreshed");
        assertThat(of(program, "").connections()).isEqualTo(1);
        Files.delete(file);
        Cost mended = of(program, "");
        assertThat(file).exists();
        assertThat(mended.connections()).as("the look's, and another after the file was written").isEqualTo(2);
        assertThat(mended.statements()).containsEntry("select", 4L).containsEntry("insert", 0L).containsEntry("update", 0L).containsEntry("commit", 0L);
    }

    @Test
    void eachOfManyDueAccountsCostsAClaimAndAPublish() {
        Program program = Program.against(weChat, folder).on(database).withAccounts(ACCOUNTS, weChat);
        of(program, ACCOUNTS + " refreshed");
        database.jdbc().sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0 WHERE expire <> '0'").update();
        Cost cost = of(program, ACCOUNTS + " refreshed");
        assertThat(cost.statements().get("update")).isLessThan(2 * ACCOUNTS + 20);
        assertThat(cost.statements().get("select")).isLessThan(ACCOUNTS / 2 + 100);
    }
}
