package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.fixtures.Memcached;
import io.wxtoken.fixtures.Program;
import io.wxtoken.fixtures.Program.Ended;
import io.wxtoken.fixtures.Program.Started;
import io.wxtoken.fixtures.TestDatabase;

/**
 * What many accounts cost: {@code mvn verify -Pbenchmark -Dit.test=RefreshBenchmark}. It
 * prints figures and asserts no times.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class RefreshBenchmark {

    @Parameter
    TestDatabase server;

    @TempDir
    Path folder;

    @Test
    void aThousandDueAccountsWithWeChatAnsweringIn50Milliseconds() {
        for (int nodes : new int[] { 1, 2, 4 }) {
            measure(1_000, nodes, Map.of());
        }
    }

    @Test
    void tenThousandAccountsInTheLaunchersHeapWithMetricsAndBothMirrors() {
        try (Memcached memcached = Memcached.start()) {
            measure(10_000, 1, Map.of("WX_METRICS_TEXTFILE", folder.resolve("wx.prom").toString(), "WX_MIRROR_FILE",
                    folder.resolve("{app_id}.json").toString(), "WX_MIRROR_MEMCACHED_SERVERS", memcached.server()));
        }
    }

    private void measure(int accounts, int nodes, Map<String, String> settings) {
        try (StandIn weChat = StandIn.start()) {
            TestDatabase database = server.fresh();
            Program program = Program.against(weChat, folder)
                .on(database)
                .withAccounts(accounts, weChat)
                .with("WX_RUN_TIMEOUT", "10m");
            settings.forEach(program::with);
            Ended first = program.run();
            assertThat(first.exitCode()).as(first.text().lines().limit(5).toList().toString()).isZero();

            database.jdbc()
                .sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0 WHERE expire <> '0'")
                .update();
            weChat.always(new Fault.Delay(Duration.ofMillis(50)));
            int calls = weChat.tokenCalls();
            long statements = database.serverStatus("Questions");
            long connections = database.serverStatus("Connections");
            long begun = System.nanoTime();
            List<Started> started = Stream.generate(program::start).limit(nodes).toList();
            long[] firstCall = { 0 };
            while (weChat.tokenCalls() < calls + accounts
                    && started.stream().anyMatch(node -> node.process().isAlive())) {
                if (firstCall[0] == 0 && weChat.tokenCalls() > calls) {
                    firstCall[0] = System.nanoTime();
                }
                sleep();
            }
            double refreshing = (System.nanoTime() - firstCall[0]) / 1e9;
            started.forEach(node -> assertThat(node.end().exitCode()).isZero());
            double whole = (System.nanoTime() - begun) / 1e9;
            statements = database.serverStatus("Questions") - statements;
            connections = database.serverStatus("Connections") - connections;
            System.out.printf(
                    "%s, %d accounts, %d node(s): %.0f tokens/s after start-up (%.1f s, with start-up %.1f s),"
                            + " %d fetches, %.2f statements a token, %d connections%n",
                    server, accounts, nodes, accounts / refreshing, refreshing, whole, weChat.tokenCalls() - calls,
                    (double) statements / accounts, connections);
            assertThat(weChat.tokenCalls() - calls).isEqualTo(accounts);
            database.close();
        }
    }

    private static void sleep() {
        try {
            Thread.sleep(10);
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

}
