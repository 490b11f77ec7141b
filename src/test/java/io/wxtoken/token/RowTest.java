package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.Parameter;

import io.wxtoken.settings.Account;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.TestDatabase;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;
import io.wxtoken.wechat.WeChatClient;

/** What tests of the row need: a migrated schema, the stand-in, nodes, and a hand on the clock. */
abstract class RowTest {

    static final WxProperties.Refresh SETTINGS = new WxProperties.Refresh(Duration.ofMinutes(50), Duration.ofMinutes(5),
            Duration.ofSeconds(60), Duration.ofSeconds(60), 16);

    static final Account ACCOUNT = new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.TOKEN, List.of(Ticket.JSAPI), true);

    static final Account STABLE = new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.STABLE_TOKEN, List.of(), true);

    @Parameter
    TestDatabase database;

    /** What the nodes told. */
    final List<RefreshEvent> events = Collections.synchronizedList(new ArrayList<>());

    TokenRows rows;

    StandIn weChat;

    private WeChatClient client;

    static Stream<TestDatabase> databases() {
        return TestDatabase.all().map(TestDatabase::migrated);
    }

    static Stream<TestDatabase> servers() {
        return TestDatabase.servers().map(TestDatabase::migrated);
    }

    @BeforeEach
    void start() {
        database.reset();
        rows = new TokenRows(database.dataSource());
        weChat = StandIn.start();
        client = new WeChatClient(api());
    }

    @AfterEach
    void stop() {
        weChat.close();
    }

    WeChatClient client() {
        return client;
    }

    WxProperties.Api api() {
        return new WxProperties.Api(weChat.baseUrl(), Endpoint.TOKEN, Duration.ofSeconds(10), Duration.ofSeconds(20));
    }

    Refresher node(String name, TokenRows rows) {
        return new Refresher(rows, SETTINGS, api().requestTimeout(), new Node(name, name), System::nanoTime, () -> false, events::add);
    }

    Source token(Account account) {
        return new AccessTokenSource(account, client(), rows);
    }

    /** One run over the access_token's row alone. */
    Result run(String node) {
        return run(node, ACCOUNT);
    }

    Result run(String node, Account account) {
        return node(node, rows).refresh(row(), token(account), Occasion.SCHEDULE);
    }

    TokenRow row() {
        return rows.read(1).orElseThrow();
    }

    Verdict judge(TokenRow row) {
        return new RefreshPolicy(SETTINGS).judge(row, true, Occasion.SCHEDULE, new Node("reader", "reader"), StandIn.APP_ID);
    }

    /** As so many seconds would. */
    void age(long seconds) {
        for (TokenRow row : rows.readAll()) {
            database.jdbc()
                .sql("""
                        UPDATE wx_token SET expire = :expire, expires_at = expires_at - :s, retry_after = retry_after - :s,
                               claimed_until = claimed_until - :s, probed_at = probed_at - :s, forced_at = forced_at - :s
                         WHERE id = :id
                        """)
                .param("expire", row.obtainedAt() == 0 ? row.expire() : String.valueOf(row.obtainedAt() - seconds))
                .param("s", seconds)
                .param("id", row.id())
                .update();
        }
    }

    /** The claim runs out, and nothing else. */
    void lapse() {
        database.jdbc().sql("UPDATE wx_token SET claimed_until = claimed_until - 1000, retry_after = retry_after - 1000 WHERE id = 1").update();
    }

    /** The source's class, which knows four columns. */
    void sourceWrites(String token) {
        database.jdbc()
            .sql("UPDATE wx_token SET expire = '" + row().now() + "', value = '" + token + "' WHERE type = 'access_token'")
            .update();
    }

    Map<String, Object> sourceReads() {
        return database.jdbc().sql("SELECT * FROM wx_token WHERE type = 'access_token'").query().listOfRows().get(0);
    }

    void assertHoldsTheLastIssued() {
        TokenRow row = row();
        assertThat(row.value()).isEqualTo(weChat.lastIssued());
        assertThat(row.claimedBy()).isNull();
        assertThat(row.refreshRequested()).isZero();
        assertThat(judge(row)).isEqualTo(Verdict.FRESH);
        assertThat(weChat.alive(row.value())).isTrue();
    }

    void assertTold(RefreshEvent.Kind... kinds) {
        assertThat(events).extracting(RefreshEvent::kind).containsExactly(kinds);
    }

    static <T> List<T> together(int nodes, Callable<T> work) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(nodes);
        try {
            List<T> results = new ArrayList<>();
            for (Future<T> future : threads.invokeAll(Collections.nCopies(nodes, work))) {
                results.add(future.get());
            }
            return results;
        }
        finally {
            threads.shutdownNow();
        }
    }
}
