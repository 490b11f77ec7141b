package io.wxtoken.token;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;

import javax.sql.DataSource;

import org.springframework.dao.DataAccessException;
import org.springframework.dao.DataRetrievalFailureException;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.core.simple.JdbcClient.StatementSpec;

import io.wxtoken.database.Database;
import io.wxtoken.settings.Account;
import io.wxtoken.wechat.ErrorCode;

/**
 * Every statement on {@code wx_token}. Each is committed at once (the pool's connections are in autocommit, and nothing
 * here runs in a transaction), touches one row by its primary key, and takes the time from the database. An expected
 * conflict is a {@code false} or an empty result; a surprise is an exception. In a table made by hand {@code expire} and
 * {@code value} may be NULL, which is as good as empty.
 */
public class TokenRows {

    private static final int ATTEMPTS_TO_ADD = 20;

    private static final int ATTEMPTS = 5;

    private static final String SELECT = """
            SELECT id, app_id, type, COALESCE(expire, '') AS expire, COALESCE(`value`, '') AS `value`, expires_at, version,
                   claimed_by, claimed_until, refresh_requested, fingerprint, probed_at, failures, retry_after, failed_by,
                   last_error, forced_at, forced_count, UNIX_TIMESTAMP() AS db_now
              FROM wx_token
            """;

    private final JdbcClient jdbc;

    public TokenRows(DataSource dataSource) {
        this.jdbc = JdbcClient.create(dataSource);
    }

    /** All rows, by id. */
    public List<TokenRow> readAll() {
        return jdbc.sql(SELECT + " ORDER BY id").query(TokenRows::map).list();
    }

