package io.wxtoken.token;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;

import javax.sql.DataSource;

import org.springframework.dao.DataAccessException;
import org.springframework.dao.DataRetrievalFailureException;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.core.simple.JdbcClient.StatementSpec;

import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.token.TokenRow.ClaimMark;
import io.wxtoken.token.TokenRow.Forced;
import io.wxtoken.token.TokenRow.LastRefresh;
import io.wxtoken.token.TokenRow.Stored;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.ErrorCode;

/**
 * Every statement on {@code wx_token}. Each statement is committed at once (the pool's
 * connections are in autocommit, and nothing here runs in a transaction), touches one row
 * by its primary key, and takes the time from the database. An expected conflict is a
 * {@code false} or an empty result; a surprise is an exception. In a table made by hand
 * {@code expire} and {@code value} may be NULL, which counts as empty.
 */
public class TokenRepository {

    private static final int ATTEMPTS_TO_ADD = 20;

    private static final int ATTEMPTS = 5;

    private static final String SELECT = """
            SELECT id, app_id, type, COALESCE(expire, '') AS expire, COALESCE(`value`, '') AS `value`,
                   expires_at, version, claimed_by, claimed_until, refresh_requested, fingerprint, probed_at,
                   failures, retry_after, failed_by, last_error, errcode, forced_at, forced_count,
                   UNIX_TIMESTAMP() AS db_now
              FROM wx_token
            """;

    private final JdbcClient jdbc;

    private final boolean hasErrcode;

    public TokenRepository(DataSource dataSource) {
        this(dataSource, true);
    }

    /**
     * @param hasErrcode false when the schema is still at version 6, whose rows lack the
     * column {@code errcode}: a database user who may not change tables must not keep the
     * tokens from being refreshed
     */
    public TokenRepository(DataSource dataSource, boolean hasErrcode) {
        this.jdbc = JdbcClient.create(dataSource);
        this.hasErrcode = hasErrcode;
    }

    /** The statement, without the column that a schema at version 6 lacks. */
    private StatementSpec sql(String sql) {
        return jdbc
            .sql(hasErrcode ? sql : sql.replace(" errcode = :errcode,", "").replace(" errcode,", " NULL AS errcode,"));
    }

    /** All rows, by id. */
    public List<TokenRow> readAll() {
        return sql(SELECT + " ORDER BY id").query(TokenRepository::map).list();
    }

    /**
     * All rows, by id, over a bare connection, since loading Spring's JDBC costs more
     * than the statement. It reads a schema at version 6, too.
     * @throws SQLException when the table or one of its columns is missing, or the
     * database fails
     */
    public static List<TokenRow> readAll(Connection connection) throws SQLException {
        try {
            return readAll(connection, SELECT);
        }
        catch (SQLException e) {
            if (!DatabaseErrors.lacksSchema(e)) {
                throw e;
            }
            return readAll(connection, SELECT.replace(" errcode,", " NULL AS errcode,"));
        }
    }

