package io.wxtoken.job;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;

import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.database.RunDatabase;
import io.wxtoken.database.Schema;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.DueQuery;
import io.wxtoken.token.RefreshPolicy;
import io.wxtoken.token.RowSet;
import io.wxtoken.token.TokenRepository;
import io.wxtoken.wechat.Account;

/**
 * The first step of a run: it finds the accounts of which a row is due or missing. In
 * most runs nothing is due; then neither Spring's context nor the pool, Flyway or the job
 * is started, and nothing is written. The check takes one connection and one statement,
 * and two more when something is due. The job then uses the same rows and the same
 * connection.
 *
 * @param due the accounts that the job has to do with; none when the run has nothing to
 * do
 * @param schema the schema's state; it is not read when nothing is due, and then counts
 * as complete
 * @param readable whether the table exists with all columns and this user may read it;
 * otherwise there are no rows
 * @param rows the rows of the accounts that are due, and of others that are wanted
 * @param readAt {@link System#nanoTime()} before the rows were read
 */
public record DueCheck(List<Account> due, Schema.State schema, boolean readable, RowSet rows, long readAt) {

    /**
     * Reads the rows and judges them.
     * @param accounts of the run
     * @param shown the accounts whose rows are wanted whether they are due or not; none,
     * or at least the accounts of the run
     * @throws SQLException when the database can't be reached, or refuses
     */
    public static DueCheck of(RunDatabase database, WxProperties wx, List<Account> accounts, RefreshOptions options,
            List<Account> shown) throws SQLException {
        try {
            return once(database, wx, accounts, options, shown);
        }
        catch (SQLException e) {
            if (!database.hasSeveralServers() || !DatabaseErrors.isForAnotherServer(e)) {
                throw e;
            }
            database.useNextServer();
            return once(database, wx, accounts, options, shown);
        }
    }

    private static DueCheck once(RunDatabase database, WxProperties wx, List<Account> accounts, RefreshOptions options,
            List<Account> shown) throws SQLException {
        Connection connection = database.getConnection();
        database.keepForNextCall(connection);
        try {
            RefreshPolicy policy = new RefreshPolicy(wx.refresh(), wx.probe());
            List<Account> judged = !shown.isEmpty() || options.force() ? accounts
                    : List.copyOf(new DueQuery(connection, policy).mayNeedRun(accounts));
            List<Account> wanted = shown.isEmpty() ? judged : shown;
            long readAt = System.nanoTime();
            RowSet rows = RowSet.of(TokenRepository.read(connection, wanted), wanted);
            List<Account> due = options.force() ? accounts
                    : judged.stream().filter(account -> !policy.nothingDue(account, rows)).toList();
            return new DueCheck(due, due.isEmpty() ? Schema.State.COMPLETE : Schema.state(connection), true, rows,
                    readAt);
        }
        catch (SQLException e) {
            database.close();
            // the table is missing, or lacks a column of this version
            if (DatabaseErrors.lacksSchema(e) || DatabaseErrors.denies(e)) {
                return new DueCheck(accounts, Schema.State.UNREADY, false, RowSet.EMPTY, System.nanoTime());
            }
            throw e;
        }
    }

    /** Whether the run has nothing to do. */
    public boolean nothingDue() {
        return due.isEmpty();
    }
}
