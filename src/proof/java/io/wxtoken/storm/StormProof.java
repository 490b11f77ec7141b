package io.wxtoken.storm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.standin.Fault;
import io.wxtoken.storm.NodeFault.Kind;
import io.wxtoken.storm.StepProxy.Step;

/**
 * Two minutes; {@code -Dstorm.minutes=60} for longer, {@code -Dstorm.seed=…} to draw the
 * faults of an earlier storm again. The figures, and what every process said, are in
 * {@code target/storm}.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class StormProof {

    private static final long SEED = Long.getLong("storm.seed", System.nanoTime() % 1_000_000);

    private static final Duration TIME = Duration.ofMinutes(Integer.getInteger("storm.minutes", 2));

    private static final Times TIMES = new Times(Duration.ofSeconds(120), Duration.ofSeconds(45),
            Duration.ofSeconds(70), Duration.ofSeconds(4), Duration.ofSeconds(5), Duration.ofSeconds(2),
            Duration.ofSeconds(5), Duration.ofSeconds(4), Duration.ofSeconds(8));

    /**
     * Three servers on the same machine leave less of it to the runs, and a group needs
     * some 10 s to replace a member.
     */
    private static final Times OF_A_CLUSTER = new Times(Duration.ofSeconds(150), Duration.ofSeconds(60),
            Duration.ofSeconds(80), Duration.ofSeconds(4), Duration.ofSeconds(7), Duration.ofSeconds(2),
            Duration.ofSeconds(5), Duration.ofSeconds(4), Duration.ofSeconds(10));

    /**
     * A grace that a program with all its parts needs no more of, and no probe, so that
     * it shows soon.
     */
    private static final Times BROKEN = new Times(Duration.ofSeconds(90), Duration.ofSeconds(22),
            Duration.ofSeconds(40), Duration.ofSeconds(4), Duration.ofSeconds(4), Duration.ofSeconds(2),
            Duration.ofHours(1), Duration.ofSeconds(4), Duration.ofSeconds(8));

    @Parameter
    TestDatabase server;

    @Test
    void noFaultThatTheProtocolCoversLetsAReaderSeeADeadOrAnEmptyToken() throws Exception {
        assertNoHarm(server);
    }

    static void assertNoHarm(TestDatabase server) throws Exception {
        assertNoHarm(server, server.isCluster() ? OF_A_CLUSTER : TIMES, TIME, fault -> true);
    }

    /**
     * @param faults which are dealt to the runs
     */
    static void assertNoHarm(TestDatabase server, Times times, Duration time, Predicate<NodeFault> faults)
            throws Exception {
        Path folder = folder("Storm-of-" + time.toSeconds() + "-s", server);
        try (Storm storm = new Storm(server.fresh(), SEED, folder, times)) {
            Figures figures = storm.blow(time, faults);
            tell(figures, folder);
            assertThat(figures.missing).isEmpty();
            assertThat(figures.counts.keySet()).noneMatch(what -> what.startsWith("the storm's own failure"));
            assertThat(figures.unexcused).as("dead reads; before the first:%n%s", figures.before).isEmpty();
            assertThat(figures.tooLong).isEmpty();
            assertThat(figures.emptyReads).isZero();
            assertThat(figures.lostRefreshTokens).isEmpty();
            assertThat(figures.leaks).isEmpty();
            assertThat(figures.brokenMirrorReads).isZero();
            assertThat(figures.recovered).as("the rows and their mirrors hold the tokens that were issued last")
                .isTrue();
        }
    }

    /**
     * Nodes that find the same row due ask WeChat all at once: who asked first is
     * answered first, and that answer stays.
     */
    @Test
    void theStormFindsDeadTokensWhenTheClaimIsLeftOut() throws Exception {
        NodeFault slow = new NodeFault(Kind.WECHAT, Step.FETCH, false, null, new Fault.Delay(Duration.ofMillis(2000)));
        assertThat(exposed(BrokenJobs.WithoutClaim.class, random -> List.of(slow))).isNotEmpty();
    }

    /**
     * A run that slept through its lease asks WeChat all the same: it kills what the
     * other has published.
     */
    @Test
    void theStormFindsDeadTokensWhenTheFencedStepIsLeftOut() throws Exception {
        NodeFault sleep = new NodeFault(Kind.PAUSE, Step.FETCH, false,
                BROKEN.lease().plus(BROKEN.interval().multipliedBy(2)).plusSeconds(4), null);
        AtomicInteger started = new AtomicInteger();
        assertThat(exposed(BrokenJobs.WithoutFencedStep.class,
                random -> started.incrementAndGet() <= Nodes.COUNT ? List.of(sleep) : List.of()))
            .isNotEmpty();
    }

    private List<String> exposed(Class<?> brokenJob, Function<Random, List<NodeFault>> strikes) throws Exception {
        Path folder = folder(brokenJob.getSimpleName(), server);
        try (Storm storm = new Storm(server.fresh(), SEED, folder, BROKEN)) {
            Figures figures = storm.expose(brokenJob, strikes);
            tell(figures, folder);
            return figures.unexcused;
        }
    }

    private static void tell(Figures figures, Path folder) throws IOException {
        String table = figures.table(folder.getFileName().toString());
        System.out.println(table);
        Files.writeString(folder.resolveSibling(folder.getFileName() + ".md"), table);
    }

    private static Path folder(String name, TestDatabase server) {
        return Path
            .of("target", "storm", "%s-%s-seed-%d".formatted(name, server.toString().replaceAll("[^\\w.]+", "-"), SEED))
            .toAbsolutePath();
    }

}
