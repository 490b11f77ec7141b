package io.wxtoken.job;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.database.RunDatabase;
import io.wxtoken.database.Schema;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.Authorizers;
import io.wxtoken.token.DueQuery;
import io.wxtoken.token.RefreshPolicy;
import io.wxtoken.token.RowSet;
import io.wxtoken.token.TokenRepository;
import io.wxtoken.wechat.Account;

/**
 * The first step of a run: it finds the accounts of which a row is due or missing. In
 * most runs nothing is due; then neither Spring's context nor the pool, Flyway or the job
 * is started, and nothing is written. The check takes one connection and one statement
 * (two with a third-party platform), and two more when something is due. The job then
 * uses the same rows and the same connection.
 *
 * @param of the accounts that were judged; where that is up to the database, the accounts
 * that it named
 * @param due the accounts that the job has to do with; none when the run has nothing to
 * do
 * @param shown the accounts whose rows were wanted whether they are due or not
 * @param schema the schema's state; it is not read when nothing is due, and then counts
 * as complete
 * @param readable whether the table exists with all columns and this user may read it;
 * otherwise there are no rows
 * @param rows the rows of the accounts that are due, and of others that are wanted
 * @param readAt {@link System#nanoTime()} before the rows were read
 * @param ticketReceivedAt when the platform's ticket came, in Unix seconds; 0 without
 * one, or if not all accounts are shown
 */
public record DueCheck(List<Account> of, List<Account> due, List<Account> shown, Schema.State schema, boolean readable,
        RowSet rows, long readAt, long ticketReceivedAt) {

    /** Which accounts' rows are wanted whether they are due or not. */
    public enum Wanted {

        /** None. */
        DUE,

        /** Those that the run is for. */
        OF_RUN,

        ALL

    }

    /**
     * Reads the rows and judges them.
     * @throws io.wxtoken.settings.InvalidSettingsException when there is no such account
     * as the run is for
     * @throws SQLException when the database can't be reached, or refuses
     */
    public static DueCheck of(RunDatabase database, WxProperties wx, RefreshOptions options, Wanted wanted)
            throws SQLException {
        try {
            return once(database, wx, options, wanted);
        }
        catch (SQLException e) {
            if (!database.hasSeveralServers() || !DatabaseErrors.isForAnotherServer(e)) {
                throw e;
            }
            database.useNextServer();
            return once(database, wx, options, wanted);
        }
    }

    private static DueCheck once(RunDatabase database, WxProperties wx, RefreshOptions options, Wanted wanted)
            throws SQLException {
        Connection connection = database.getConnection();
        database.keepForNextCall(connection);
        try {
            RefreshPolicy policy = new RefreshPolicy(wx.refresh(), wx.probe());
            boolean each = wanted != Wanted.DUE || options.force();
            List<Account> judged = options.appId() != null ? List.of(Authorizers.find(connection, wx, options.appId()))
                    : each ? Authorizers.withConfigured(connection, wx) : mayNeedRun(connection, wx, policy);
            List<Account> shown = wanted == Wanted.DUE ? List.of() : wanted == Wanted.OF_RUN || options.appId() == null
                    ? judged : Authorizers.withConfigured(connection, wx);
            List<Account> read = shown.isEmpty() ? judged : shown;
            long readAt = System.nanoTime();
            RowSet rows = RowSet.of(TokenRepository.read(connection, read), read);
            List<Account> due = options.force() ? judged
                    : judged.stream().filter(account -> !policy.nothingDue(account, rows)).toList();
            Account component = wanted == Wanted.ALL ? wx.componentAccount().orElse(null) : null;
            return new DueCheck(judged, due, shown, due.isEmpty() ? Schema.State.COMPLETE : Schema.state(connection),
                    true, rows, readAt, component == null ? 0 : Authorizers.ticketReceivedAt(connection, component));
        }
        catch (SQLException e) {
            database.close();
            // a table is missing, or lacks a column of this version
            if (DatabaseErrors.lacksSchema(e) || DatabaseErrors.denies(e)) {
                return new DueCheck(wx.allAccounts(), wx.allAccounts(), List.of(), Schema.State.UNREADY, false,
                        RowSet.EMPTY, System.nanoTime(), 0);
            }
            throw e;
        }
    }

    private static List<Account> mayNeedRun(Connection connection, WxProperties wx, RefreshPolicy policy)
            throws SQLException {
        DueQuery query = new DueQuery(connection, policy);
        List<Account> found = new ArrayList<>(query.mayNeedRun(wx.allAccounts()));
        if (wx.componentAccount().isPresent()) {
            found.addAll(query.authorizersThatMayNeedRun(wx));
        }
        return found;
    }

    /** Whether the run has nothing to do. */
    public boolean nothingDue() {
        return due.isEmpty();
    }
}
