package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import org.springframework.jdbc.core.JdbcTemplate;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;

/**
 * The due check's condition in SQL against the policy in Java: it never leaves out an
 * account of which a row is due or missing, and seldom names one without need.
 */
@ParameterizedClass
@MethodSource("databases")
class DueQueryIT extends RowTest {

    private static final int ROUNDS = 40;

    private static final int ACCOUNTS = 60;

    private final long seed = System.nanoTime();

    private final Random random = new Random(seed);

    private long now;

    private Integer[] ages = { 0, 100, 2900 };

    @SafeVarargs
    private <T> T one(T... of) {
        return of[random.nextInt(of.length)];
    }

    private static List<Account> accounts(int number) {
        return IntStream.range(0, number)
            .mapToObj(i -> i % 6 == 5
                    ? new Account("wwCorp:%d".formatted(i), "s", Endpoint.WECOM, tickets(i, Ticket.AGENT_CONFIG), false)
                    : new Account("wxAccount%04d".formatted(i), "s",
                            i % 5 == 0 ? Endpoint.STABLE_TOKEN : Endpoint.TOKEN, tickets(i, Ticket.WX_CARD), i == 0))
            .toList();
    }

    private static List<Ticket> tickets(int i, Ticket second) {
        return i % 7 == 0 ? List.of() : i % 3 == 0 ? List.of(Ticket.JSAPI, second) : List.of(Ticket.JSAPI);
    }

    private static List<Account> due(List<Account> accounts, RefreshPolicy policy, Connection connection)
            throws SQLException {
        RowSet rows = RowSet.of(TokenRepository.readAll(connection), accounts);
        return accounts.stream().filter(account -> !policy.nothingDue(account, rows)).toList();
    }

    @Test
    void noAccountThatIsDueIsLeftOutAndFewAreNamedWithoutNeed() throws SQLException {
        List<Account> accounts = accounts(ACCOUNTS);
        compare((connection, odd) -> {
            fill(accounts, odd);
            return accounts;
        }, (query, all) -> {
            Set<Account> found = query.mayNeedRun(all);
            // all are named when a row is missing
            return found.size() == all.size() ? null : found;
        });
    }

    @Test
    void noAccountOfAPlatformThatIsDueIsLeftOutAndFewAreNamedWithoutNeed() throws SQLException {
        WxProperties wx = new Binder(new MapConfigurationPropertySource(
                Map.of("wx.component.app-id", "wxComponent", "wx.accounts[0].app-id", "wxAccount0001")))
            .bindOrCreate("wx", WxProperties.class);
        // H2 names all accounts of the age at which others are due
        ages = database.isH2() ? new Integer[] { 0, 100, 2300 } : new Integer[] { 0, 100, 200, 1000, 2300, 2700 };
        compare((connection, odd) -> {
            List<Account> authorizers = IntStream.range(0, ACCOUNTS)
                .mapToObj(i -> wx.authorizer("wxAccount%04d".formatted(i), 0, ""))
                .toList();
            fill(authorizers, odd);
            database.jdbc().sql("DELETE FROM wx_authorizer").update();
            new JdbcTemplate(database.dataSource()).batchUpdate("INSERT INTO wx_authorizer VALUES (?, ?, ?, ?)",
                    authorizers.stream()
                        .map(account -> new Object[] { account.appId(),
                                oddly(odd / 5, "wxComponent", "wxcomponent", "wxOther"), oddly(odd / 5, "refresh", ""),
                                now - oddly(odd, 9999, 5, 0, -100, 2305, 50, -9999) })
                        .toList());
            return Authorizers.read(connection, wx, null);
        }, (query, all) -> new HashSet<>(query.authorizersThatMayNeedRun(wx)));
    }

    /** Fills the tables, and returns the accounts. */
    private interface Filling {

        List<Account> fill(Connection connection, int odd) throws SQLException;

    }

    /** Returns the accounts that the query names; null if that can't be compared. */
    private interface Naming {

        Set<Account> by(DueQuery query, List<Account> accounts) throws SQLException;

    }

    private void compare(Filling filling, Naming naming) throws SQLException {
        int all = 0;
        int due = 0;
        int named = 0;
        try (Connection connection = database.dataSource().getConnection()) {
            for (int round = 0; round < ROUNDS; round++) {
                List<Account> accounts = filling.fill(connection, round % 4 == 0 ? 0 : random.nextInt(1, 15));
                RefreshPolicy policy = new RefreshPolicy(SETTINGS,
                        new WxProperties.Probe(one(Duration.ZERO, Duration.ofMinutes(5))));
                // The clock may tick between the two queries: what was due before the
                // second one is due then.
                Set<Account> dueBefore = new HashSet<>(due(accounts, policy, connection));
                Set<Account> found = naming.by(new DueQuery(connection, policy), accounts);
                Set<Account> dueAfter = new HashSet<>(due(accounts, policy, connection));
                dueBefore.retainAll(dueAfter);
                if (found != null) {
                    assertThat(found).as("seed %d, round %d", seed, round).containsAll(dueBefore);
                    all += accounts.size();
                    due += dueAfter.size();
                    named += found.size();
                }
            }
        }
        System.out.printf("%s: %d accounts, %d due, %d named%n", database, all, due, named);
        assertThat(due).as("seed %d", seed).isBetween(all / 100, all * 3 / 4);
        assertThat(named - due).as("seed %d: named without need, of %d", seed, all).isLessThan(all / 20);
    }

