package io.wxtoken.cli;

import java.io.PrintStream;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.ExitCode;
import io.wxtoken.database.Database;
import io.wxtoken.job.RefreshOptions;
import io.wxtoken.settings.InvalidSettingsException;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.Authorizers;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.RowSet;
import io.wxtoken.token.TokenRepository;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.ProbeResult;
import io.wxtoken.wechat.WeChatClient;

/**
 * Refreshes one account's rows if they are due, and then prints the value of one of them
 * for a shell script. It succeeds when that lives, even if nothing could be refreshed,
 * for example because this user may only read, or has no secret; that is reported.
 *
 * @param appId the account's, or its name; null for the first account
 * @param type the row's
 * @param out gets the value and nothing else
 */
record TokenCommand(String appId, String type, PrintStream out) implements Execution.Body {

    @Override
    public ExitCode run(ConfigurableEnvironment environment, Console console) throws Exception {
        WxProperties wx = Settings.readWithoutSecrets(environment);
        Account account = account(environment, wx);
        RowKey key = new RowKey(account.appId(), type);
        if (!RowKey.of(account).contains(key)) {
            throw new InvalidSettingsException("--type=" + type + " is none of the values of " + account.label()
                    + ", which are " + RowKey.of(account).stream().map(RowKey::type).collect(Collectors.joining(", "))
                    + ": see wx.tickets");
        }
        RefreshCommand.Finished finished = null;
        Exception failure = null;
        try {
            finished = new RefreshCommand(new RefreshOptions(false, account.appId())).runAndRead(environment, console);
        }
        catch (Exception e) { // the row may hold a live value all the same
            failure = e;
        }
        TokenRow row = (finished != null && finished.rows() != null ? finished.rows()
                : read(environment, account, failure))
            .get(key);
        FailureReport report = failure == null ? new FailureReport(finished.exitCode(), List.of())
                : FailureReport.of(failure, environment);
        if (row != null && row.live() && (report.exitCode() == ExitCode.OK || !mayBeDead(row, finished != null)
                || !isDead(wx, account, row, console))) {
            console.warn(report.lines());
            out.println(row.value());
            return ExitCode.OK;
        }
        console.error(report.lines());
        console.error("there is no live " + type + " of " + account.label() + " now: see wx-token status");
        return report.exitCode().and(ExitCode.RETRY);
    }

    private Account account(ConfigurableEnvironment environment, WxProperties wx) throws SQLException {
        Optional<Account> configured = wx.find(appId);
        if (configured.isPresent() || wx.componentAccount().isEmpty()) {
            return configured.orElseGet(() -> wx.account(appId));
        }
        try (Connection connection = Database.connectToRead(environment)) {
            return Authorizers.find(connection, wx, appId);
        }
    }

    /**
     * @param failure what kept the run from its end; it is thrown if the rows can't be
     * read either. Null when the run ended
     */
    private static Map<RowKey, TokenRow> read(ConfigurableEnvironment environment, Account account, Exception failure)
            throws Exception {
        try (Connection connection = Database.connectToRead(environment)) {
            return RowSet.of(TokenRepository.read(connection, List.of(account)), List.of(account)).configured();
        }
        catch (SQLException e) {
            throw failure == null ? e : failure;
        }
    }

    /**
     * Whether the row's value may be dead before its time: its refresh failed or is
     * requested, or a run that broke off has left a claim.
     */
    private static boolean mayBeDead(TokenRow row, boolean finished) {
        return row.lastRefresh().failures() > 0 || row.refreshWanted() || !finished && row.claim().by() != null;
    }

    /**
     * Asks WeChat whether an access_token that may be dead is. A ticket can't be asked
     * for, and nothing kills it.
     */
    private static boolean isDead(WxProperties wx, Account account, TokenRow row, Console console) {
        if (!row.type().equals(RowKey.ACCESS_TOKEN)) {
            return false;
        }
        // otherwise a system property could make the JDK's client log the token
        console.setUpLogging();
        WeChatClient weChat = new WeChatClient(wx.api().connection());
        return weChat.probe(account, row.value()) == ProbeResult.DEAD;
    }
}
