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

import io.wxtoken.token.Authorizers.Rotation;
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

    private static final Set<Trouble> ANY = EnumSet.range(Trouble.DEATH, Trouble.OTHER_PROGRAM);

    private static final Set<Trouble> ANY_OF_AUTHORIZER = EnumSet.complementOf(EnumSet.of(Trouble.OTHER_PROGRAM));

    /** The numbers are exact, so that no schedule is lost unseen. */
    private static final Map<Search, Tally> ON_H2 = Map.of(new Search(2, 1, EnumSet.of(Trouble.OTHER_PROGRAM)),
            new Tally(690, 0), new Search(2, 2, EnumSet.range(Trouble.DEATH, Trouble.REQUEST)), new Tally(6650, 34),
            new Search(2, 3, EnumSet.of(Trouble.LAPSE, Trouble.TIMEOUT, Trouble.ERROR)), new Tally(10268, 104),
            new Search(3, 1, ANY), new Tally(21524, 0));

    /** A server's commits are too slow for all of these. */
    private static final Map<Search, Tally> ON_SERVERS = Map.of(new Search(2, 1, ANY), new Tally(1108, 0),
            new Search(2, 2, EnumSet.of(Trouble.DEATH, Trouble.LAPSE)), new Tally(560, 10), new Search(3, 0, ANY),
            new Tally(132, 0));

    private static final Search OF_AUTHORIZER = new Search(2, 1, ANY_OF_AUTHORIZER, true);

    private static final Map<Search, Tally> OF_AUTHORIZER_ON_H2 = Map.of(new Search(1, 2, ANY_OF_AUTHORIZER, true),
            new Tally(2690, 0), OF_AUTHORIZER, new Tally(2650, 0),
            new Search(2, 2, EnumSet.of(Trouble.DEATH, Trouble.LAPSE), true), new Tally(3008, 64));

    private static final Map<Search, Tally> OF_AUTHORIZER_ON_SERVERS = Map.of(
            new Search(2, 1, EnumSet.of(Trouble.DEATH, Trouble.REAUTHORIZATION), true), new Tally(900, 0),
            new Search(1, 1, ANY_OF_AUTHORIZER, true), new Tally(124, 0));

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
        assertHolds(database.isH2() ? ON_H2 : ON_SERVERS);
    }

    @Test
    void anAuthorizersRefreshTokenIsUsableInEverySchedule() {
        assertHolds(database.isH2() ? OF_AUTHORIZER_ON_H2 : OF_AUTHORIZER_ON_SERVERS);
    }

    private void assertHolds(Map<Search, Tally> expected) {
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

    @Test
    void withARefreshTokenThatIsStoredOverAnyOtherALostOneIsFound() {
        assertFound("refresh token", OF_AUTHORIZER, new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                return super.publish(claim, appId, new FetchedValue(fetched.value(), 0, fetched.timeLeft(),
                        new Rotation(appId, storedRefreshToken(), fetched.rotation().next())), notAgainFor);
            }
        });
    }

    @Test
    void withTwoTransactionsAHalfOfAPublishIsFound() {
        assertFound("refresh token", OF_AUTHORIZER, new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                return super.publish(claim, appId, new FetchedValue(fetched.value(), 0, fetched.timeLeft()),
                        notAgainFor) && Authorizers.store(database.jdbc(), fetched.rotation());
            }
        });
    }

    private void assertFound(String rule, TokenRepository broken) {
        assertFound(rule, new Search(2, 1, ANY), broken);
    }

    private void assertFound(String rule, Search search, TokenRepository broken) {
        assertThatThrownBy(() -> search.play(this, broken, threads)).isInstanceOf(AssertionError.class)
            .hasMessageStartingWith("[" + rule);
    }

}
