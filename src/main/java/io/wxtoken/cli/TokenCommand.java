package io.wxtoken.cli;

import java.io.PrintStream;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;

import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.ExitCode;
import io.wxtoken.database.Database;
import io.wxtoken.database.UnusableSchemaException;
import io.wxtoken.job.RefreshOptions;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.RowSet;
import io.wxtoken.token.TokenRepository;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.ProbeResult;
import io.wxtoken.wechat.WeChatClient;

/**
 * Refreshes one account's rows if they are due, and then prints the access_token for a
 * shell script. It succeeds when there is a live token, even if the refresh failed; the
 * failure is reported.
 *
 * @param appId null for the first account
 * @param out gets the token and nothing else
 */
record TokenCommand(String appId, PrintStream out) implements Execution.Body {

    @Override
    public ExitCode run(ConfigurableEnvironment environment, Console console) throws Exception {
        WxProperties wx = Settings.read(environment);
        Account account = wx.account(appId);
        ExitCode refreshed;
        Map<RowKey, TokenRow> rows = null;
        boolean finished = false;
        try {
            RefreshCommand.Finished run = new RefreshCommand(new RefreshOptions(false, account.appId()))
                .runAndRead(environment, console);
            refreshed = run.exitCode();
            rows = run.rows();
            finished = true;
        }
        catch (SQLException | UnusableSchemaException e) {
            // the rows can't be read, so there is nothing to print
            throw e;
        }
        catch (Exception e) { // the row may hold a live token all the same
            FailureReport report = FailureReport.of(e, environment);
            console.error(report.lines());
            refreshed = report.exitCode();
        }
        if (rows == null) {
            try (Connection connection = Database.connect(environment)) {
                rows = RowSet.of(TokenRepository.read(connection, List.of(account)), List.of(account)).configured();
            }
        }
        TokenRow row = rows.get(RowKey.accessToken(account));
        boolean knownLive = refreshed == ExitCode.OK
                || finished && row != null && row.lastRefresh().failures() == 0 && !row.refreshWanted();
        if (row != null && row.live() && (knownLive || !isDead(wx, row, console))) {
            out.println(row.value());
            return ExitCode.OK;
        }
        console.error("there is no live access_token of " + account.appId() + " now: see wx-token status");
        return refreshed.and(ExitCode.RETRY);
    }

    /**
     * A token whose refresh failed may already be dead, so WeChat is asked before it is
     * printed.
     */
    private static boolean isDead(WxProperties wx, TokenRow row, Console console) {
        // otherwise a system property could make the JDK's client log the token
        console.setUpLogging();
        WeChatClient weChat = new WeChatClient(wx.api().connection());
        return weChat.probe(row.value()) == ProbeResult.DEAD;
    }
}
