package io.wxtoken;

import java.io.PrintStream;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import org.slf4j.event.Level;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

import io.wxtoken.database.Database;
import io.wxtoken.database.Schema;
import io.wxtoken.history.RefreshHistory;
import io.wxtoken.settings.Account;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.Node;
import io.wxtoken.token.RefreshEvent;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;
import io.wxtoken.token.UnstoredFetch;
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
     * @param endpoint when both it and the account's are {@link Endpoint#TOKEN}, the row's token dies of it, so its refresh is
     * requested; else none does, and the database is not asked
     * @param out gets JSON in WeChat's words
     */
    static ExitCode run(ConfigurableEnvironment environment, String appId, Endpoint endpoint, PrintStream out) throws SQLException {
        WxProperties wx = Settings.read(environment);
        Account account = wx.account(appId).at(endpoint);
        WxToken.setUpLogging(environment); // the JDK's client would write the secret to a log of its own, if told to
        WeChatClient weChat = new WeChatClient(wx.api());
        boolean killsTheRows = endpoint == Endpoint.TOKEN && wx.account(appId).endpoint() == Endpoint.TOKEN;
        return killsTheRows ? fetchAndRequest(environment, wx, account, weChat, out) : print(environment, weChat.fetchToken(account, false), out);
    }

    private static ExitCode fetchAndRequest(ConfigurableEnvironment environment, WxProperties wx, Account account, WeChatClient weChat,
            PrintStream out) throws SQLException {
        try (Connection connection = Database.connect(environment)) {
            TokenRow row = row(environment, connection, account);
            if (row == null) {
                WxToken.tell(environment, Level.ERROR, List.of("wx_token has no row for the access_token of " + account.appId()
                        + " yet, where its refresh could be requested: run wx-token first, or fetch without --endpoint=token"));
                return ExitCode.RETRY;
            }
            SingleConnectionDataSource dataSource = new SingleConnectionDataSource(connection, true);
            Node me = Node.unique();
            Optional<Answer> answer = new UnstoredFetch(new TokenRows(dataSource), weChat, wx, me).fetch(account, row);
            if (answer.isEmpty()) {
                WxToken.tell(environment, Level.ERROR, List.of("another run is at work on the access_token of " + account.appId() + ", and WeChat was"
                        + " not asked: try again in a moment"));
                return ExitCode.RETRY;
            }
            if (answer.get() instanceof Answer.Issued) {
                WxToken.tell(environment, Level.WARN, List.of("this kills the token in the table within 5 minutes, and the next run's fetch"
                        + " kills this one, as it refreshes the row. wx-token token prints the row's"));
            }
            ExitCode exitCode = print(environment, answer.get(), out);
            if (answer.get() instanceof Answer.Issued issued) {
                RefreshHistory history = new RefreshHistory(dataSource, me.run(), wx.history().keep(), true);
                history.accept(RefreshEvent.fetched(account.appId(), row, issued.value()));
                history.finish();
            }
            return exitCode;
        }
    }

    private static TokenRow row(ConfigurableEnvironment environment, Connection connection, Account account) throws SQLException {
        try {
            return TokenRows.find(TokenRows.readAll(connection), List.of(account), each -> List.of(AccountRefresher.ACCESS_TOKEN))
                .get(new TokenRows.Key(account.appId(), AccountRefresher.ACCESS_TOKEN));
        }
        catch (SQLException e) {
            if (Database.lacksSchema(e)) {
                Schema.check(environment);
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
            return ExitCode.OK;
        }
        boolean refused = answer instanceof Answer.Refused;
        WxToken.tell(environment, Level.ERROR, List.of(refused ? ErrorCode.text((Answer.Refused) answer) : ((Answer.Unknown) answer).reason()));
        return refused ? ErrorCode.of(((Answer.Refused) answer).errcode()).kind().exitCode() : ExitCode.RETRY;
    }
}
