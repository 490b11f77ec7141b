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
 * What a run does first: it reads the rows and finds out whether anything is due. In most
 * runs nothing is, and then neither Spring's context nor a pool, Flyway or the job is
 * started, and nothing is written. It takes one connection and one statement, or two when
 * something is due; the job then goes on with these rows, over the same connection.
 *
 * @param nothingDue the run has nothing to do
 * @param schema the schema's state; when nothing is due it is not read, and taken for
 * complete
 * @param readable the table was there, with all columns, and this user may read it;
 * otherwise there are no rows
 * @param rows the table's rows and which of them are the configured accounts'
 * @param readAt {@link System#nanoTime()} before they were read
 */
public record DueCheck(boolean nothingDue, Schema.State schema, boolean readable, RowSet rows, long readAt) {

    /**
     * @throws SQLException when the database can't be reached, or refuses
     */
    public static DueCheck of(RunDatabase database, WxProperties wx, RefreshOptions options) throws SQLException {
        try {
            return once(database, wx, options);
        }
        catch (SQLException e) {
            if (!database.severalServers() || !DatabaseErrors.isForAnotherServer(e)) {
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
            // Flyway has not made the table, or not in this version
            if (DatabaseErrors.lacksSchema(e) || DatabaseErrors.denies(e)) {
                return new DueCheck(false, Schema.State.UNREADY, false, RowSet.EMPTY, System.nanoTime());
            }
            throw e;
        }
    }
}