    private static List<TokenRow> readAll(Connection connection, String select) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(select + " ORDER BY id")) {
            List<TokenRow> rows = new ArrayList<>();
            while (row.next()) {
                rows.add(map(row, row.getRow()));
            }
            return rows;
        }
    }

    /**
     * These rows as they are now; a row that somebody deleted stays as it was, and can't
     * be claimed.
     */
    public Map<RowKey, TokenRow> readAgain(Map<RowKey, TokenRow> seen) {
        Map<RowKey, TokenRow> now = new HashMap<>();
        seen.forEach((key, row) -> now.put(key, read(row.id()).orElse(row)));
        return now;
    }

    /** One row; empty when somebody deleted it. */
    public Optional<TokenRow> read(int id) {
        return sql(SELECT + " WHERE id = :id").param("id", id).query(TokenRepository::map).optional();
    }

    /**
     * The accounts' rows; those that are missing are added.
     * @param known all rows, as just read, by id
     */
    public RowSet findOrAdd(List<TokenRow> known, List<Account> accounts) {
        for (int attempt = 1; attempt <= ATTEMPTS_TO_ADD; attempt++) {
            RowSet found = RowSet.of(known, accounts);
            if (found.missing().isEmpty()) {
                return found;
            }
            // One after the other from the highest id that was read: nodes that add the
            // same rows at once choose the same
            // ids, and of each only one succeeds; the other reads again.
            int id = known.stream().mapToInt(TokenRow::id).max().orElse(0);
            for (RowKey key : found.missing()) {
                if (!add(++id, key)) {
                    break;
                }
            }
            // a cluster, or a replica that reads are sent to, may be behind
            if (attempt > 1) {
                LockSupport.parkNanos(Duration.ofMillis(ThreadLocalRandom.current().nextLong(100, 400)).toNanos());
            }
            known = readAll();
        }
        throw new DataRetrievalFailureException(
                "rows that were added to wx_token can't be read back: reads are answered by a replica"
                        + " that is behind. Let the job read where it writes");
    }

    /**
     * @return false when the id is taken, by another node's row for the same purpose or
     * for another
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
     * Protocol step 2. Clears the request, since only a fetch begun after it answers it.
     * Counts as a failure until it is published: a run that dies each time after its
     * fetch would else burn the day's quota, a fetch for each lease.
     * @param lease whole seconds
     * @return empty when the row is no longer what was read: somebody else was faster
     */
    public Optional<Claim> claim(TokenRow seen, String run, Duration lease) {
        boolean won = updateOneOrLose(sql("""
                UPDATE wx_token
                   SET version = version + 1, claimed_by = :run, claimed_until = UNIX_TIMESTAMP() + :lease,
                       refresh_requested = 0, failures = failures + 1,
                       retry_after = UNIX_TIMESTAMP() + :lease + :backOff, failed_by = '',
                       errcode = :errcode, last_error = :error
                 WHERE id = :id AND version = :version AND app_id = :appId
                   AND COALESCE(`value`, '') = :value AND COALESCE(expire, '') = :expire
                """).param("run", run)
            .param("lease", lease.toSeconds())
            .param("backOff", ErrorCode.backOff(seen.lastRefresh().failures() + 1))
            .param("errcode", null, Types.INTEGER)
            .param("error", "claimed by " + run + ", which did not finish")
            .param("id", seen.id())
            .param("version", seen.version())
            .param("value", seen.value())
            .param("expire", seen.stored().expire())
            .param("appId", seen.appId()));
        return won ? Optional.of(new Claim(seen, seen.version() + 1, run)) : Optional.empty();
    }

    /**
     * Protocol step 4: only over the very value that the claim saw, and only while the
     * claim is still ours. It does not touch {@code refresh_requested}, which may have
     * been set while the fetch was under way.
     * @param appId whose row it becomes, if it had no app id
     * @param notAgainFor seconds in which WeChat is not asked again
     * @return false when fenced: the lease lapsed and another run took over, or another
     * program wrote the row
     */
    public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
        return updateOne(sql("""
                UPDATE wx_token
                   SET probed_at = CASE WHEN `value` = :value THEN probed_at ELSE UNIX_TIMESTAMP() END,
                       `value` = :value, expire = UNIX_TIMESTAMP() - :obtainedAgo,
                       expires_at = UNIX_TIMESTAMP() + :timeLeft, app_id = :appId, fingerprint = :fingerprint,
                       version = version + 1, claimed_by = NULL, claimed_until = 0, failures = 0,
                       retry_after = UNIX_TIMESTAMP() + :notAgainFor, failed_by = '', errcode = :errcode,
                       last_error = ''
                 WHERE id = :id AND version = :version AND claimed_by = :run AND COALESCE(`value`, '') = :seen
                """).param("value", fetched.value())
            .param("obtainedAgo", fetched.obtainedAgo())
            .param("timeLeft", fetched.timeLeft())
            .param("appId", appId)
            .param("fingerprint", Fingerprint.of(fetched.value()))
            .param("notAgainFor", notAgainFor)
            .param("errcode", null, Types.INTEGER)
            .param("id", claim.seen().id())
            .param("version", claim.version())
            .param("run", claim.run())
            .param("seen", claim.seen().value()));
    }

    /**
     * Protocol step 5: what the row now holds may have been killed by our fetch. No
     * version bump, so nobody is fenced by it. As nobody else knows, a statement that
     * breaks is tried once more, on another connection: the pool drops one that broke.
     */
    public void requestAfterFence(int id) {
        StatementSpec request = jdbc.sql("UPDATE wx_token SET refresh_requested = 2 WHERE id = :id").param("id", id);
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
     * The value is dead: asks for its refresh, if the row still holds that very value.
     */
    public boolean requestFor(int id, String deadValue) {
        return updateOne(jdbc.sql("""
                UPDATE wx_token SET refresh_requested = GREATEST(refresh_requested, 1)
                 WHERE id = :id AND `value` = :value
                """).param("id", id).param("value", deadValue));
    }

    /** Makes this run the one that probes the value now. */
    public boolean claimProbe(TokenRow seen) {
        return updateOne(jdbc.sql("""
                UPDATE wx_token SET probed_at = UNIX_TIMESTAMP()
                 WHERE id = :id AND `value` = :value AND probed_at = :probedAt
                """).param("id", seen.id()).param("value", seen.value()).param("probedAt", seen.probedAt()));
    }

    /** Counts a forced refresh, before it is asked for. */
    public boolean countForced(TokenRow seen, int count) {
        return updateOne(jdbc.sql("""
                UPDATE wx_token SET forced_at = UNIX_TIMESTAMP(), forced_count = :count
                 WHERE id = :id AND forced_at = :forcedAt
                """).param("count", count).param("id", seen.id()).param("forcedAt", seen.forced().at()));
    }

    /**
     * Protocol step 6, a definite answer: releases the claim. A row with failures stays
     * due.
     * @param failure what the row keeps of it
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
     * Protocol step 6, an unknown outcome: leaves the claim to lapse, and remembers why.
     */
    public boolean leaveToLapse(Claim claim, String error) {
        return updateOne(jdbc
            .sql("UPDATE wx_token SET last_error = :error WHERE id = :id AND version = :version AND claimed_by = :run")
            .param("error", cutToColumn(error))
            .param("id", claim.seen().id())
            .param("version", claim.version())
            .param("run", claim.run()));
    }

    /** As much of it as {@code last_error} holds. */
    static String cutToColumn(String error) {
        return error.length() <= 255 ? error : error.substring(0, 254) + "…";
    }

    /**
     * One statement. Each may be made again: it compares what it saw, or changes nothing
     * the second time. So one that lost a conflict, or met a server that takes no writes
     * any more, is, and the pool has replaced that server's connection by then.
     */
    private static boolean updateOne(StatementSpec statement) {
        for (int attempt = 1;; attempt++) {
            try {
                int rows = statement.update();
                if (rows > 1) {
                    throw new IllegalStateException(
                            "one statement changed " + rows + " rows of wx_token: its id is not unique");
                }
                return rows == 1;
            }
            catch (DataAccessException e) {
                if (attempt == ATTEMPTS || !DatabaseErrors.lostAConflict(e) && !DatabaseErrors.takesNoWrites(e)) {
                    throw e;
                }
                LockSupport.parkNanos(Duration.ofMillis(ThreadLocalRandom.current().nextLong(20, 200)).toNanos());
            }
        }
    }

    /** As {@link #updateOne}; a conflict that goes on is lost. */
    private static boolean updateOneOrLose(StatementSpec claim) {
        try {
            return updateOne(claim);
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
                row.getInt("refresh_requested"), row.getLong("probed_at"),
                new LastRefresh(row.getInt("failures"), row.getLong("retry_after"), row.getString("failed_by"),
                        row.getString("last_error"), row.getObject("errcode", Integer.class)),
                new Forced(row.getLong("forced_at"), row.getInt("forced_count")), row.getLong("db_now"));
    }

}
