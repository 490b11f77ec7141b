package io.wxtoken.storm;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.fixtures.Program;
import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.standin.StandIn;
import io.wxtoken.storm.StepProxy.Step;

/**
 * A node that is frozen keeps its connections, and what it has locked: it must have
 * locked nothing that another needs.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class FrozenNodeProof {

    @Parameter
    TestDatabase server;

    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource(value = Step.class, names = { "CLAIM", "PUBLISH", "HISTORY" })
    void aNodeThatIsFrozenAfterAStepHoldsUpNobody(Step step) throws Exception {
        TestDatabase database = server.fresh().migrated();
        CompletableFuture<Process> process = new CompletableFuture<>();
        CompletableFuture<Void> frozen = new CompletableFuture<>();
        StepProxy.Watch watch = new StepProxy.Watch() {

            @Override
            public boolean before(Step next, String message, int port) {
                return true;
            }

            @Override
            public boolean after(Step done, String message, byte[] answer) {
                if (done == step && !frozen.isDone()) {
                    NodeRun.signal("STOP", process.join());
                    frozen.complete(null);
                }
                return true;
            }
        };
        try (StandIn weChat = StandIn.start();
                StepProxy tap = new StepProxy(URI.create(database.url().substring("jdbc:".length())), watch)) {
            Program program = Program.against(weChat, folder);
            process.complete(program.with("SPRING_DATASOURCE_URL", NodeRun.through(List.of(tap), database.url()))
                .start()
                .process());
            frozen.join();
            if (step == Step.HISTORY) {
                program.argument("--force"); // all is fresh by then
            }
            Program.Ended other = program.on(database).run();
            assertThat(other.text()).as("it gives up a locked row after a second, and says so")
                .containsAnyOf("access_token refreshed", "access_token held", "1 refreshed, 1 fresh");
        }
        finally {
            process.join().destroyForcibly();
            database.close();
        }
    }

}
