package io.wxtoken.token;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

import javax.sql.DataSource;

import org.springframework.dao.DuplicateKeyException;
import org.springframework.jdbc.core.simple.JdbcClient;

import io.wxtoken.settings.Account;
import io.wxtoken.wechat.Answer;

/**
 * Every statement on {@code wx_token}. Each is committed at once (the pool's connections are in autocommit, and nothing
 * here runs in a transaction), touches one row by its primary key, and takes the time from the database. An expected
 * conflict is a {@code false} or an empty result; a surprise is an exception.
 */
public class TokenRows {

    private static final int ATTEMPTS_TO_ADD = 20;

    private static final String SELECT = """
            SELECT id, app_id, type, expire, `value`, expires_at, version, claimed_by, claimed_until, refresh_requested,
                   fingerprint, failures, retry_after, last_error, UNIX_TIMESTAMP() AS db_now
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

    /** One row; empty when somebody deleted it. */
    public Optional<TokenRow> read(int id) {
        return jdbc.sql(SELECT + " WHERE id = :id").param("id", id).query(TokenRows::map).optional();
    }

    /**
     * The row of this account and type: the first by id that is its own, or nobody's yet, such as the source's row 1.
     * One that is missing is added.
     *
     * @param known all rows, as just read
     */
    public TokenRow findOrAdd(String appId, String type, List<TokenRow> known) {
        for (int attempt = 1; attempt <= ATTEMPTS_TO_ADD; attempt++) {
            Optional<TokenRow> row = known.stream()
                .filter(r -> r.type().equals(type) && (r.appId().isEmpty() || r.appId().equals(appId)))
                .findFirst();
            if (row.isPresent()) {
                return row.get();
            }
            // One more than the highest id read: nodes that add the same row at once choose the same id, and one of them wins.
            add(known.stream().mapToInt(TokenRow::id).max().orElse(0) + 1, appId, type);
            known = readAll();
        }
        throw new IllegalStateException("can't add a row for " + appId + " to wx_token: others keep taking its id");
    }

    private void add(int id, String appId, String type) {
        try {
            jdbc.sql("INSERT INTO wx_token (id, type, expire, `value`, app_id) VALUES (:id, :type, '0', '', :appId)")
                .param("id", id)
                .param("type", type)
                .param("appId", appId)
                .update();
        }
        catch (DuplicateKeyException e) {
            // taken by another node meanwhile, for this row or for another: the caller reads again
        }
    }

    /**
     * Protocol step 2. Clears the request, since only a fetch begun after it answers it.
     *
     * @param lease whole seconds
     * @return empty when the row is no longer what was read: somebody else was faster
     */
    public Optional<Claim> claim(TokenRow seen, String run, Duration lease) {
        boolean won = one(jdbc.sql("""
                UPDATE wx_token
                   SET version = version + 1, claimed_by = :run, claimed_until = UNIX_TIMESTAMP() + :lease, refresh_requested = 0
                 WHERE id = :id AND version = :version AND `value` = :value AND expire = :expire
                """)
            .param("run", run)
            .param("lease", lease.toSeconds())
            .param("id", seen.id())
            .param("version", seen.version())
            .param("value", seen.value())
            .param("expire", seen.expire())
            .update());
        return won ? Optional.of(new Claim(seen, seen.version() + 1, run)) : Optional.empty();
    }

    /**
     * Protocol step 4: only over the very value that the claim saw, and only while the claim is still ours. It does not
     * touch {@code refresh_requested}, which may have been set while the fetch was under way.
     *
     * @param age whole seconds since the token was asked for
     * @param lifeUsed seconds of the token's life that were over when WeChat answered
     * @return false when fenced: the lease lapsed and another run took over, or another program wrote the row
     */
    public boolean publish(Claim claim, Account account, Answer.Issued token, long age, long lifeUsed) {
        return one(jdbc.sql("""
                UPDATE wx_token
                   SET `value` = :value, expire = UNIX_TIMESTAMP() - :obtainedAgo, expires_at = UNIX_TIMESTAMP() + :timeLeft,
                       app_id = :appId, fingerprint = :fingerprint, version = version + 1, claimed_by = NULL, claimed_until = 0,
                       failures = 0, retry_after = 0, last_error = ''
                 WHERE id = :id AND version = :version AND claimed_by = :run AND `value` = :seen
                """)
            .param("value", token.value())
            .param("obtainedAgo", age + lifeUsed)
            .param("timeLeft", token.expiresIn() - age)
            .param("appId", account.appId())
            .param("fingerprint", Fingerprint.of(token.value()))
            .param("id", claim.seen().id())
            .param("version", claim.version())
            .param("run", claim.run())
            .param("seen", claim.seen().value())
            .update());
    }

    /** Protocol step 5: what the row now holds may have been killed by our fetch. No version bump, so nobody is fenced by it. */
    public void requestRefresh(int id) {
        one(jdbc.sql("UPDATE wx_token SET refresh_requested = 1 WHERE id = :id").param("id", id).update());
    }

    /** Protocol step 6, a definite answer: gives the claim back. The row stays due, by {@code failures}, from {@code retryAfter} on. */
    public boolean giveBack(Claim claim, long retryAfter, String error) {
        return fail(claim, "claimed_by = NULL, claimed_until = 0, version = version + 1,", retryAfter, error);
    }

    /** Protocol step 6, an unknown outcome: leaves the claim to lapse, and remembers why. */
    public boolean leaveToLapse(Claim claim, long retryAfter, String error) {
        return fail(claim, "", retryAfter, error);
    }

    private boolean fail(Claim claim, String release, long retryAfter, String error) {
        return one(jdbc.sql("UPDATE wx_token SET " + release + """
                 failures = failures + 1, retry_after = :retryAfter, last_error = :error
                 WHERE id = :id AND version = :version AND claimed_by = :run
                """)
            .param("retryAfter", retryAfter)
            .param("error", error.length() <= 255 ? error : error.substring(0, 254) + "…")
            .param("id", claim.seen().id())
            .param("version", claim.version())
            .param("run", claim.run())
            .update());
    }

    private static boolean one(int rows) {
        if (rows > 1) {
            throw new IllegalStateException("one statement changed " + rows + " rows of wx_token: its id is not unique");
        }
        return rows == 1;
    }

    private static TokenRow map(ResultSet row, int number) throws SQLException {
        return new TokenRow(row.getInt("id"), row.getString("app_id"), row.getString("type"), row.getString("expire"),
                row.getString("value"), row.getLong("expires_at"), row.getLong("version"), row.getString("claimed_by"),
                row.getLong("claimed_until"), row.getInt("refresh_requested") != 0, row.getString("fingerprint"),
                row.getInt("failures"), row.getLong("retry_after"), row.getString("last_error"), row.getLong("db_now"));
    }
}
