package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import org.junit.jupiter.api.AfterEach;

import io.wxtoken.token.Search.Tally;

/**
 * Interleavings of a few runs: the real protocol and its real statements on a real
 * database, in each order in which the runs' steps can come, with each trouble at each
 * point. A step is a statement, or a request to WeChat with its answer. Each run
 * ({@link ScheduledRun}) stands still before each of its steps until the schedule lets it
 * go; a {@link Schedule} is a list of {@link Choices}, and a {@link Search} plays them
 * all, one after the other, each from the same row.
 */
abstract class Interleavings extends RowTest {

    static final Set<Trouble> ANY = EnumSet.range(Trouble.DEATH, Trouble.OTHER_PROGRAM);

    static final Set<Trouble> ANY_OF_AUTHORIZER = EnumSet.complementOf(EnumSet.of(Trouble.OTHER_PROGRAM));

    final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void end() {
        threads.shutdownNow();
    }

    /**
     * Plays these searches.
     * @param expected exact numbers, so that no schedule is lost unseen
     */
    void assertHolds(Map<Search, Tally> expected) {
        Map<Search, Tally> found = new HashMap<>();
        expected.keySet().forEach(search -> found.put(search, search.play(this, rows, threads)));
        System.out.println(database + ": " + found.values().stream().mapToInt(Tally::schedules).sum()
                + " schedules, of which " + found.values().stream().mapToInt(Tally::blind).sum() + " end blind");
        assertThat(found).isEqualTo(expected);
    }

}
