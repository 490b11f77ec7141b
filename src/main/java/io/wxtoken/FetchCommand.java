package io.wxtoken;

import java.io.PrintStream;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.slf4j.event.Level;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

import io.wxtoken.database.Database;
import io.wxtoken.settings.Account;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.ErrorCode;
import io.wxtoken.wechat.WeChatClient;
import tools.jackson.databind.json.JsonMapper;

/** Asks WeChat for an access_token at this moment, and stores it nowhere. */
final class FetchCommand {

    private FetchCommand() {
    }

    /**
     * @param appId null for the first account
     * @param endpoint on {@link Endpoint#STABLE_TOKEN} no stored token of the other endpoint dies, and the database is not asked;
     * on {@link Endpoint#TOKEN} the row's token does, so its refresh is requested
     * @param out gets JSON in WeChat's words
     */
    static ExitCode run(ConfigurableEnvironment environment, String appId, Endpoint endpoint, PrintStream out) throws SQLException {
        WxProperties wx = Settings.read(environment);
        Account account = wx.account(appId).at(endpoint);
        WeChatClient weChat = new WeChatClient(wx.api());
        return endpoint == Endpoint.STABLE_TOKEN ? print(environment, weChat.fetchToken(account, false), out)
                : fetchAndRequest(environment, account, weChat, out);
    }

    private static ExitCode fetchAndRequest(ConfigurableEnvironment environment, Account account, WeChatClient weChat, PrintStream out)
            throws SQLException {
        try (Connection connection = Database.connect(environment)) {
            TokenRow row = row(connection, account);
            if (row == null) {
                WxToken.tell(environment, Level.ERROR, List.of("wx_token has no row for the access_token of " + account.appId()
                        + " yet, where its refresh could be requested: run wx-token first, or fetch without --endpoint=token"));
                return ExitCode.RETRY;
            }
            TokenRows rows = new TokenRows(new SingleConnectionDataSource(connection, true));
            // Whoever dies here leaves the request behind; and a run that answers it before WeChat is asked here is undone by
            // this fetch, so it is requested once more.
            rows.requestAfterFence(row.id());
            Answer answer = weChat.fetchToken(account, false);
            try {
                if (answer instanceof Answer.Issued) {
                    rows.requestAtOnce(row.id());
                    WxToken.tell(environment, Level.WARN, List.of("this kills the token in the table within 5 minutes, and the next run's"
                            + " fetch this one: so the next run refreshes the row. wx-token token prints the row's"));
                }
                else {
                    rows.requestAfterFence(row.id());
                }
            }
            finally {
                print(environment, answer, out);
            }
            return exitCode(answer);
        }
    }

    private static TokenRow row(Connection connection, Account account) throws SQLException {
        try {
            return TokenRows.find(TokenRows.readAll(connection), List.of(account), each -> List.of(AccountRefresher.ACCESS_TOKEN))
                .get(new TokenRows.Key(account.appId(), AccountRefresher.ACCESS_TOKEN));
        }
        catch (SQLException e) {
            if (Database.lacksSchema(e)) {
                return null;
            }
            throw e;
        }
    }

    private static ExitCode print(ConfigurableEnvironment environment, Answer answer, PrintStream out) {
        if (answer instanceof Answer.Issued issued) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("access_token", issued.value());
            json.put("expires_in", issued.expiresIn());
            out.println(new JsonMapper().writeValueAsString(json));
        }
        else {
            WxToken.tell(environment, Level.ERROR, List.of(answer instanceof Answer.Refused refused ? ErrorCode.text(refused)
                    : ((Answer.Unknown) answer).reason()));
        }
        return exitCode(answer);
    }

    private static ExitCode exitCode(Answer answer) {
        return answer instanceof Answer.Issued ? ExitCode.OK
                : answer instanceof Answer.Refused refused ? ErrorCode.of(refused.errcode()).kind().exitCode() : ExitCode.RETRY;
    }
}