    /**
     * A row of which nothing is wrong, with this percentage of its properties changed to
     * something odd.
     */
    private void fill(List<Account> accounts, int odd) {
        database.jdbc().sql("DELETE FROM wx_token").update();
        now = database.jdbc().sql("SELECT UNIX_TIMESTAMP()").query(Long.class).single();
        List<Object[]> rows = new ArrayList<>();
        for (Account account : accounts) {
            for (RowKey key : RowKey.of(account)) {
                rows.add(row(key, odd));
                if (random.nextInt(100) < odd / 4) {
                    rows.add(row(key, odd)); // there twice
                }
            }
        }
        for (int other = 0; odd > 0 && other < 20; other++) { // not ours, and often due
            rows.add(row(new RowKey(one("", "wxOther", "WXACCOUNT0001", "wxaccount0002"), one("access_token", "other")),
                    50));
        }
        for (int id = 0; id < rows.size(); id++) {
            rows.get(id)[0] = id + 1;
        }
        new JdbcTemplate(database.dataSource()).batchUpdate("""
                INSERT INTO wx_token (id, app_id, type, expire, `value`, expires_at, fingerprint, claimed_by,
                       claimed_until, refresh_requested, doomed, failures, retry_after, probed_at, failed_by)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """, rows);
    }

    private Object[] row(RowKey key, int odd) {
        String value = oddly(odd, "token of " + key, "", " ", "令牌");
        long age = oddly(odd, one(ages), 3001, 4000, 6900, -30, -299, -400);
        String expire = oddly(odd, String.valueOf(now - age), "", "0", "x", "12e8", "1700000000 ", "17000000001",
                "0x11", "99999999999", "１７０００００００", "-5", "1.7", "000000" + (now - 10));
        String fingerprint = oddly(odd, Fingerprint.of(value), "", Fingerprint.of("another"),
                Fingerprint.of(value).toUpperCase(Locale.ROOT));
        return new Object[] { 0, oddly(odd / 5, key.appId(), key.appId().toUpperCase(Locale.ROOT), ""),
                oddly(odd / 5, key.type(), key.type().toUpperCase(Locale.ROOT)), expire, value,
                now + oddly(odd, 7200, 3000, 301, 300, 10, 0, -10, 99_999_999), fingerprint,
                oddly(odd, null, "another"), now + oddly(odd, -5, 60, 100_000), oddly(odd, 0, 1, 2),
                oddly(odd, 0, 1, 2), oddly(odd, 0, 1, 5), now + oddly(odd, 0, 40, 500, 9999),
                now - oddly(odd, 0, 299, 301, 4000, -1, -4000), oddly(odd, "", "somebody/" + key.appId()) };
    }

    @SafeVarargs
    private <T> T oddly(int odd, T usual, T... oddities) {
        return random.nextInt(100) < odd ? one(oddities) : usual;
    }

    /** MariaDB turns a list of over a thousand values into a table of its own. */
    @ParameterizedTest
    @ValueSource(ints = { 3, 1_500 })
    void anAccountWithARowMissingIsNamedEvenIfAnotherRowLooksLikeIt(int number) throws SQLException {
        List<Account> accounts = accounts(number);
        RefreshPolicy policy = new RefreshPolicy(SETTINGS, new WxProperties.Probe(Duration.ZERO));
        try (Connection connection = database.dataSource().getConnection()) {
            for (String[] change : new String[][] { { "app_id", "WXACCOUNT0001" }, { "type", "ACCESS_TOKEN" } }) {
                fill(accounts, 0);
                assertThat(new DueQuery(connection, policy).mayNeedRun(accounts)).isEmpty();
                database.jdbc()
                    .sql("UPDATE wx_token SET " + change[0]
                            + " = :odd WHERE app_id = 'wxAccount0001' AND type = 'access_token'")
                    .param("odd", change[1])
                    .update();
                assertThat(new DueQuery(connection, policy).mayNeedRun(accounts)).as(Arrays.toString(change))
                    .contains(accounts.get(1));
            }
            fill(accounts, 0);
            database.jdbc().sql("UPDATE wx_token SET app_id = '' WHERE app_id = 'wxAccount0000'").update();
            assertThat(new DueQuery(connection, policy).mayNeedRun(accounts)).as("the first account takes it over")
                .isEmpty();
            assertThat(new DueQuery(connection, policy).mayNeedRun(accounts.subList(1, 3))
                .stream()
                .map(Account::appId)
                .collect(Collectors.toSet())).isEmpty();
        }
    }

}
