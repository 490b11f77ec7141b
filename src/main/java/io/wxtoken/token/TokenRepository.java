package io.wxtoken.token;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntSupplier;
import java.util.stream.Stream;

import javax.sql.DataSource;

import org.springframework.dao.DataAccessException;
import org.springframework.dao.DataRetrievalFailureException;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.jdbc.core.ConnectionCallback;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.core.simple.JdbcClient.StatementSpec;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.token.Authorizers.Rotation;
import io.wxtoken.token.TokenRow.ClaimMark;
import io.wxtoken.token.TokenRow.Forced;
import io.wxtoken.token.TokenRow.LastRefresh;
import io.wxtoken.token.TokenRow.Stored;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.ErrorCode;

/**
 * Holds every statement on {@code wx_token}. Each statement is committed at once (the
 * pool's connections are in autocommit, and only on H2 a publish with a refresh token
 * runs in a transaction) and takes the time from the database; a statement that writes
 * touches one row by its primary key. An expected conflict is a {@code false} or an empty
 * result; a surprise is an exception. In a table that an operator created, {@code expire}
 * and {@code value} may be NULL, which counts as empty.
 */
public class TokenRepository {

    private static final int ATTEMPTS_TO_ADD = 20;

    private static final int ACCOUNTS_IN_A_STATEMENT = 5_000;

    private static final int ATTEMPTS = 5;

    /**
     * Before WeChat is asked, a row that another session has locked is left to another
     * server, if there is one, which reads it anew, or to the next run.
     */
    private static final int ATTEMPTS_TO_LOCK = 1;

    private static final String SELECT = """
            SELECT id, app_id, type, COALESCE(expire, '') AS expire, COALESCE(`value`, '') AS `value`,
                   expires_at, version, claimed_by, claimed_until, refresh_requested, doomed, fingerprint, probed_at,
                   failures, retry_after, failed_by, last_error, errcode, forced_at, forced_count,
                   UNIX_TIMESTAMP() AS db_now
              FROM\s""";

    private static final String PUBLISH = """
            UPDATE wx_token
               SET probed_at = CASE WHEN `value` = :value THEN probed_at ELSE UNIX_TIMESTAMP() END,
                   `value` = :value, expire = UNIX_TIMESTAMP() - :obtainedAgo,
                   expires_at = UNIX_TIMESTAMP() + :timeLeft, app_id = :appId, fingerprint = :fingerprint,
                   version = version + 1, claimed_by = NULL, claimed_until = 0, failures = 0,
                   retry_after = UNIX_TIMESTAMP() + :notAgainFor, failed_by = '', errcode = :errcode,
                   last_error = ''
             WHERE id = :id AND version = :version AND claimed_by = :run AND COALESCE(`value`, '') = :seen
            """;

    /**
     * An UPDATE of several tables has no order of its assignments, so none may read a
     * column that another one changes.
     */
    private static final String PUBLISH_BOTH = PUBLISH
        .replace("UPDATE wx_token\n",
                "UPDATE wx_token JOIN wx_authorizer ON wx_authorizer.app_id = :authorizer AND refresh_token = :used\n")
        .replace("CASE WHEN `value` = :value THEN probed_at ELSE UNIX_TIMESTAMP() END", "UNIX_TIMESTAMP()")
        .replace("app_id = :appId", "refresh_token = :next");

    private final JdbcTemplate jdbcTemplate;

    private final JdbcClient jdbc;

    private final boolean complete;

    public TokenRepository(DataSource dataSource) {
        this(dataSource, true);
    }

    /**
     * @param complete false when the schema is still an older one, from version 5 on,
     * whose rows lack the columns {@code errcode} and {@code doomed}; tokens are
     * refreshed even if this database user may not change tables
     */
    public TokenRepository(DataSource dataSource, boolean complete) {
        this.jdbcTemplate = new JdbcTemplate(dataSource);
        this.jdbc = JdbcClient.create(jdbcTemplate);
        this.complete = complete;
    }

