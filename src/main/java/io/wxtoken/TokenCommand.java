package io.wxtoken;

import java.io.PrintStream;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;

import org.slf4j.event.Level;
import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.database.RunDatabase;
import io.wxtoken.database.UnusableSchemaException;
import io.wxtoken.job.Look;
import io.wxtoken.job.RefreshRun;
import io.wxtoken.settings.Account;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;
import io.wxtoken.wechat.WeChatClient;
import io.wxtoken.wechat.WeChatClient.Life;

/** A run for one account, and then its row's access_token for a shell script. */
final class TokenCommand {

    private TokenCommand() {
    }

    /**
     * @param appId null for the first account
     * @param out gets the token alone
     * @return {@link ExitCode#OK} when there is a live one, even if its refresh failed, which is told
     */
    static ExitCode run(ConfigurableEnvironment environment, String appId, PrintStream out) throws Exception {
        WxProperties wx = Settings.read(environment);
        Account account = wx.account(appId);
        RefreshRun.Options options = new RefreshRun.Options(false, account.appId());
        ExitCode refreshed;
        Map<TokenRows.Key, TokenRow> rows = null;
        boolean ended = false;
        try {
            RefreshCommand.Ended run = RefreshCommand.run(environment, options, true);
            refreshed = run.exitCode();
            rows = run.rows();
            ended = true;
        }
        catch (SQLException | UnusableSchemaException e) { // of its look: another will not do better
            throw e;
        }
        catch (Exception e) { // the row may be as it should be all the same
            Failure failure = Failure.of(e, environment);
            WxToken.tell(environment, Level.ERROR, failure.lines());
            refreshed = failure.exitCode();
        }
        if (rows == null) {
            try (RunDatabase database = new RunDatabase(environment)) {
                rows = Look.at(database, wx, options).rows();
            }
        }
        TokenRow row = rows.get(new TokenRows.Key(account.appId(), AccountRefresher.ACCESS_TOKEN));
        boolean known = refreshed == ExitCode.OK || ended && row != null && row.failures() == 0 && row.refreshRequested() == 0;
        if (row != null && row.live() && (known || !dead(environment, wx, row))) {
            out.println(row.value());
            return ExitCode.OK;
        }
        WxToken.tell(environment, Level.ERROR, List.of("there is no live access_token of " + account.appId() + " now: see wx-token status"));
        return refreshed.and(ExitCode.RETRY);
    }

    /** A token whose refresh failed may already be dead: WeChat is asked before it is printed. */
    private static boolean dead(ConfigurableEnvironment environment, WxProperties wx, TokenRow row) {
        WxToken.setUpLogging(environment); // the JDK's client would write the token to a log of its own, if told to
        return new WeChatClient(wx.api()).probe(row.value()) == Life.DEAD;
    }
}
