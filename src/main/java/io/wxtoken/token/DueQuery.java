package io.wxtoken.token;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Lifetimes;

/**
 * Asks the database which accounts may need a run. Only rows that may be due are read,
 * and {@link RefreshPolicy} judges them. The condition in SQL says the same as the policy
 * does, or lets more through: the row of a request that has to wait, a claim that still
 * holds, a row that the account does not use because it is there twice. It must never
 * leave out a row that the policy calls due ({@code DueQueryIT}).
 * <p>
 * The query locks nothing, and it needs no index: it reads the table once for the rows,
 * and once to count whether each account has its rows. The table's text columns compare
 * without regard to case and to blanks at the end, so whatever the program compares
 * exactly is compared here by its bytes.
 */
public final class DueQuery {

    private final Connection connection;

    private final RefreshPolicy policy;

    private final boolean isH2;

    /**
     * @param connection in autocommit
     */
    public DueQuery(Connection connection, RefreshPolicy policy) throws SQLException {
        this.connection = connection;
        this.policy = policy;
        this.isH2 = connection.getMetaData().getURL().startsWith("jdbc:h2:");
    }

    /**
     * Finds the accounts of which a row is due or missing, and perhaps some more.
     * @throws SQLException when the table or one of its columns is missing, or the
     * database fails
     */
    public Set<Account> mayNeedRun(List<Account> accounts) throws SQLException {
        Set<Account> found = new LinkedHashSet<>();
        for (List<Account> some : TokenRepository.statements(accounts)) {
            found.addAll(askFor(some));
        }
        return found;
    }

    /**
     * Finds those of the accounts that authorized the platform of which a row is due or
     * missing, and perhaps some more. The accounts themselves stay in the database.
     * @throws SQLException as {@link #mayNeedRun} does, of {@code wx_authorizer}, too
     */
    public List<Account> authorizersThatMayNeedRun(WxProperties wx) throws SQLException {
        Account any = wx.authorizer("", 0, "");
        List<String> types = RowKey.of(any).stream().map(RowKey::type).toList();
        String authorizers = "(SELECT app_id AS authorizer, authorized_at FROM wx_authorizer WHERE %s) authorizers"
            .formatted(Authorizers.condition(any.authorization().component()));
        // the columns' character sets differ, and only this way the primary key is used
        String joined = "wx_token JOIN %s ON authorizer = %s AND %s IN (%s)".formatted(authorizers,
                isH2 ? "app_id" : "CONVERT(app_id USING ascii) COLLATE ascii_bin", exact("type"),
                TokenRepository.literals(types));
        String present = "COUNT(DISTINCT CONCAT(authorizer, ' ', %s)) - %d * (SELECT COUNT(*) FROM %s)"
            .formatted(exact("type"), types.size(), authorizers);
        Found found = TokenRepository.readDue(connection, "(SELECT %s AS present FROM %s) counted LEFT JOIN (%s) ON %s"
            .formatted(present, joined, joined, mayBeDue(any)));
        Set<String> appIds = new TreeSet<>();
        found.rows().forEach(row -> appIds.add(row.appId()));
        if (found.present() < 0) {
            appIds.addAll(withoutRow(wx, types));
        }
        return Authorizers.read(connection, wx, appIds);
    }

    private Set<String> withoutRow(WxProperties wx, List<String> types) throws SQLException {
        Set<RowKey> present = TokenRepository.keys(connection, types);
        Set<String> appIds = new TreeSet<>();
        for (Account account : Authorizers.read(connection, wx, null)) {
            if (!present.containsAll(RowKey.of(account))) {
                appIds.add(account.appId());
            }
        }
        return appIds;
    }

    private Collection<Account> askFor(List<Account> accounts) throws SQLException {
        // what is due depends on these two only, so each group has one condition
        Collection<List<Account>> groups = accounts.stream()
            .collect(Collectors.groupingBy(account -> List.of(account.endpoint(), account.tickets()),
                    LinkedHashMap::new, Collectors.toList()))
            .values();
        String firstAppId = accounts.stream().filter(Account::first).map(Account::appId).findFirst().orElse("");
        Map<List<Account>, String> wanted = new LinkedHashMap<>();
        groups.forEach(group -> wanted.put(group, wanted(group)));
        String due = groups.stream()
            .map(group -> "(%s AND (%s))".formatted(wanted.get(group), mayBeDue(group.get(0))))
            .collect(Collectors.joining(" OR "));
        String appId = exact("app_id");
        String key = "CONCAT(CASE WHEN %s = '' THEN '%s' ELSE %s END, ' ', %s)".formatted(appId, firstAppId, appId,
                exact("type"));
        Found found = TokenRepository.readDue(connection,
                "(SELECT COUNT(DISTINCT %s) AS present FROM wx_token WHERE %s) counted LEFT JOIN wx_token ON %s"
                    .formatted(key, String.join(" OR ", wanted.values()), due));
        if (found.present() < accounts.stream().mapToInt(account -> 1 + account.tickets().size()).sum()) {
            return accounts; // rows are missing; which, is found out when they are added
        }
        return accountsOf(found.rows(), accounts, firstAppId);
    }