    /** Prepares a statement. */
    private StatementSpec sql(String sql) {
        return sql(jdbc, sql);
    }

    private StatementSpec sql(JdbcClient client, String sql) {
        return client.sql(complete ? sql : forOlderSchema(sql));
    }

    /**
     * Rewrites a statement for a schema that lacks columns. There the 2 in
     * {@code refresh_requested} is all that is known of a value that a run may have
     * killed.
     */
    private static String forOlderSchema(String sql) {
        return sql.replace(" errcode = :errcode,", "")
            .replace(" errcode,", " NULL AS errcode,")
            .replaceAll(" doomed = [^,]*?,", "")
            .replace(" doomed,", " refresh_requested AS doomed,")
            .replace(" doomed <> 0 OR", "");
    }

    /**
     * Reads all rows, by id. It works on a bare connection, because loading Spring's JDBC
     * takes longer than the statement. It reads an older schema, too.
     * @throws SQLException when the table or one of its columns is missing, or the
     * database fails
     */
    public static List<TokenRow> readAll(Connection connection) throws SQLException {
        return read(connection, SELECT + "wx_token ORDER BY id", TokenRepository::rows);
    }

    /**
     * Reads the rows with the accounts' app ids, those of an account by id, and the rows
     * without an app id, if the first account is among them. Otherwise it is like
     * {@link #readAll}.
     */
    public static List<TokenRow> read(Connection connection, List<Account> accounts) throws SQLException {
        List<TokenRow> rows = new ArrayList<>();
        for (List<Account> some : statements(accounts)) {
            rows.addAll(
                    read(connection, SELECT + "wx_token WHERE app_id IN (" + literals(appIds(some)) + ") ORDER BY id",
                            TokenRepository::rows));
        }
        return rows;
    }

