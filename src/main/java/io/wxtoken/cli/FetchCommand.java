package io.wxtoken.cli;

import java.io.PrintStream;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.ExitCode;
import io.wxtoken.database.Database;
import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.database.Schema;
import io.wxtoken.history.RefreshHistory;
import io.wxtoken.metrics.Textfile;
import io.wxtoken.settings.InvalidSettingsException;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.RefreshEvent;
import io.wxtoken.token.RefreshListener;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.RowSet;
import io.wxtoken.token.RunId;
import io.wxtoken.token.TokenRepository;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.UnstoredFetch;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.WeChatClient;

/**
 * Asks WeChat for an access_token at this moment, prints it, and stores it nowhere.
 *
 * @param appId null for the first account
 * @param endpoint null for the stable endpoint, or for the only one that WeCom has; a
 * fetch from {@link Endpoint#TOKEN} kills the row's token if that came from there,
 * whatever the account's endpoint is now, so the row's refresh is requested; a fetch from
 * the stable endpoint kills no stored token, and needs no database
 * @param out gets JSON with WeChat's names
 */
record FetchCommand(String appId, Endpoint endpoint, PrintStream out) implements Execution.Body {

    @Override
    public ExitCode run(ConfigurableEnvironment environment, Console console) throws SQLException {
        WxProperties wx = endpoint == Endpoint.TOKEN ? Settings.read(environment)
                : Settings.readWithoutDatabase(environment);
        Account account = wx.accountButNoPlatform(appId, "fetch");
        if (!account.isWeCom()) {
            account = account.at(endpoint == null ? Endpoint.STABLE_TOKEN : endpoint);
        }
        else if (endpoint != null) {
            throw new InvalidSettingsException("--endpoint is not for " + account.label()
                    + ", an application of WeCom, which has one endpoint: leave it out");
        }
        // otherwise a system property could make the JDK's client log the secret
        console.setUpLogging();
        WeChatClient weChat = new WeChatClient(wx.api().connection());
        MetricsFile metrics = new MetricsFile(environment);
        try {
            return fetch(environment, wx, account, weChat, metrics.listener(), console);
        }
        finally {
            metrics.write(console, Textfile::addCounts, "");
        }
    }

    private ExitCode fetch(ConfigurableEnvironment environment, WxProperties wx, Account account, WeChatClient weChat,
            RefreshListener listener, Console console) throws SQLException {
        if (endpoint == Endpoint.TOKEN) {
            return fetchAndRequestRefresh(environment, wx, account, weChat, listener, console);
        }
        listener.fetching(RowKey.token(account));
        return print(weChat.fetchToken(account, false), console);
    }

    private ExitCode fetchAndRequestRefresh(ConfigurableEnvironment environment, WxProperties wx, Account account,
            WeChatClient weChat, RefreshListener listener, Console console) throws SQLException {
        try (Connection connection = Database.connect(environment)) {
            TokenRow row = row(environment, connection, account);
            if (row == null) {
                console.error("wx_token has no row for the access_token of " + account.appId()
                        + " yet, so its refresh can't be requested: run wx-token first, or fetch without"
                        + " --endpoint=token");
                return ExitCode.RETRY;
            }
            SingleConnectionDataSource dataSource = new SingleConnectionDataSource(connection, true);
            boolean complete = Schema.state(connection).hasCompleteRows();
            RunId me = RunId.unique();
            Optional<Answer> answer = new UnstoredFetch(new TokenRepository(dataSource, complete), weChat, wx, me,
                    listener)
                .fetch(account, row);
            if (answer.isEmpty()) {
                console.error("another run is at work on the access_token of " + account.appId()
                        + ", and WeChat was not asked: try again in a moment");
                return ExitCode.RETRY;
            }
            if (answer.get() instanceof Answer.Issued) {
                console.warn(List.of("this fetch kills the token in the table within 5 minutes"
                        + (wx.account(appId).endpoint() == Endpoint.TOKEN
                                ? "; the next run then refreshes the row, which kills the printed token"
                                : ", unless that came from stable-token; the next run refreshes the row")
                        + ". wx-token token prints the table's token"));
            }
            ExitCode exitCode = print(answer.get(), console);
            if (answer.get() instanceof Answer.Issued issued) {
                RefreshHistory history = new RefreshHistory(dataSource, me.run(), wx.history().keep(), complete);
                history.happened(RefreshEvent.fetched(account.appId(), row, issued.value()));
                history.finish();
            }
            return exitCode;
        }
    }

    private static TokenRow row(ConfigurableEnvironment environment, Connection connection, Account account)
            throws SQLException {
        try {
            return RowSet.of(TokenRepository.read(connection, List.of(account)), List.of(account))
                .configured()
                .get(RowKey.token(account));
        }
        catch (SQLException e) {
            if (DatabaseErrors.lacksSchema(e)) {
                Schema.check(environment);
                return null;
            }
            throw e;
        }
    }

    private ExitCode print(Answer answer, Console console) {
        if (answer instanceof Answer.Issued issued) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("access_token", issued.value());
            json.put("expires_in", issued.expiresIn());
            out.println(new JsonMapper().writeValueAsString(json));
            return ExitCode.OK;
        }
        Answer.NoValue failure = (Answer.NoValue) answer;
        console.error(failure.text());
        return failure.exitCode();
    }
}