    /**
     * @param present how many of the rows that the accounts want are in the table; of the
     * accounts that authorized the platform it is less than 0 when rows are missing
     * @param rows the rows that may be due
     */
    record Found(long present, List<TokenRow> rows) {
    }

    private Set<Account> accountsOf(List<TokenRow> rows, List<Account> accounts, String firstAppId) {
        if (rows.isEmpty()) {
            return Set.of();
        }
        Map<String, Account> byAppId = new HashMap<>();
        accounts.forEach(account -> byAppId.put(account.appId(), account));
        Set<Account> found = new LinkedHashSet<>();
        for (TokenRow row : rows) {
            Account account = byAppId.get(row.appId().isEmpty() ? firstAppId : row.appId());
            if (!policy.nothingDue(account, row)) {
                found.add(account);
            }
        }
        return found;
    }

    /** The rows that these accounts may use, which all want the same types. */
    private String wanted(List<Account> group) {
        List<String> types = RowKey.of(group.get(0)).stream().map(RowKey::type).toList();
        return "%s IN (%s) AND %s IN (%s)".formatted(exact("app_id"),
                TokenRepository.literals(TokenRepository.appIds(group)), exact("type"),
                TokenRepository.literals(types));
    }

    /**
     * @param account the condition is the same for all accounts with its endpoint
     */
    private String mayBeDue(Account account) {
        String obtainedAt = "CASE WHEN COALESCE(expire, '') = '' OR CHAR_LENGTH(expire) > 11 OR expire REGEXP '[^0-9]'"
                + " THEN 0 ELSE CAST(expire AS DECIMAL(11)) END";
        String timeLeft = "expires_at - UNIX_TIMESTAMP()";
        List<String> reasons = new ArrayList<>(List.of("COALESCE(`value`, '') = ''", "claimed_by IS NOT NULL",
                "failures > 0", "refresh_requested <> 0", "doomed <> 0", timeLeft + " <= " + policy.before(),
                timeLeft + " > " + Lifetimes.LONGEST.toSeconds(),
                "%s NOT BETWEEN 1 AND UNIX_TIMESTAMP() + %d".formatted(obtainedAt, RefreshPolicy.CLOCK_SKEW),
                "(%s <= UNIX_TIMESTAMP() - %s%s)".formatted(obtainedAt, after(account),
                        account.endpoint().repeats() ? " AND type <> '" + RowKey.ACCESS_TOKEN + "'" : "")));
        if (policy.probesEnabled()) {
            reasons.add("(UNIX_TIMESTAMP() - probed_at NOT BETWEEN 0 AND %d AND type = '%s')"
                .formatted(policy.probeInterval() - 1, RowKey.ACCESS_TOKEN));
        }
        if (account.authorization() != null) {
            reasons.add("authorized_at + %d >= %s".formatted(RefreshPolicy.CLOCKS_SKEW, obtainedAt));
        }
        // last, because it costs most
        reasons.add("%s <> %s".formatted(exact("fingerprint"), exact(fingerprint())));
        return String.join(" OR ", reasons);
    }

    /** H2 has no CRC32, so the condition lets more through there. */
    private String after(Account account) {
        return account.authorization() == null ? String.valueOf(policy.after())
                : isH2 ? String.valueOf(policy.after() - policy.spread() + 1)
                        : "(%d - CRC32(app_id) %% %d)".formatted(policy.after(), policy.spread());
    }

    private String fingerprint() {
        return isH2 ? "LOWER(RAWTOHEX(HASH('SHA-256', `value`)))" : "SHA2(`value`, 256)";
    }

    /** H2 compares text exactly; MySQL compares it by its column's collation. */
    private String exact(String text) {
        return isH2 ? text : "CAST(%s AS BINARY)".formatted(text);
    }

}
