package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;

import javax.sql.DataSource;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Lets 32 nodes loose on one due row, again and again, on a server. (On H2 a race proves
 * nothing.)
 */
@ParameterizedClass
@MethodSource("servers")
class RaceIT extends RowTest {

    private static final int WORKERS = 32;

    @Test
    void theClaimMakesOneFetchARoundAndTheRowHoldsTheLastIssuedToken() throws Exception {
        assertThat(race(200, TokenRepository::new)).isEqualTo(new Tally(200, 0, 0));
    }

    /**
     * Shows that the race finds a fault: an optimistic update without a claim leaves dead
     * tokens in the row.
     */
    @Test
    void withTheClaimLeftOutDeadTokensAreFound() throws Exception {
        Tally tally = race(50, OptimisticUpdateOnly::new);
        assertThat(tally.fetches()).isGreaterThan(50);
        assertThat(tally.deadRounds()).isPositive();
    }

    /**
     * @param fetches tokens that WeChat issued
     * @param deadRounds rounds after which the row did not hold the token issued last
     * @param failures workers that ended with an exception or a failed refresh
     */
    private record Tally(int fetches, int deadRounds, int failures) {
    }

    private Tally race(int rounds, Function<DataSource, TokenRepository> statements) throws Exception {
        TokenRepository rows = statements.apply(database.dataSource());
        TokenFetcher fetcher = token(ACCOUNT);
        ExecutorService threads = Executors.newFixedThreadPool(WORKERS);
        CyclicBarrier start = new CyclicBarrier(WORKERS);
        int deadRounds = 0;
        int failures = 0;
        try {
            for (int round = 0; round < rounds; round++) {
                database.jdbc()
                    .sql("UPDATE wx_token SET expire = '1', expires_at = 1, retry_after = 0 WHERE id = 1")
                    .update();
                List<Future<Result>> results = new ArrayList<>();
                for (int worker = 0; worker < WORKERS; worker++) {
                    String run = "round-" + round + "-worker-" + worker;
                    results.add(threads.submit(() -> {
                        start.await();
                        return node(run, rows).refresh(rows.read(1).orElseThrow(), fetcher, Trigger.SCHEDULE);
                    }));
                }
                for (Future<Result> result : results) {
                    failures += result.get().outcome() == Outcome.FAILED ? 1 : 0;
                }
                deadRounds += rows.read(1).orElseThrow().value().equals(weChat.lastIssued()) ? 0 : 1;
            }
        }
        finally {
            threads.shutdownNow();
        }
        return new Tally(weChat.issued().size(), deadRounds, failures);
    }

}
