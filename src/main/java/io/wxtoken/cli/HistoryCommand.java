package io.wxtoken.cli;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.ExitCode;
import io.wxtoken.database.Database;
import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.history.RefreshHistory;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.status.StatusText;
import io.wxtoken.wechat.Account;

/**
 * Prints {@code wx_token_history}: which run replaced which token, when and why.
 *
 * @param appId or an account's name; null for all accounts
 * @param last how many entries at most
 * @param json whether to print JSON
 */
record HistoryCommand(String appId, int last, boolean json) implements Execution.Body {

    private static final List<String> TITLES = List.of("TIME", "ACCOUNT", "TYPE", "OUTCOME", "TOKEN BEFORE", "AFTER",
            "RUN", "WHY");

    private static final DateTimeFormatter LOCAL = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss")
        .withZone(ZoneId.systemDefault());

    @Override
    public ExitCode run(ConfigurableEnvironment environment, Console console) throws SQLException {
        WxProperties wx = Settings.readWithoutSecrets(environment);
        // an account that is no longer configured has a history, too
        String recorded = appId == null ? null : wx.find(appId).map(Account::appId).orElse(appId);
        Map<String, String> names = new HashMap<>();
        wx.allAccounts()
            .stream()
            .filter(account -> !account.name().isEmpty())
            .forEach(account -> names.put(account.appId(), account.name()));
        try (Connection connection = Database.connectToRead(environment)) {
            List<RefreshHistory.Entry> entries = RefreshHistory.read(connection, recorded, last);
            System.out.print(json ? StatusText
                .json(entries.stream().map(entry -> new Named(names.get(entry.appId()), entry)).toList())
                    + System.lineSeparator() : table(entries, names));
            return ExitCode.OK;
        }
        catch (SQLException e) {
            if (!DatabaseErrors.lacksSchema(e)) {
                throw e;
            }
            return MissingTable.report(environment, console, "wx_token_history",
                    "run wx-token migrate; if that changes nothing, drop wx_token_schema_history and run it again");
        }
    }

    /**
     * An entry as JSON shows it.
     *
     * @param name of the account, as it is set now; null without a name
     */
    record Named(String name, @JsonUnwrapped RefreshHistory.Entry entry) {
    }

    private static String table(List<RefreshHistory.Entry> entries, Map<String, String> names) {
        List<List<String>> lines = new ArrayList<>(List.of(TITLES));
        for (RefreshHistory.Entry entry : entries) {
            lines.add(List.of(LOCAL.format(entry.recordedAt()), entry.appId(), entry.type(), entry.outcome(),
                    shortOf(entry.fingerprintBefore()), shortOf(entry.fingerprintAfter()), entry.run(),
                    (entry.reason() + (entry.detail().isEmpty() ? "" : "; " + entry.detail())).replaceAll("\\p{C}",
                            " ")));
        }
        List<List<String>> named = StatusText.withNames(lines, TITLES.indexOf("ACCOUNT"),
                entries.stream().map(entry -> names.get(entry.appId())).toList());
        return StatusText.table(named, (line, column) -> UnaryOperator.identity());
    }

    /** Shortens a fingerprint as the logs do. */
    private static String shortOf(String fingerprint) {
        return fingerprint.isEmpty() ? "none" : fingerprint.substring(0, Math.min(12, fingerprint.length()));
    }
}
