package io.wxtoken.job;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;

import io.wxtoken.database.Database;
import io.wxtoken.database.RunDatabase;
import io.wxtoken.database.Schema;
import io.wxtoken.settings.Account;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.Due;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;

/**
 * What a run does first: most runs find that nothing is due, and for those nothing is started, no context, no pool, no
 * Flyway and no job, and nothing is written. One connection and one statement, or two when something is due; the job then goes
 * on from these rows, over the same connection.
 *
 * @param schema not looked at when nothing is due, and then taken for complete
 * @param readable the table was there, with all columns, and this user may read it; else there are no rows
 * @param all rows of the table, by id
 * @param rows of the configured accounts; a missing one is null
 * @param readAt {@link System#nanoTime()} before they were read
 */
public record Look(boolean nothingDue, Schema.State schema, boolean readable, List<TokenRow> all, Map<TokenRows.Key, TokenRow> rows, long readAt) {

    /** @throws SQLException when the database can't be reached, or refuses */
    public static Look at(RunDatabase database, WxProperties wx, RefreshRun.Options options) throws SQLException {
        try {
            return once(database, wx, options);
        }
        catch (SQLException e) {
            if (!database.severalServers() || !Database.isForAnotherServer(e)) {
                throw e;
            }
            database.moveOn();
            return once(database, wx, options);
        }
    }

    private static Look once(RunDatabase database, WxProperties wx, RefreshRun.Options options) throws SQLException {
        List<Account> accounts = wx.allAccounts();
        Connection connection = database.getConnection();
        database.keep(connection);
        try {
            long readAt = System.nanoTime();
            List<TokenRow> all = TokenRows.readAll(connection);
            Map<TokenRows.Key, TokenRow> rows = TokenRows.find(all, accounts, AccountRefresher::types);
            Due due = new Due(wx);
            boolean nothingDue = !options.force() && accounts.stream()
                .filter(account -> options.appId() == null || account.appId().equals(options.appId()))
                .allMatch(account -> due.nothing(account, rows));
            return new Look(nothingDue, nothingDue ? Schema.State.COMPLETE : Schema.state(connection), true, all, rows, readAt);
        }
        catch (SQLException e) {
            database.close();
            if (Database.lacksSchema(e) || Database.denies(e)) { // Flyway has not been here, or not with this version
                return new Look(false, Schema.State.UNREADY, false, List.of(), Map.of(), System.nanoTime());
            }
            throw e;
        }
    }

    /** The configured accounts' rows as they are now. */
    public static Map<TokenRows.Key, TokenRow> rows(Connection connection, WxProperties wx) throws SQLException {
        return TokenRows.find(TokenRows.readAll(connection), wx.allAccounts(), AccountRefresher::types);
    }
}
