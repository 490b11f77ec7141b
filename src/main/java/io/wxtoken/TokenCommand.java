package io.wxtoken;

import java.io.PrintStream;
import java.util.List;

import org.slf4j.event.Level;
import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.job.Look;
import io.wxtoken.job.RefreshRun;
import io.wxtoken.settings.Account;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;

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
        ExitCode refreshed = RefreshCommand.run(environment, options);
        TokenRow row = Look.at(environment, wx, options).rows().get(new TokenRows.Key(account.appId(), AccountRefresher.ACCESS_TOKEN));
        if (row != null && row.live()) {
            out.println(row.value());
            return ExitCode.OK;
        }
        WxToken.tell(environment, Level.ERROR, List.of("there is no live access_token of " + account.appId() + " now: see wx-token status"));
        return refreshed.and(ExitCode.RETRY);
    }
}
