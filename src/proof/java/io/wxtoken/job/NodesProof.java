package io.wxtoken.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.DriverManager;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.fixtures.Await;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.fixtures.Program.Ended;
import io.wxtoken.fixtures.Program.Started;
import io.wxtoken.fixtures.Program;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/** Runs several nodes on one server. Each is a process of the built program. */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class NodesProof extends DatabaseFixture {

    private static final int NODES = 8;

    private List<Ended> startTogether() {
        List<Started> started = Stream.generate(() -> program().start()).limit(NODES).toList();
        return started.stream().map(Started::end).toList();
    }

    @Test
    void eightNodesThatStartTogetherOnAnEmptyDatabaseMigrateOnceAndFetchOnce() {
        List<Ended> first = startTogether();
        // A node that finds the row held before there ever was a token says so, and
        // ends with exit code 1.
        assertThat(first).allSatisfy(node -> assertThat(node.exitCode()).as(node.text()).isIn(0, 1));
        assertThat(first).filteredOn(node -> node.exitCode() == 1)
            .allSatisfy(node -> assertThat(node.text()).containsAnyOf("held", "lost the claim"));
        assertThat(query("SELECT version FROM wx_token_schema_history WHERE version <> '0'")).hasSize(8)
            .doesNotHaveDuplicates();
        assertThat(query("SELECT version FROM wx_token_schema_history WHERE success = 0")).isEmpty();
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        assertThat(value()).isEqualTo(weChat.lastIssued());

        makeDue();
        List<Ended> second = startTogether();
        assertThat(second).allSatisfy(node -> assertThat(node.exitCode()).as(node.text()).isZero());
        assertThat(weChat.tokenCalls()).isEqualTo(2);
        assertThat(value()).isEqualTo(weChat.lastIssued());
        assertThat(query("SELECT type, outcome FROM wx_token_history ORDER BY id")).as("of sixteen runs")
            .containsExactlyInAnyOrder(Map.of("type", "access_token", "outcome", "refreshed"),
                    Map.of("type", "jsapi_ticket", "outcome", "refreshed"),
                    Map.of("type", "access_token", "outcome", "refreshed"));
    }

    @Test
    void anotherNodeTakesOverFromAKilledNodeWhenItsLeaseLapses() throws Exception {
        weChat.next(new Fault.Delay(Duration.ofSeconds(30)));
        Program node = program().with("WX_API_CONNECTTIMEOUT", "1s")
            .with("WX_API_READTIMEOUT", "3s")
            .with("WX_REFRESH_LEASE", "5s");
        Started killed = node.start();
        killed.until(() -> !weChat.issued().isEmpty());
        killed.process().destroyForcibly().waitFor();
        String lost = weChat.lastIssued();
        assertThat(node.run().text()).contains("held");
        Await.until("the lease lapses",
                () -> !query("SELECT id FROM wx_token WHERE id = 1 AND claimed_until < UNIX_TIMESTAMP()").isEmpty());
        Ended mended = node.run();
        assertThat(mended.exitCode()).as(mended.text()).isZero();
        assertThat(value()).isEqualTo(weChat.lastIssued()).isNotEqualTo(lost);
    }

    @Test
    void aRunGivesUpADatabaseThatHangsAndEndsAtItsTimeout() throws Exception {
        assertThat(program().run().exitCode()).isZero();
        try (var connection = DriverManager.getConnection(database.url());
                var statement = connection.createStatement()) {
            statement.execute("LOCK TABLES wx_token WRITE");
            Ended givenUp = program().with("SPRING_DATASOURCE_URL", database.url() + "&socketTimeout=2000").run();
            assertThat(givenUp.exitCode()).as(givenUp.text()).isEqualTo(3);
            assertThat(givenUp.text()).contains("no answer within socketTimeout",
                    "or another session has locked the table");
            Ended ended = program().with("SPRING_DATASOURCE_URL", database.url() + "&socketTimeout=600000")
                .with("WX_RUN_TIMEOUT", "10s")
                .run();
            assertThat(ended.exitCode()).as(ended.text()).isEqualTo(1);
            assertThat(ended.text()).contains("the run took longer than wx.run.timeout = 10 s");
        }
    }

    @Test
    void noSecretAndNoTokenIsInTheHistoryOrInLastError() {
        program().run();
        makeDue();
        weChat.next(new Fault.Refuse(40125, "invalid appsecret " + StandIn.SECRET));
        program().run();
        assertThat(query("SELECT last_error AS e FROM wx_token WHERE id = 1").get(0).get("e").toString())
            .contains("errcode 40125")
            .doesNotContain(StandIn.SECRET);
        assertThat(query("SELECT outcome FROM wx_token_history WHERE type = 'access_token' ORDER BY id"))
            .extracting(row -> row.get("outcome"))
            .containsExactly("refreshed", "failed");
        assertThat(query("SELECT * FROM wx_token_history").toString()).contains("errcode 40125")
            .doesNotContain(StandIn.SECRET)
            .doesNotContain(value());
    }

    /**
     * The command holds the row, so that no run fetches in between. When it is killed, it
     * leaves a claim that lapses.
     */
    @Test
    void aFetchCommandThatIsKilledLeavesTheRowDue() throws InterruptedException {
        assertThat(program().run().exitCode()).isZero();
        weChat.next(new Fault.Hang());
        Started fetching = program().argument("fetch").argument("--endpoint=token").start();
        fetching.until(() -> weChat.tokenCalls() == 2);
        fetching.process().destroyForcibly().waitFor();
        assertThat(program().argument("status").run().text()).contains("held");
        assertThat(program().run().exitCode()).isZero();
        assertThat(weChat.tokenCalls()).as("left alone").isEqualTo(2);
        sql("UPDATE wx_token SET claimed_until = claimed_until - 100, retry_after = 0 WHERE id = 1");
        assertThat(program().run().text())
            .contains("the claim of an earlier run lapsed, and that run may have fetched");
        assertThat(value()).isEqualTo(weChat.lastIssued());
    }

}
