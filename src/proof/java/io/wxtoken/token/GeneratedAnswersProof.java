package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.fixtures.Answers;
import io.wxtoken.fixtures.RawServer;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.ConnectionSettings;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.ProbeResult;
import io.wxtoken.wechat.Route;
import io.wxtoken.wechat.Ticket;
import io.wxtoken.wechat.WeChatClient;

/**
 * Sends 100,000 generated answers ({@code -Danswers.count}) over real sockets and into a
 * real row: whatever WeChat answers, or whatever stands between, the row is never worse
 * than before. {@code -Danswers.seed} repeats a run.
 */
@ParameterizedClass
@MethodSource("databases")
class GeneratedAnswersProof extends RowTest {

    private static final long SEED = Long.getLong("answers.seed", ThreadLocalRandom.current().nextLong());

    private static final int COUNT = Integer.getInteger("answers.count", 100_000);

    private static final int WORKERS = 4;

    @Test
    void noAnswerThrowsOrBlanksOrSpoilsTheRow() throws Exception {
        int count = database.isH2() ? COUNT : COUNT / 50;
        System.out.println(count + " answers on " + database + ", -Danswers.seed=" + SEED);
        AtomicInteger next = new AtomicInteger();
        AtomicInteger refreshed = new AtomicInteger();
        ExecutorService threads = Executors.newFixedThreadPool(WORKERS);
        try {
            List<Future<?>> workers = new ArrayList<>();
            for (int i = 0; i < WORKERS; i++) {
                Worker worker = new Worker("wx" + i);
                workers.add(threads.submit(() -> {
                    for (int n = next.getAndIncrement(); n < count; n = next.getAndIncrement()) {
                        refreshed.addAndGet(worker.takes(n) ? 1 : 0);
                    }
                    assertThat(worker.server.requests()).as("no request was repeated")
                        .isLessThanOrEqualTo(worker.answers + worker.probes);
                    worker.server.close();
                    return null;
                }));
            }
            for (Future<?> worker : workers) {
                worker.get();
            }
        }
        finally {
            threads.shutdownNow();
        }
        assertThat(refreshed.get()).isBetween(count / 5, count / 2);
    }

    /**
     * An account with a server of its own, so that each answer is taken by the row that
     * it was made for.
     */
    private final class Worker {

        final RawServer server = new RawServer();

        int probes;

        final RefreshListener countingProbes = new RefreshListener() {

            @Override
            public void probed(String appId, ProbeResult result) {
                probes++;
            }
        };

        final WeChatClient client = new WeChatClient(new ConnectionSettings(List.of(new Route(server.baseUrl(), null)),
                null, Duration.ofSeconds(10), Duration.ofSeconds(20)));

        final Account account;

        final Account stable;

        final TokenRow liveToken;

        final int tokenId;

        final int ticketId;

        int answers;

        Worker(String appId) {
            account = new Account(appId, "s3cret-of-" + appId, Endpoint.TOKEN, List.of(Ticket.JSAPI), false);
            stable = new Account(appId, account.appSecret(), Endpoint.STABLE_TOKEN, List.of(), false);
            var found = rows.findOrAdd(allRows(), List.of(account)).configured();
            tokenId = found.get(new RowKey(appId, "access_token")).id();
            ticketId = found.get(new RowKey(appId, "jsapi_ticket")).id();
            for (int id : new int[] { tokenId, ticketId }) {
                database.jdbc()
                    .sql("UPDATE wx_token SET `value` = 'live-token', fingerprint = ?, expire = UNIX_TIMESTAMP() -"
                            + " 3000," + " expires_at = UNIX_TIMESTAMP() + 4200 WHERE id = ?")
                    .params(Fingerprint.of("live-token"), id)
                    .update();
            }
            liveToken = rows.read(tokenId).orElseThrow();
        }

        /**
         * @return whether the row was refreshed
         */
        boolean takes(int n) {
            boolean ticket = n % 4 == 0;
            int id = ticket ? ticketId : tokenId;
            makeDue(id);
            TokenRow before = rows.read(id).orElseThrow();
            Answers.Generated answer = Answers.generate(SEED, n, ticket ? "ticket" : "access_token",
                    ticket ? liveToken.value() : account.appSecret());
            server.reply(out -> {
                out.write(answer.bytes());
                return !answer.closes();
            });
            answers++;
            int arrived = server.requests();
            TokenFetcher fetcher = ticket
                    ? new TicketFetcher(account, Ticket.JSAPI, liveToken, client, 300, countingProbes)
                    : new AccessTokenFetcher(n % 4 == 1 ? stable : account, client, rows);
            try {
                Result result = node(account.appId(), rows).refresh(before, fetcher, Trigger.SCHEDULE);
                // A connection that was kept for the next request, and that the server
                // closes in that moment, loses it.
                boolean lost = server.requests() == arrived;
                assertNoWorse(before, rows.read(id).orElseThrow(), result, answer, lost);
                return result.outcome() == Outcome.REFRESHED;
            }
            catch (RuntimeException | AssertionError e) {
                throw new AssertionError("answer " + n + " of -Danswers.seed=" + SEED + ", " + answer.kind() + ": "
                        + new String(Arrays.copyOf(answer.bytes(), Math.min(answer.bytes().length, 2000))), e);
            }
        }

        /**
         * Makes the row due as after a failure, since then a refusal is not asked again
         * within the run, which would take seconds.
         */
        private void makeDue(int id) {
            database.jdbc()
                .sql("UPDATE wx_token SET claimed_by = NULL, claimed_until = 0, retry_after = 0, refresh_requested ="
                        + " 0, failures = 1 WHERE id = ?")
                .param(id)
                .update();
        }

        private void assertNoWorse(TokenRow before, TokenRow after, Result result, Answers.Generated answer,
                boolean lost) {
            assertThat(result.outcome())
                .isEqualTo(after.value().equals(before.value()) ? Outcome.FAILED : Outcome.REFRESHED);
            if (result.outcome() == Outcome.REFRESHED) {
                assertThat(after.value()).matches("[!-~]{1,600}").matches(answer.mayGive());
                assertThat(after.foreign()).isFalse();
                assertThat(after.age()).isBetween(0L, 7205L);
                assertThat(after.stored().expiresAt() - after.now()).isBetween(-5L, Duration.ofDays(30).toSeconds());
            }
            else {
                assertThat(answer.mustGive() && !lost).as("a valid answer was refused: " + result).isFalse();
                assertThat(after.stored().expire()).isEqualTo(before.stored().expire());
                assertThat(after.stored().expiresAt()).isEqualTo(before.stored().expiresAt());
                assertThat(after.lastRefresh().failures()).isPositive();
                assertThat(after.lastRefresh().error()).isNotBlank();
            }
            assertThat(result.detail() + after.lastRefresh().error())
                .doesNotContain(account.appSecret(), liveToken.value())
                .doesNotContainPattern("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]");
        }

    }

}
