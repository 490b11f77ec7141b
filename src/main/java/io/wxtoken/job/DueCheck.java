package io.wxtoken.job;

import java.sql.Connection;
import java.sql.SQLException;

import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.database.RunDatabase;
import io.wxtoken.database.Schema;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.RefreshPolicy;
import io.wxtoken.token.RowSet;
import io.wxtoken.token.TokenRepository;

/**
 * The first step of a run: it reads the rows and finds out whether anything is due. In
 * most runs nothing is due; then neither Spring's context nor the pool, Flyway or the job
 * is started, and nothing is written. The check takes one connection and one statement,
 * or two statements when something is due. The job then uses the same rows and the same
 * connection.
 *
 * @param nothingDue whether the run has nothing to do
 * @param schema the schema's state; it is not read when nothing is due, and then counts
 * as complete
 * @param readable whether the table exists with all columns and this user may read it;
 * otherwise there are no rows
 * @param rows the table's rows and which of them are the configured accounts'
 * @param readAt {@link System#nanoTime()} before the rows were read
 */
public record DueCheck(boolean nothingDue, Schema.State schema, boolean readable, RowSet rows, long readAt) {

    /**
     * Reads the rows and judges them.
     * @throws SQLException when the database can't be reached, or refuses
     */
    public static DueCheck of(RunDatabase database, WxProperties wx, RefreshOptions options) throws SQLException {
        try {
            return once(database, wx, options);
        }
        catch (SQLException e) {
            if (!database.hasSeveralServers() || !DatabaseErrors.isForAnotherServer(e)) {
                throw e;
            }
            database.useNextServer();
            return once(database, wx, options);
        }
    }

    private static DueCheck once(RunDatabase database, WxProperties wx, RefreshOptions options) throws SQLException {
        Connection connection = database.getConnection();
        database.keepForNextCall(connection);
        try {
            long readAt = System.nanoTime();
            RowSet rows = RowSet.of(TokenRepository.readAll(connection), wx.allAccounts());
            RefreshPolicy policy = new RefreshPolicy(wx.refresh(), wx.probe());
            boolean nothingDue = !options.force()
                    && options.accounts(wx).stream().allMatch(account -> policy.nothingDue(account, rows));
            return new DueCheck(nothingDue, nothingDue ? Schema.State.COMPLETE : Schema.state(connection), true, rows,
                    readAt);
        }
        catch (SQLException e) {
            database.close();
            // the table is missing, or lacks a column of this version
            if (DatabaseErrors.lacksSchema(e) || DatabaseErrors.denies(e)) {
                return new DueCheck(false, Schema.State.UNREADY, false, RowSet.EMPTY, System.nanoTime());
            }
            throw e;
        }
    }
}