    /**
     * Executes statements that change nothing and need the rights that a run needs.
     * @throws SQLException when this user lacks one of them
     */
    public static void checkRights(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("UPDATE wx_token SET `value` = '', version = version + 1 WHERE 1 = 0");
            statement.executeUpdate("INSERT INTO wx_token (id, type, expire, `value`, app_id)"
                    + " SELECT id, type, expire, `value`, app_id FROM wx_token WHERE 1 = 0");
        }
    }

    /** Reads the accounts' rows over a connection of the pool. */
    public List<TokenRow> read(List<Account> accounts) {
        return jdbcTemplate.execute((ConnectionCallback<List<TokenRow>>) connection -> read(connection, accounts));
    }

    /**
     * Reads the app ids of all rows.
     * @param ended only those whose last value ended at least this long ago; null for all
     */
    public Set<String> appIds(Duration ended) {
        return new TreeSet<>(jdbc
            .sql("SELECT app_id FROM wx_token GROUP BY app_id"
                    + (ended == null ? "" : " HAVING MAX(expires_at) <= UNIX_TIMESTAMP() - " + ended.toSeconds()))
            .query(String.class)
            .list());
    }

    /** Reads the app ids and types of all rows of these types. */
    static Set<RowKey> keys(Connection connection, List<String> types) throws SQLException {
        return read(connection, "SELECT DISTINCT app_id, type FROM wx_token WHERE type IN (" + literals(types) + ")",
                row -> {
                    Set<RowKey> keys = new HashSet<>();
                    while (row.next()) {
                        keys.add(new RowKey(row.getString(1), row.getString(2)));
                    }
                    return keys;
                });
    }

    /**
     * Executes the due check's query.
     * @param from tables of which one counts the rows that are {@code present}; without
     * rows that may be due it yields a row of that count and NULLs
     */
    static DueQuery.Found readDue(Connection connection, String from) throws SQLException {
        return read(connection, SELECT.replaceFirst("id,", "present, id,") + from, row -> {
            List<TokenRow> rows = new ArrayList<>();
            long present = 0;
            while (row.next()) {
                present = row.getLong("present");
                if (row.getObject("id") != null) {
                    rows.add(map(row, row.getRow()));
                }
            }
            return new DueQuery.Found(present, rows);
        });
    }

    /**
     * Divides accounts so that each part's app ids fit into one statement: a server may
     * refuse statements of over 1 MB (max_allowed_packet).
     */
    static List<List<Account>> statements(List<Account> accounts) {
        List<List<Account>> parts = new ArrayList<>();
        for (int from = 0; from < accounts.size(); from += ACCOUNTS_IN_A_STATEMENT) {
            parts.add(accounts.subList(from, Math.min(accounts.size(), from + ACCOUNTS_IN_A_STATEMENT)));
        }
        return parts;
    }

    /** The app ids that the accounts' rows have; the first account's may have none. */
    static List<String> appIds(List<Account> accounts) {
        return accounts.stream()
            .flatMap(account -> account.first() ? Stream.of(account.appId(), "") : Stream.of(account.appId()))
            .toList();
    }

    /**
     * Writes values as a list of literals, because a driver takes much longer for
     * thousands of parameters.
     * @param values app ids, as the settings allow them, and the like
     */
    static String literals(List<String> values) {
        String literals = String.join("', '", values);
        // the settings' rules do not allow them in an app id
        if (literals.contains("\\")
                || literals.length() - literals.replace("'", "").length() != 2 * (values.size() - 1)) {
            throw new IllegalArgumentException("an app id with a quote or a backslash");
        }
        return "'" + literals + "'";
    }

    /** Maps the rows of a result. */
    private interface Mapping<T> {

        T map(ResultSet rows) throws SQLException;

    }

    private static <T> T read(Connection connection, String sql, Mapping<T> mapping) throws SQLException {
        try {
            return query(connection, sql, mapping);
        }
        catch (SQLException e) {
            if (!DatabaseErrors.lacksSchema(e)) {
                throw e;
            }
            return query(connection, forOlderSchema(sql), mapping);
        }
    }

    private static <T> T query(Connection connection, String sql, Mapping<T> mapping) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.setEscapeProcessing(false); // the driver need not look through the
                                                  // app ids
            try (ResultSet rows = statement.executeQuery(sql)) {
                return mapping.map(rows);
            }
        }
    }

    private static List<TokenRow> rows(ResultSet row) throws SQLException {
        List<TokenRow> rows = new ArrayList<>();
        while (row.next()) {
            rows.add(map(row, row.getRow()));
        }
        return rows;
    }

    /**
     * Reads these rows again. A row that was deleted meanwhile is returned as it was, and
     * can't be claimed.
     * @param seen not empty
     */
    public Map<RowKey, TokenRow> readAgain(Map<RowKey, TokenRow> seen) {
        Map<Integer, TokenRow> now = new HashMap<>();
        sql(SELECT + "wx_token WHERE id IN (:ids)").param("ids", seen.values().stream().map(TokenRow::id).toList())
            .query(TokenRepository::map)
            .list()
            .forEach(row -> now.put(row.id(), row));
        Map<RowKey, TokenRow> again = new HashMap<>();
        seen.forEach((key, row) -> again.put(key, now.getOrDefault(row.id(), row)));
        return again;
    }

    /** Reads one row; empty when it was deleted. */
    public Optional<TokenRow> read(int id) {
        return sql(SELECT + "wx_token WHERE id = :id").param("id", id).query(TokenRepository::map).optional();
    }

    /**
     * Finds the accounts' rows, and adds those that are missing.
     * @param known the accounts' rows, as just read, by id
     * @throws DataRetrievalFailureException when added rows can't be read back
     */
    public RowSet findOrAdd(List<TokenRow> known, List<Account> accounts) {
        RowSet found = RowSet.of(known, accounts);
        for (int attempt = 1; attempt <= ATTEMPTS_TO_ADD; attempt++) {
            int missing = found.missing().size();
            if (missing == 0) {
                return found;
            }
            // New ids count up from the highest id, which is read before the rows. Nodes
            // that add the same rows at once therefore choose the same ids; for each id
            // one node succeeds, and the others read again.
            int id = jdbc.sql("SELECT COALESCE(MAX(id), 0) FROM wx_token").query(Integer.class).single();
            found = RowSet.of(read(accounts), accounts);
            for (RowKey key : found.missing()) {
                if (!add(++id, key)) {
                    break;
                }
            }
            if (found.missing().size() < missing) {
                attempt = 1; // another node may be adding many rows
            }
            // the member or replica that answers reads may be behind
            if (attempt > 2) {
                LockSupport.parkNanos(Duration.ofMillis(ThreadLocalRandom.current().nextLong(100, 400)).toNanos());
            }
        }
        throw new DataRetrievalFailureException(
                "rows that were added to wx_token can't be read back: reads are answered by a replica"
                        + " that is behind. Let the job read from the server that it writes to");
    }

    /**
     * Adds an empty row.
     * @return false when another node has added a row with this id
     */
    private boolean add(int id, RowKey key) {
        try {
            return updateOne(jdbc
                .sql("INSERT INTO wx_token (id, type, expire, `value`, app_id) VALUES (:id, :type, '0', '', :appId)")
                .param("id", id)
                .param("type", key.type())
                .param("appId", key.appId()));
        }
        catch (DuplicateKeyException e) {
            return false;
        }
    }

    /**
     * Protocol step 2: claims the row. The claim clears the request, because the fetch
     * that now begins answers it. The claim counts as a failure until it is published;
     * otherwise runs that die after their fetch would use up the day's quota with a fetch
     * for each lease.
     * @param lease whole seconds
     * @return empty when the row is no longer what was read, because another run or an
     * application was faster
     */
    public Optional<Claim> claim(TokenRow seen, String run, Duration lease) {
        boolean claimed = updateOneOrLose(sql("""
                UPDATE wx_token
                   SET version = version + 1, claimed_by = :run, claimed_until = UNIX_TIMESTAMP() + :lease,
                       refresh_requested = 0, doomed = 0, failures = failures + 1,
                       retry_after = UNIX_TIMESTAMP() + :lease + :backOff, failed_by = '',
                       errcode = :errcode, last_error = :error
                 WHERE id = :id AND version = :version AND app_id = :appId
                   AND COALESCE(`value`, '') = :value AND COALESCE(expire, '') = :expire
                """).param("run", run)
            .param("lease", lease.toSeconds())
            .param("backOff", ErrorCode.backOff(seen.lastRefresh().failures() + 1))
            .param("errcode", null, Types.INTEGER)
            .param("error", TokenRow.unfinished(run))
            .param("id", seen.id())
            .param("version", seen.version())
            .param("value", seen.value())
            .param("expire", seen.stored().expire())
            .param("appId", seen.appId()));
        return claimed ? Optional.of(new Claim(seen, seen.version() + 1, run)) : Optional.empty();
    }

    /**
     * Protocol step 4: publishes the value, but only over the value that the claim saw,
     * and only while the claim is still this run's. {@code refresh_requested} is left as
     * it is, because it may have been set while the fetch was under way. A refresh token
     * is stored together with the value, over the one that WeChat was asked with, or
     * neither is.
     * @param appId the account that the row belongs to from now on, if it had no app id
     * @param notAgainFor seconds in which WeChat is not asked again
     * @return false when fenced: the lease lapsed and another run took over, or another
     * program wrote the row or the refresh token
     */
    boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
        return fetched.rotation() == null
                ? updateOne(publishing(jdbc, PUBLISH, claim, fetched, notAgainFor).param("appId", appId))
                : updateOne(() -> publishBoth(claim, fetched, notAgainFor), ATTEMPTS);
    }

    private StatementSpec publishing(JdbcClient client, String sql, Claim claim, FetchedValue fetched,
            long notAgainFor) {
        return sql(client, sql).param("value", fetched.value())
            .param("obtainedAgo", fetched.obtainedAgo())
            .param("timeLeft", fetched.timeLeft())
            .param("fingerprint", Fingerprint.of(fetched.value()))
            .param("notAgainFor", notAgainFor)
            .param("errcode", null, Types.INTEGER)
            .param("id", claim.seen().id())
            .param("version", claim.version())
            .param("run", claim.run())
            .param("seen", claim.seen().value());
    }

    /**
     * Publishes a value and its refresh token by one statement, because a run that is
     * frozen between two would hold the locks of both rows. H2 has no such statement, and
     * no other process that could wait.
     * @return 1, or 0 when nothing was changed
     */
    private int publishBoth(Claim claim, FetchedValue fetched, long notAgainFor) {
        Rotation rotation = fetched.rotation();
        return jdbcTemplate.execute((ConnectionCallback<Integer>) connection -> {
            JdbcClient client = JdbcClient.create(new SingleConnectionDataSource(connection, true));
            if (!connection.getMetaData().getURL().startsWith("jdbc:h2:")) {
                return Math.min(1,
                        publishing(client, PUBLISH_BOTH, claim, fetched, notAgainFor)
                            .param("authorizer", rotation.appId())
                            .param("used", rotation.used())
                            .param("next", rotation.next())
                            .update());
            }
            connection.setAutoCommit(false);
            boolean both = publishing(client, PUBLISH, claim, fetched, notAgainFor).param("appId", rotation.appId())
                .update() == 1 && Authorizers.store(client, rotation);
            if (both) {
                connection.commit();
            }
            else {
                connection.rollback();
            }
            connection.setAutoCommit(true);
            return both ? 1 : 0;
        });
    }

    /**
     * Protocol step 5: requests a refresh, because this run's fetch may have killed the
     * value that the row now holds. The version does not change, so no other run is
     * fenced. A statement that breaks is tried once more, because no other run knows of
     * the dead value; it gets another connection, because the pool drops a broken one.
     */
    public void requestAfterFence(int id) {
        StatementSpec request = sql("UPDATE wx_token SET doomed = 2, refresh_requested = 2 WHERE id = :id").param("id",
                id);
        try {
            updateOne(request);
        }
        catch (CannotGetJdbcConnectionException e) {
            throw e; // the pool has tried for long enough
        }
        catch (DataAccessException e) {
            updateOne(request);
        }
    }

    /**
     * Requests the refresh of a value that is dead.
     * @return false when the row no longer holds that value
     */
    public boolean requestFor(int id, String deadValue) {
        return updateOne(sql("""
                UPDATE wx_token SET doomed = CASE doomed WHEN 0 THEN 1 ELSE doomed END,
                       refresh_requested = CASE refresh_requested WHEN 0 THEN 1 ELSE refresh_requested END
                 WHERE id = :id AND `value` = :value
                """).param("id", id).param("value", deadValue));
    }

    /**
     * Claims the next probe of the value for this run.
     * @return false when another run was faster
     */
    public boolean claimProbe(TokenRow seen) {
        return updateOneOrLose(jdbc.sql("""
                UPDATE wx_token SET probed_at = UNIX_TIMESTAMP()
                 WHERE id = :id AND `value` = :value AND probed_at = :probedAt
                """).param("id", seen.id()).param("value", seen.value()).param("probedAt", seen.probedAt()));
    }

    /**
     * Counts a forced refresh, before WeChat is asked for it.
     * @return false when another run was faster
     */
    public boolean countForced(TokenRow seen, int count) {
        return updateOneOrLose(jdbc.sql("""
                UPDATE wx_token SET forced_at = UNIX_TIMESTAMP(), forced_count = :count
                 WHERE id = :id AND forced_at = :forcedAt
                """).param("count", count).param("id", seen.id()).param("forcedAt", seen.forced().at()));
    }

    /**
     * Protocol step 6, a definite answer: releases the claim. A row with failures stays
     * due.
     * @param failure the columns that the row keeps
     * @return false when fenced
     */
    public boolean release(Claim claim, Failure failure) {
        return updateOne(sql("""
                UPDATE wx_token
                   SET claimed_by = NULL, claimed_until = 0, version = version + 1, failures = :failures,
                       retry_after = UNIX_TIMESTAMP() + :notAgainFor, failed_by = :refusedCaller,
                       errcode = :errcode, last_error = :error
                 WHERE id = :id AND version = :version AND claimed_by = :run
                """).param("failures", failure.inARow())
            .param("notAgainFor", failure.notAgainFor())
            .param("refusedCaller", failure.refusedCaller())
            .param("errcode", failure.errcode(), Types.INTEGER)
            .param("error", cutToColumn(failure.error()))
            .param("id", claim.seen().id())
            .param("version", claim.version())
            .param("run", claim.run()));
    }

    /**
     * Protocol step 6, an unknown outcome: leaves the claim to lapse, and stores the
     * reason.
     * @return false when fenced
     */
    public boolean leaveToLapse(Claim claim, String error) {
        return updateOne(jdbc
            .sql("UPDATE wx_token SET last_error = :error WHERE id = :id AND version = :version AND claimed_by = :run")
            .param("error", cutToColumn(error))
            .param("id", claim.seen().id())
            .param("version", claim.version())
            .param("run", claim.run()));
    }

    /** Cuts a message to the length of the column {@code last_error}. */
    static String cutToColumn(String error) {
        return error.length() <= 255 ? error : error.substring(0, 254) + "…";
    }

    /**
     * Executes a statement that changes one row or none. A statement that lost a
     * conflict, or met a server that no longer takes writes, is repeated; by then the
     * pool has replaced that server's connection. Each statement may be repeated, because
     * it compares the row with what was read, or changes nothing the second time. A lock
     * that another session holds is waited for in each attempt.
     * @return whether it changed a row
     */
    private static boolean updateOne(StatementSpec statement) {
        return updateOne(statement::update, ATTEMPTS);
    }

    private static boolean updateOne(IntSupplier statement, int attemptsToLock) {
        for (int attempt = 1;; attempt++) {
            try {
                int rows = statement.getAsInt();
                if (rows > 1) {
                    throw new IllegalStateException(
                            "one statement changed " + rows + " rows of wx_token: its id is not unique");
                }
                return rows == 1;
            }
            catch (DataAccessException e) {
                boolean mayRepeat = DatabaseErrors.waitedForALock(e) ? attempt < attemptsToLock
                        : attempt < ATTEMPTS && (DatabaseErrors.lostAConflict(e) || DatabaseErrors.takesNoWrites(e));
                if (!mayRepeat) {
                    throw e;
                }
                LockSupport.parkNanos(Duration.ofMillis(ThreadLocalRandom.current().nextLong(20, 200)).toNanos());
            }
        }
    }

    /**
     * As {@link #updateOne}, but returns false when each attempt lost a conflict, and
     * fails soon when another session holds the row's lock.
     */
    private static boolean updateOneOrLose(StatementSpec claim) {
        try {
            return updateOne(claim::update, ATTEMPTS_TO_LOCK);
        }
        catch (DataAccessException e) {
            if (DatabaseErrors.lostAConflict(e)) {
                return false;
            }
            throw e;
        }
    }

    private static TokenRow map(ResultSet row, int number) throws SQLException {
        return new TokenRow(row.getInt("id"), row.getString("app_id"), row.getString("type"),
                new Stored(row.getString("expire"), row.getString("value"), row.getLong("expires_at"),
                        row.getString("fingerprint")),
                row.getLong("version"), new ClaimMark(row.getString("claimed_by"), row.getLong("claimed_until")),
                row.getInt("refresh_requested"), row.getInt("doomed"), row.getLong("probed_at"),
                new LastRefresh(row.getInt("failures"), row.getLong("retry_after"), row.getString("failed_by"),
                        row.getString("last_error"), row.getObject("errcode", Integer.class)),
                new Forced(row.getLong("forced_at"), row.getInt("forced_count")), row.getLong("db_now"));
    }

}
