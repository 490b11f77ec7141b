package io.wxtoken.cli;

import java.util.Optional;

import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.ExitCode;
import io.wxtoken.settings.InvalidSettingsException;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Answer.Reach;
import io.wxtoken.wechat.WeChatClient;

/**
 * Lets WeChat clear an account's counters of API calls, after errcode 45009. WeChat
 * allows it 10 times a month, so only a person uses it, and no run does.
 *
 * @param appId null for the only account
 */
record ClearQuotaCommand(String appId) implements Execution.Body {

    @Override
    public ExitCode run(ConfigurableEnvironment environment, Console console) {
        WxProperties wx = Settings.read(environment);
        if (appId == null && wx.allAccounts().size() > 1) {
            throw new InvalidSettingsException("clear-quota needs --app-id=APPID here: several accounts are configured,"
                    + " and WeChat allows it 10 times a month for each");
        }
        Account account = wx.accountButNoPlatform(appId, "clear-quota");
        if (account.isWeCom()) {
            throw new InvalidSettingsException(account.label() + " is an application of WeCom, which has no such call:"
                    + " its limits end by themselves");
        }
        // otherwise a system property could make the JDK's client log the secret
        console.setUpLogging();
        Optional<Answer.NoValue> failure = new WeChatClient(wx.api().connection()).clearQuota(account);
        if (failure.isEmpty()) {
            System.out.println("WeChat has cleared the counters of API calls of " + account.appId()
                    + ", which it does 10 times a month at most. A row that is on hold waits all the same: wx-token"
                    + " refresh --force --app-id=" + account.appId() + " asks WeChat at once");
            return ExitCode.OK;
        }
        boolean mayHaveCleared = failure.get() instanceof Answer.Unknown unknown && unknown.reach() != Reach.NOT_SENT;
        console.error(failure.get().text() + (mayHaveCleared
                ? "; WeChat may have cleared the counters: try wx-token refresh --force before you repeat this" : ""));
        return failure.get().exitCode();
    }
}
