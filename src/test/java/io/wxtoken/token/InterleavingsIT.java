package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.token.Search.Tally;

/**
 * Every interleaving of a few runs: the real protocol and its real statements on a real
 * database, in each order in which the runs' steps can come, with each trouble at each
 * point. A step is a statement, or a request to WeChat with its answer. Each run
 * ({@link ScheduledRun}) stands still before each of its steps until the schedule lets it
 * go; a {@link Schedule} is a list of {@link Choices}, and a {@link Search} plays them
 * all, one after the other, each from the same row.
 */
@ParameterizedClass
@MethodSource("databases")
class InterleavingsIT extends RowTest {

    private static final Set<Trouble> ANY = EnumSet.allOf(Trouble.class);

    /** The numbers are exact, so that no schedule is lost unseen. */
    private static final Map<Search, Tally> ON_H2 = Map.of(new Search(2, 1, EnumSet.of(Trouble.OTHER_PROGRAM)),
            new Tally(690, 0), new Search(2, 2, EnumSet.complementOf(EnumSet.of(Trouble.OTHER_PROGRAM))),
            new Tally(6650, 34), new Search(2, 3, EnumSet.of(Trouble.LAPSE, Trouble.TIMEOUT, Trouble.ERROR)),
            new Tally(10268, 104), new Search(3, 1, ANY), new Tally(21524, 0));

    /** A server's commits are too slow for all of these. */
    private static final Map<Search, Tally> ON_SERVERS = Map.of(new Search(2, 1, ANY), new Tally(1108, 0),
            new Search(2, 2, EnumSet.of(Trouble.DEATH, Trouble.LAPSE)), new Tally(560, 10), new Search(3, 0, ANY),
            new Tally(132, 0));

    private final ExecutorService threads = Executors.newCachedThreadPool();

    @BeforeEach
    void begin() {
        waitForTheDisk(false);
    }

    @AfterEach
    void end() {
        waitForTheDisk(true);
        threads.shutdownNow();
    }

    /**
     * The build's own server is four times as fast if a commit need not reach the disk,
     * and no test here needs what a power cut would lose.
     */
    private void waitForTheDisk(boolean wait) {
        if (database.toString().equals("MariaDB")) {
            database.jdbc().sql("SET GLOBAL innodb_flush_log_at_trx_commit = " + (wait ? 1 : 0)).update();
        }
    }

    @Test
    void p1ToP5HoldInEverySchedule() {
        Map<Search, Tally> expected = database.isH2() ? ON_H2 : ON_SERVERS;
        Map<Search, Tally> found = new HashMap<>();
        expected.keySet().forEach(search -> found.put(search, search.play(this, rows, threads)));
        System.out.println(database + ": " + found.values().stream().mapToInt(Tally::schedules).sum()
                + " schedules, of which " + found.values().stream().mapToInt(Tally::blind).sum() + " end blind");
        assertThat(found).isEqualTo(expected);
    }

    // ---- A protocol that lacks a part is found out

    @Test
    void withTheClaimLeftOutADeadTokenIsFound() {
        assertFound("P1", new OptimisticUpdateOnly(database.dataSource()));
    }

    @Test
    void withTheFencedRunsReportLeftOutADeadTokenIsFound() {
        assertFound("P1", FaultyRepository.withoutReport(database.dataSource()));
    }

    @Test
    void withAPublishOverAnyValueAnOverwrittenTokenIsFound() {
        assertFound("P5", new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                Claim ofAnyValue = new Claim(row(), claim.version(), claim.run());
                return super.publish(ofAnyValue, appId, fetched, notAgainFor);
            }
        });
    }

    @Test
    void withAPublishThatClearsTheRequestALostRequestIsFound() {
        assertFound("request", faulty().after(Step.PUBLISH,
                () -> database.jdbc().sql("UPDATE wx_token SET refresh_requested = 0 WHERE id = 1").update()));
    }

    private void assertFound(String rule, TokenRepository broken) {
        assertThatThrownBy(() -> new Search(2, 1, ANY).play(this, broken, threads)).isInstanceOf(AssertionError.class)
            .hasMessageStartingWith("[" + rule);
    }

}
