package io.wxtoken.history;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

import javax.sql.DataSource;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.SqlParameterValue;
import org.springframework.jdbc.core.simple.JdbcClient;

import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.token.RefreshEvent;
import io.wxtoken.token.RefreshListener;

/**
 * Holds every statement on {@code wx_token_history}. Several events are written in one
 * statement: when there are {@value #BATCH}, when the first of them has waited for a
 * while, and at the end of the run. If the statement fails, the run warns once and goes
 * on.
 * <p>
 * Writing keeps the table bounded: a run that wrote n rows deletes, with a probability of
 * n in {@value #EVERY}, up to 2 n of the oldest rows (or up to 2 times {@value #EVERY},
 * if that is more) that are older than {@code wx.history.keep}. So a backlog shrinks,
 * whatever the number of accounts, and most runs delete nothing.
 */
public final class RefreshHistory implements RefreshListener {

    static final int EVERY = 20;

    private static final int BATCH = 100;

    /**
     * The longest time that an event waits: a run that is killed loses no more than that.
     */
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(2);

    /**
     * The most rows that one statement deletes, because a cluster must agree on each
     * statement as a whole.
     */
    private static final int ROWS_A_DELETE = 1000;

    private static final String COLUMNS = "run, app_id, type, outcome, reason, fingerprint_before,"
            + " fingerprint_after, errcode, detail, recorded_at";

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    private final JdbcClient jdbc;

    private final String run;

    private final Duration keep;

    private final List<Pending> pending = new ArrayList<>();

    private boolean disabled;

    private int written;

    /**
     * @param since {@link System#nanoTime()} of the event
     */
    private record Pending(RefreshEvent event, long since) {

        Duration age() {
            return Duration.ofNanos(System.nanoTime() - since);
        }
    }

    /**
     * @param run the run that writes, as in {@code claimed_by}
     * @param exists whether the table exists; otherwise nothing is written
     */
    public RefreshHistory(DataSource dataSource, String run, Duration keep, boolean exists) {
        this.jdbc = JdbcClient.create(dataSource);
        this.run = run;
        this.keep = keep;
        this.disabled = !exists;
    }

    @Override
    public void happened(RefreshEvent event) {
        List<Pending> full = List.of();
        synchronized (this) {
            pending.add(new Pending(event, System.nanoTime()));
            if (pending.size() >= BATCH || pending.get(0).age().compareTo(LONGEST_WAIT) > 0) {
                full = takePending();
            }
        }
        write(full);
    }

    /**
     * Ends the run's record: writes the events that are left, and now and then deletes
     * old rows. It never throws.
     */
    public void finish() {
        List<Pending> rest;
        synchronized (this) {
            rest = takePending();
        }
        write(rest);
        if (ThreadLocalRandom.current().nextInt(EVERY) < written) {
            clean(2 * Math.max(EVERY, written));
        }
    }

    private List<Pending> takePending() {
        List<Pending> taken = disabled ? List.of() : List.copyOf(pending);
        pending.clear();
        return taken;
    }

    private void write(List<Pending> events) {
        if (events.isEmpty()) {
            return;
        }
        List<Object> values = new ArrayList<>();
        for (Pending waiting : events) {
            RefreshEvent event = waiting.event();
            Collections.addAll(values, run, event.appId(), event.type(), event.kind().toString(), event.reason(),
                    event.fingerprintBefore(), event.fingerprintAfter(),
                    new SqlParameterValue(Types.INTEGER, event.errcode()), cutToColumn(event.detail()),
                    waiting.age().toSeconds());
        }
        try {
            jdbc.sql("INSERT INTO wx_token_history (" + COLUMNS + ") VALUES "
                    + String.join(", ",
                            Collections.nCopies(events.size(), "(?, ?, ?, ?, ?, ?, ?, ?, ?, UNIX_TIMESTAMP() - ?)")))
                .params(values)
                .update();
            synchronized (this) {
                written += events.size();
            }
        }
        catch (DataAccessException e) {
            log.debug("stack trace", e);
            synchronized (this) {
                if (!disabled) {
                    disabled = true;
                    log.warn("wx_token_history can't be written: what this run did is not recorded there, but the"
                            + " tokens are not affected{}", advice(e));
                }
            }
        }
    }