    /** All rows, by id, over a bare connection: for who has no use for Spring's JDBC, which costs more than the statement. */
    public static List<TokenRow> readAll(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(SELECT + " ORDER BY id")) {
            List<TokenRow> rows = new ArrayList<>();
            while (row.next()) {
                rows.add(map(row, row.getRow()));
            }
            return rows;
        }
    }

    /** These rows as they are now; what somebody deleted stays as it was, and can't be claimed. */
    public Map<Key, TokenRow> readAgain(Map<Key, TokenRow> seen) {
        Map<Key, TokenRow> now = new HashMap<>();
        seen.forEach((key, row) -> now.put(key, read(row.id()).orElse(row)));
        return now;
    }

    /** One row; empty when somebody deleted it. */
    public Optional<TokenRow> read(int id) {
        return jdbc.sql(SELECT + " WHERE id = :id").param("id", id).query(TokenRows::map).optional();
    }

    /**
     * The rows of these types for each account, by app id and type. An account's row is the first by id that is its own;
     * for the first account, if there is none, one that is nobody's, such as the source's rows 1 and 2. A row that is
     * missing is null.
     *
     * @param known all rows, as just read, by id
     * @param types of each account
     */
    public static Map<Key, TokenRow> find(List<TokenRow> known, List<Account> accounts, Function<Account, List<String>> types) {
        Map<Key, TokenRow> byKey = new HashMap<>();
        known.forEach(row -> byKey.putIfAbsent(new Key(row.appId(), row.type()), row));
        Map<Key, TokenRow> found = new LinkedHashMap<>();
        for (Account account : accounts) {
            for (String type : types.apply(account)) {
                Key key = new Key(account.appId(), type);
                found.put(key, byKey.getOrDefault(key, account.first() ? byKey.get(new Key("", type)) : null));
            }
        }
        return found;
    }

    /** As {@link #find}; rows that are missing are added. */
    public Map<Key, TokenRow> findOrAdd(List<TokenRow> known, List<Account> accounts, Function<Account, List<String>> types) {
        for (int attempt = 1; attempt <= ATTEMPTS_TO_ADD; attempt++) {
            Map<Key, TokenRow> found = find(known, accounts, types);
            if (!found.containsValue(null)) {
                return found;
            }
            // One after the other from the highest id that was read: nodes that add the same rows at once choose the same
            // ids, and of each only one succeeds; the other reads again.
            int id = known.stream().mapToInt(TokenRow::id).max().orElse(0);
            for (Map.Entry<Key, TokenRow> row : found.entrySet()) {
                if (row.getValue() == null && !add(++id, row.getKey())) {
                    break;
                }
            }
            if (attempt > 1) { // a cluster, or a replica that reads are sent to, may be behind
                LockSupport.parkNanos(Duration.ofMillis(ThreadLocalRandom.current().nextLong(100, 400)).toNanos());
            }
            known = readAll();
        }
        throw new DataRetrievalFailureException("rows that were added to wx_token can't be read back: reads are answered by a replica that is behind."
                + " Let the job read where it writes");
    }

    /** What a row is for. */
    public record Key(String appId, String type) {

        /** By hand: to link the ones that the compiler gives a record takes 13 ms of each run. */
        @Override
        public boolean equals(Object other) {
            return other instanceof Key key && appId.equals(key.appId) && type.equals(key.type);
        }

        @Override
        public int hashCode() {
            return 31 * appId.hashCode() + type.hashCode();
        }
    }

    /** @return false when the id is taken, by another node's row for the same purpose or for another */
    private boolean add(int id, Key key) {
        try {
            return one(jdbc.sql("INSERT INTO wx_token (id, type, expire, `value`, app_id) VALUES (:id, :type, '0', '', :appId)")
                .param("id", id)
                .param("type", key.type())
                .param("appId", key.appId()));
        }
        catch (DuplicateKeyException e) {
            return false;
        }
    }

    /**
     * Protocol step 2. Clears the request, since only a fetch begun after it answers it. Counts as a failure until it is
     * published: a run that dies each time after its fetch would else burn the day's quota, a fetch for each lease.
     *
     * @param lease whole seconds
     * @return empty when the row is no longer what was read: somebody else was faster
     */
    public Optional<Claim> claim(TokenRow seen, String run, Duration lease) {
        boolean won = won(jdbc.sql("""
                UPDATE wx_token
                   SET version = version + 1, claimed_by = :run, claimed_until = UNIX_TIMESTAMP() + :lease, refresh_requested = 0,
                       failures = failures + 1, retry_after = UNIX_TIMESTAMP() + :lease + :backOff, failed_by = '',
                       last_error = :error
                 WHERE id = :id AND version = :version AND COALESCE(`value`, '') = :value AND COALESCE(expire, '') = :expire AND app_id = :appId
                """)
            .param("run", run)
            .param("lease", lease.toSeconds())
            .param("backOff", ErrorCode.backOff(seen.failures() + 1))
            .param("error", "claimed by " + run + ", which did not finish")
            .param("id", seen.id())
            .param("version", seen.version())
            .param("value", seen.value())
            .param("expire", seen.expire())
            .param("appId", seen.appId()));
        return won ? Optional.of(new Claim(seen, seen.version() + 1, run)) : Optional.empty();
    }

    /**
     * Protocol step 4: only over the very value that the claim saw, and only while the claim is still ours. It does not
     * touch {@code refresh_requested}, which may have been set while the fetch was under way.
     *
     * @param obtainedAgo seconds since the value was issued
     * @param timeLeft seconds that it lives from now
     * @param spacing seconds in which WeChat is not asked again
     * @return false when fenced: the lease lapsed and another run took over, or another program wrote the row
     */
    public boolean publish(Claim claim, String appId, String value, long obtainedAgo, long timeLeft, long spacing) {
        return one(jdbc.sql("""
                UPDATE wx_token
                   SET probed_at = CASE WHEN `value` = :value THEN probed_at ELSE UNIX_TIMESTAMP() END,
                       `value` = :value, expire = UNIX_TIMESTAMP() - :obtainedAgo, expires_at = UNIX_TIMESTAMP() + :timeLeft,
                       app_id = :appId, fingerprint = :fingerprint, version = version + 1, claimed_by = NULL, claimed_until = 0,
                       failures = 0, retry_after = UNIX_TIMESTAMP() + :spacing, failed_by = '',
                       last_error = ''
                 WHERE id = :id AND version = :version AND claimed_by = :run AND COALESCE(`value`, '') = :seen
                """)
            .param("value", value)
            .param("obtainedAgo", obtainedAgo)
            .param("timeLeft", timeLeft)
            .param("appId", appId)
            .param("fingerprint", Fingerprint.of(value))
            .param("spacing", spacing)
            .param("id", claim.seen().id())
            .param("version", claim.version())
            .param("run", claim.run())
            .param("seen", claim.seen().value()));
    }

    /**
     * Protocol step 5: what the row now holds may have been killed by our fetch. No version bump, so nobody is fenced by it. As
     * nobody else knows, a statement that breaks is tried once more, on another connection: the pool drops one that broke.
     */
    public void requestAfterFence(int id) {
        StatementSpec request = jdbc.sql("UPDATE wx_token SET refresh_requested = 2 WHERE id = :id").param("id", id);
        try {
            one(request);
        }
        catch (CannotGetJdbcConnectionException e) {
            throw e; // the pool has tried for long enough
        }
        catch (DataAccessException e) {
            one(request);
        }
    }

    /** The value is dead: asks for its refresh, if the row still holds that very value. */
    public boolean requestFor(int id, String deadValue) {
        return one(jdbc.sql("""
                UPDATE wx_token SET refresh_requested = GREATEST(refresh_requested, 1) WHERE id = :id AND `value` = :value
                """).param("id", id).param("value", deadValue));
    }

    /** Makes this run the one that probes the value now. */
    public boolean claimProbe(TokenRow seen) {
        return one(jdbc.sql("""
                UPDATE wx_token SET probed_at = UNIX_TIMESTAMP() WHERE id = :id AND `value` = :value AND probed_at = :probedAt
                """)
            .param("id", seen.id())
            .param("value", seen.value())
            .param("probedAt", seen.probedAt()));
    }

    /** Counts a forced refresh, before it is asked for. */
    public boolean countForced(TokenRow seen, int count) {
        return one(jdbc.sql("""
                UPDATE wx_token SET forced_at = UNIX_TIMESTAMP(), forced_count = :count WHERE id = :id AND forced_at = :forcedAt
                """).param("count", count).param("id", seen.id()).param("forcedAt", seen.forcedAt()));
    }

    /**
     * Protocol step 6, a definite answer: gives the claim back. The row stays due, by {@code failures}.
     *
     * @param failures in a row; 0 when the claim was for somebody else than the row
     * @param wait seconds in which WeChat is not asked again
     * @param failedBy whom it concerns; empty for all
     * @return false when fenced
     */
    public boolean giveBack(Claim claim, int failures, long wait, String failedBy, String error) {
        return one(jdbc.sql("""
                UPDATE wx_token
                   SET claimed_by = NULL, claimed_until = 0, version = version + 1, failures = :failures,
                       retry_after = UNIX_TIMESTAMP() + :wait, failed_by = :failedBy, last_error = :error
                 WHERE id = :id AND version = :version AND claimed_by = :run
                """)
            .param("failures", failures)
            .param("wait", wait)
            .param("failedBy", failedBy)
            .param("error", fit(error))
            .param("id", claim.seen().id())
            .param("version", claim.version())
            .param("run", claim.run()));
    }

    /** Protocol step 6, an unknown outcome: leaves the claim to lapse, and remembers why. */
    public boolean leaveToLapse(Claim claim, String error) {
        return one(jdbc.sql("UPDATE wx_token SET last_error = :error WHERE id = :id AND version = :version AND claimed_by = :run")
            .param("error", fit(error))
            .param("id", claim.seen().id())
            .param("version", claim.version())
            .param("run", claim.run()));
    }

    /** As much of it as {@code last_error} holds. */
    static String fit(String error) {
        return error.length() <= 255 ? error : error.substring(0, 254) + "…";
    }

    /**
     * One statement. Each may be made again: it compares what it saw, or changes nothing the second time. So one that lost a conflict,
     * or met a server that takes no writes any more, is, and the pool has replaced that server's connection by then.
     */
    private static boolean one(StatementSpec statement) {
        for (int attempt = 1;; attempt++) {
            try {
                int rows = statement.update();
                if (rows > 1) {
                    throw new IllegalStateException("one statement changed " + rows + " rows of wx_token: its id is not unique");
                }
                return rows == 1;
            }
            catch (DataAccessException e) {
                if (attempt == ATTEMPTS || !Database.lostAConflict(e) && !Database.takesNoWrites(e)) {
                    throw e;
                }
                LockSupport.parkNanos(Duration.ofMillis(ThreadLocalRandom.current().nextLong(20, 200)).toNanos());
            }
        }
    }

    /** As {@link #one}; a conflict that goes on is lost. */
    private static boolean won(StatementSpec claim) {
        try {
            return one(claim);
        }
        catch (DataAccessException e) {
            if (Database.lostAConflict(e)) {
                return false;
            }
            throw e;
        }
    }

    private static TokenRow map(ResultSet row, int number) throws SQLException {
        return new TokenRow(row.getInt("id"), row.getString("app_id"), row.getString("type"), row.getString("expire"),
                row.getString("value"), row.getLong("expires_at"), row.getLong("version"), row.getString("claimed_by"),
                row.getLong("claimed_until"), row.getInt("refresh_requested"), row.getString("fingerprint"),
                row.getLong("probed_at"), row.getInt("failures"), row.getLong("retry_after"), row.getString("failed_by"),
                row.getString("last_error"), row.getLong("forced_at"), row.getInt("forced_count"), row.getLong("db_now"));
    }
}
