package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Account;

/**
 * When the due check finds nothing due, a whole run over the same rows would ask nobody,
 * write nothing and end well. What is due is the policy's decision and not the
 * database's, so one database is enough.
 */
@ParameterizedClass
@MethodSource("h2")
class DueIT extends RowTest {

    private static final int ROWS = 4_000;

    static Stream<TestDatabase> h2() {
        return databases().filter(TestDatabase::isH2);
    }

    private static <T> T one(Random random, List<T> of) {
        return of.get(random.nextInt(of.size()));
    }

    @Test
    void aRunAfterADueCheckThatFoundNothingDueWritesNothingAndAsksNobody() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        int nothing = 0;
        for (int i = 0; i < ROWS; i++) {
            Account account = random.nextBoolean() ? ACCOUNT : STABLE;
            for (int id : new int[] { 1, 2 }) {
                change(random, id);
            }
            RowSet seen = RowSet.of(allRows(), List.of(account));
            RefreshPolicy policy = new RefreshPolicy(SETTINGS,
                    new WxProperties.Probe(one(random, List.of(Duration.ZERO, Duration.ofMinutes(5)))));
            if (!policy.nothingDue(account, seen)) {
                continue;
            }
            nothing++;
            List<Map<String, Object>> before = database.jdbc()
                .sql("SELECT * FROM wx_token ORDER BY id")
                .query()
                .listOfRows();
            Refresher refresher = new Refresher(rows, policy, SETTINGS, api().requestTimeout(), new RunId("a", "a"),
                    System::nanoTime, () -> false, listener());
            List<Result> results = new AccountRefresher(rows, refresher, policy, client(), null, SETTINGS.before(),
                    listener())
                .refresh(account, seen.configured(), false, RowTest::rethrow);
            assertThat(results).as("seed %d: %s", seed, before).allSatisfy(result -> {
                assertThat(result.exitCode()).isEqualTo(ExitCode.OK);
                assertThat(result.outcome()).isIn(Outcome.FRESH, Outcome.HELD);
            });
            assertThat(weChat.requests()).as("seed %d: %s", seed, before).isZero();
            assertThat(database.jdbc().sql("SELECT * FROM wx_token ORDER BY id").query().listOfRows())
                .as("seed %d", seed)
                .isEqualTo(before);
        }
        assertThat(nothing).as("seed %d", seed).isBetween(ROWS / 20, ROWS - ROWS / 20);
    }

    private void change(Random random, int id) {
        String value = one(random, List.of("token", "token", "token", "token", "token", "token", ""));
        database.jdbc()
            .sql("""
                    UPDATE wx_token SET app_id = :appId, `value` = :value, fingerprint = :fingerprint,
                           expire = UNIX_TIMESTAMP() - :age, expires_at = UNIX_TIMESTAMP() + :left,
                           claimed_by = :claimedBy, claimed_until = UNIX_TIMESTAMP() + :claimed,
                           refresh_requested = :requested, doomed = :doomed, failures = :failures,
                           retry_after = UNIX_TIMESTAMP() + :hold,
                           probed_at = UNIX_TIMESTAMP() - :probed, failed_by = :failedBy
                     WHERE id = :id
                    """)
            .param("appId", one(random, List.of("", ACCOUNT.appId(), ACCOUNT.appId())))
            .param("value", value)
            .param("fingerprint",
                    one(random, List.of(Fingerprint.of(value), Fingerprint.of(value), Fingerprint.of(value), "")))
            .param("age", one(random, List.of(0, 10, 1000, 2000, 4000, -30)))
            .param("left", one(random, List.of(7200, 5000, 3000, 1000, 200, 7000, 7000, -5, 99_999_999)))
            .param("claimedBy", one(random, Arrays.asList(null, null, null, "another")))
            .param("claimed", one(random, List.of(30, 30, -5, 100_000)))
            .param("requested", one(random, List.of(0, 0, 0, 1, 2)))
            .param("doomed", one(random, List.of(0, 0, 0, 0, 0, 0, 1, 2)))
            .param("failures", one(random, List.of(0, 0, 0, 1, 5)))
            .param("hold", one(random, List.of(-5, -5, 40, 500, 5000)))
            .param("probed", one(random, List.of(0, 100, 100, 100, 100, 400, -1000)))
            .param("failedBy", one(random, List.of("", "somebody/" + ACCOUNT.appId(), "a/" + ACCOUNT.appId())))
            .param("id", id)
            .update();
    }

}
