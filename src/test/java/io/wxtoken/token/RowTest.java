package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.Parameter;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import org.springframework.dao.DataAccessException;

import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.standin.StandIn;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;
import io.wxtoken.wechat.WeChatClient;

/**
 * Gives a test of the row what it needs: a migrated schema, the stand-in for WeChat,
 * nodes that run, and ways to let time pass for the row.
 */
abstract class RowTest {

    static final WxProperties.Refresh SETTINGS = new WxProperties.Refresh(Duration.ofMinutes(50), Duration.ofMinutes(5),
            Duration.ofSeconds(60), Duration.ofSeconds(60), 16);

    static final RefreshPolicy POLICY = new RefreshPolicy(SETTINGS, new WxProperties.Probe(Duration.ofMinutes(5)));

    static final Account ACCOUNT = new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.TOKEN, List.of(Ticket.JSAPI),
            true);

    static final Account STABLE = new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.STABLE_TOKEN, List.of(), true);

    /** The settings of a third-party platform. */
    static final WxProperties PLATFORM = new Binder(
            new MapConfigurationPropertySource(Map.of("wx.component.app-id", "wxplatform", "wx.tickets", "")))
        .bindOrCreate("wx", WxProperties.class);

    @Parameter
    TestDatabase database;

    /** What the nodes told their listener. */
    final List<RefreshEvent> events = Collections.synchronizedList(new ArrayList<>());

    TokenRepository rows;

    StandIn weChat;

    private WeChatClient client;

    static Stream<TestDatabase> databases() {
        return TestDatabase.all().map(TestDatabase::migrated);
    }

    static Stream<TestDatabase> embedded() {
        return TestDatabase.embedded().map(TestDatabase::migrated);
    }

    static Stream<TestDatabase> servers() {
        return TestDatabase.servers().map(TestDatabase::migrated);
    }

    @BeforeEach
    void start() {
        database.reset();
        rows = new TokenRepository(database.dataSource());
        weChat = StandIn.start();
        client = new WeChatClient(api().connection());
    }

    @AfterEach
    void stop() {
        weChat.close();
    }

    WeChatClient client() {
        return client;
    }

    WxProperties.Api api() {
        return new WxProperties.Api(List.of(weChat.baseUrl()), weChat.baseUrl(), Endpoint.TOKEN, Duration.ofSeconds(10),
                Duration.ofSeconds(20), null);
    }

    Refresher node(String name, TokenRepository rows) {
        return new Refresher(rows, POLICY, SETTINGS, api().requestTimeout(), new RunId(name, name), System::nanoTime,
                () -> false, listener());
    }

    /** Collects {@link #events}. */
    RefreshListener listener() {
        return new RefreshListener() {

            @Override
            public void happened(RefreshEvent event) {
                events.add(event);
            }
        };
    }

    /** The table's rows, by id. */
    List<TokenRow> allRows() {
        try (Connection connection = database.dataSource().getConnection()) {
            return TokenRepository.readAll(connection);
        }
        catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    TokenFetcher token(Account account) {
        return new AccessTokenFetcher(account, client(), rows);
    }

    /** Makes one run over the access_token's row alone. */
    Result run(String node) {
        return run(node, ACCOUNT);
    }

    Result run(String node, Account account) {
        return node(node, rows).refresh(row(), token(account), Trigger.SCHEDULE);
    }

    /** The same, with these statements. */
    Result run(String node, TokenRepository statements) {
        return node(node, statements).refresh(row(), token(ACCOUNT), Trigger.SCHEDULE);
    }

    /** Makes one run over all rows of the stand-in's account. */
    List<Result> runAccount(String node) {
        return runAccount(node, ACCOUNT, false);
    }

    List<Result> runAccount(String node, Account account, boolean force) {
        return runAccount(node, account, force, SETTINGS);
    }

    List<Result> runAccount(String node, Account account, boolean force, WxProperties.Refresh settings) {
        Map<RowKey, TokenRow> known = rows.findOrAdd(allRows(), List.of(account)).configured();
        RefreshPolicy policy = new RefreshPolicy(settings, new WxProperties.Probe(Duration.ofMinutes(5)));
        Refresher refresher = new Refresher(rows, policy, settings, api().requestTimeout(), new RunId(node, node),
                System::nanoTime, () -> false, listener());
        return new AccountRefresher(rows, refresher, policy, client(), null, settings.before(), listener())
            .refresh(account, known, force, RowTest::rethrow);
    }

    static Result rethrow(TokenRow row, DataAccessException e) {
        throw e;
    }

    /** A repository that nothing disturbs yet. */
    FaultyRepository faulty() {
        return new FaultyRepository(database.dataSource());
    }

    /** The lease of whoever holds the row lapses, and run b takes over and publishes. */
    void anotherRunTakesOver(String appId, String value) {
        lapse();
        Claim b = rows.claim(row(), "b", SETTINGS.lease()).orElseThrow();
        assertThat(rows.publish(b, appId, new FetchedValue(value, 0, 7200), 60)).isTrue();
    }

    /** Row 1's account as one that authorized the platform; empty when it withdrew. */
    Optional<Account> authorizer() {
        try (Connection connection = database.dataSource().getConnection()) {
            return Authorizers.read(connection, PLATFORM, List.of(ACCOUNT.appId())).stream().findFirst();
        }
        catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The authorizer's; null when it withdrew. */
    String storedRefreshToken() {
        return database.jdbc()
            .sql("SELECT refresh_token FROM wx_authorizer")
            .query(String.class)
            .optional()
            .orElse(null);
    }

    TokenRow row() {
        return rows.read(1).orElseThrow();
    }

    Verdict judge(TokenRow row) {
        return judge(row, ACCOUNT);
    }

    Verdict judge(TokenRow row, Account account) {
        return POLICY.judge(row, account, Trigger.SCHEDULE, new RunId("reader", "reader"));
    }

    /** Changes the rows as if so many seconds had passed. */
    void age(long seconds) {
        for (TokenRow row : allRows()) {
            database.jdbc()
                .sql("""
                        UPDATE wx_token SET expire = :expire, expires_at = expires_at - :s,
                               retry_after = retry_after - :s, claimed_until = claimed_until - :s,
                               probed_at = probed_at - :s,
                               forced_at = forced_at - :s
                         WHERE id = :id
                        """)
                .param("expire",
                        row.obtainedAt() == 0 ? row.stored().expire() : String.valueOf(row.obtainedAt() - seconds))
                .param("s", seconds)
                .param("id", row.id())
                .update();
        }
    }

    /** Lets the claim run out, and the wait after it, and changes nothing else. */
    void lapse() {
        database.jdbc()
            .sql("UPDATE wx_token SET claimed_until = claimed_until - 1000, retry_after = retry_after - 1000 WHERE"
                    + " id = 1")
            .update();
    }

    /** Writes a token as the 2015 class does, which knows four columns. */
    void class2015Writes(String token) {
        database.jdbc()
            .sql("UPDATE wx_token SET expire = '" + row().now() + "', value = '" + token
                    + "' WHERE type = 'access_token'")
            .update();
    }

    Map<String, Object> class2015Reads() {
        return database.jdbc().sql("SELECT * FROM wx_token WHERE type = 'access_token'").query().listOfRows().get(0);
    }

    void assertHoldsTheLastIssued() {
        TokenRow row = row();
        assertThat(row.value()).isEqualTo(weChat.lastIssued());
        assertThat(row.claim().by()).isNull();
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
