package io.wxtoken.job;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;

import org.springframework.core.env.Environment;

import io.wxtoken.database.Database;
import io.wxtoken.settings.Account;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.Due;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;

/**
 * What a run does first: most runs find that nothing is due, and for those nothing is started, no context, no pool, no
 * Flyway and no job, and nothing is written. One connection and one statement, or two when something is due.
 *
 * @param rows of the configured accounts; a missing one is null
 */
public record Look(boolean nothingDue, boolean schemaComplete, Map<TokenRows.Key, TokenRow> rows) {

    /** @throws SQLException when the database can't be reached, or refuses */
    public static Look at(Environment environment, WxProperties wx, RefreshRun.Options options) throws SQLException {
        List<Account> accounts = wx.allAccounts();
        try (Connection connection = Database.connect(environment)) {
            Map<TokenRows.Key, TokenRow> rows = TokenRows.find(TokenRows.readAll(connection), accounts, AccountRefresher::types);
            Due due = new Due(wx);
            boolean nothingDue = !options.force() && accounts.stream()
                .filter(account -> options.appId() == null || account.appId().equals(options.appId()))
                .allMatch(account -> due.nothing(account, rows));
            return new Look(nothingDue, nothingDue || Database.schemaIsComplete(connection), rows);
        }
        catch (SQLException e) {
            if (Database.lacksSchema(e)) {
                return new Look(false, false, Map.of()); // Flyway has not been here, or not with this version
            }
            throw e;
        }
    }
}