    private static String advice(DataAccessException e) {
        Throwable why = NestedExceptionUtils.getMostSpecificCause(e);
        String said = " ("
                + String.valueOf(why.getMessage()).lines().findFirst().orElse("").replace("; SQL statement:", "") + ")";
        if (!(why instanceof SQLException cause)) {
            return said;
        }
        return said + (DatabaseErrors.denies(cause) ? ". Run config/mysql/grants.sql"
                : DatabaseErrors.lacksSchema(cause) ? ". If another program has a table of this"
                        + " name, rename that table; then drop wx_token_schema_history, and the next run, or wx-token"
                        + " migrate, creates what is missing" : "");
    }

    private static String cutToColumn(String detail) {
        return detail.length() <= 255 ? detail : detail.substring(0, 254) + "…";
    }

    /**
     * Deletes rows that are older than {@code wx.history.keep}.
     * @param most how many rows at most
     */
    void clean(int most) {
        try {
            for (int left = most; left > 0; left -= ROWS_A_DELETE) {
                int limit = Math.min(left, ROWS_A_DELETE);
                // The oldest rows are found by id, because the time has no index. So no
                // more rows are read than deleted.
                Long last = jdbc.sql("""
                        SELECT MAX(id)
                          FROM (SELECT id, recorded_at FROM wx_token_history ORDER BY id LIMIT :limit) oldest
                         WHERE recorded_at < UNIX_TIMESTAMP() - :keep
                        """)
                    .param("limit", limit)
                    .param("keep", keep.toSeconds())
                    .query(Long.class)
                    .optional()
                    .orElse(null);
                if (last == null) {
                    return;
                }
                jdbc.sql("DELETE FROM wx_token_history WHERE id <= :last AND recorded_at < UNIX_TIMESTAMP() - :keep")
                    .param("last", last)
                    .param("keep", keep.toSeconds())
                    .update();
            }
        }
        catch (DataAccessException e) {
            // another node is deleting, or the database has a problem that is reported
            // elsewhere
            log.debug("old history is left to a later run", e);
        }
    }

    /**
     * Executes statements that change nothing and need the rights that a run needs.
     * @throws SQLException when this user lacks one of them
     */
    public static void checkRights(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("INSERT INTO wx_token_history (" + COLUMNS + ") SELECT " + COLUMNS
                    + " FROM wx_token_history WHERE 1 = 0");
            statement.executeUpdate("DELETE FROM wx_token_history WHERE 1 = 0");
        }
    }

    /**
     * One row of {@code wx_token_history}, with the names of its columns.
     */
    public record Entry(long id, Instant recordedAt, String run, String appId, String type, String outcome,
            String reason, String fingerprintBefore, String fingerprintAfter, Integer errcode, String detail) {
    }

    /**
     * Reads the newest entries, and returns the oldest of them first.
     * @param appId the account whose entries are read; null for all accounts
     * @param last how many entries at most
     * @throws SQLException when the table is missing, this user may not read it, or the
     * database can't be reached
     */
    public static List<Entry> read(Connection connection, String appId, int last) throws SQLException {
        try (PreparedStatement statement = connection
            .prepareStatement("SELECT id, " + COLUMNS + " FROM wx_token_history"
                    + (appId == null ? "" : " WHERE app_id = ?") + " ORDER BY id DESC LIMIT " + last)) {
            if (appId != null) {
                statement.setString(1, appId);
            }
            List<Entry> entries = new ArrayList<>();
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    entries.add(new Entry(row.getLong("id"), Instant.ofEpochSecond(row.getLong("recorded_at")),
                            row.getString("run"), row.getString("app_id"), row.getString("type"),
                            row.getString("outcome"), row.getString("reason"), row.getString("fingerprint_before"),
                            row.getString("fingerprint_after"), row.getObject("errcode", Integer.class),
                            row.getString("detail")));
                }
            }
            Collections.reverse(entries);
            return entries;
        }
    }

}
