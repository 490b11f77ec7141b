package io.wxtoken.cli;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.ExitCode;
import io.wxtoken.database.Database;
import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.history.RefreshHistory;
import io.wxtoken.settings.Settings;
import io.wxtoken.status.StatusText;

/**
 * Prints {@code wx_token_history}: which run replaced which token, when and why.
 *
 * @param appId null for all accounts
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
        Settings.readWithoutSecrets(environment);
        try (Connection connection = Database.connectToRead(environment)) {
            List<RefreshHistory.Entry> entries = RefreshHistory.read(connection, appId, last);
            System.out.print(json ? StatusText.json(entries) + System.lineSeparator() : table(entries));
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

    private static String table(List<RefreshHistory.Entry> entries) {
        List<List<String>> lines = new ArrayList<>(List.of(TITLES));
        for (RefreshHistory.Entry entry : entries) {
            lines.add(List.of(LOCAL.format(entry.recordedAt()), entry.appId(), entry.type(), entry.outcome(),
                    shortOf(entry.fingerprintBefore()), shortOf(entry.fingerprintAfter()), entry.run(),
                    (entry.reason() + (entry.detail().isEmpty() ? "" : "; " + entry.detail())).replaceAll("\\p{C}",
                            " ")));
        }
        return StatusText.table(lines, (line, column) -> UnaryOperator.identity());
    }

    /** Shortens a fingerprint as the logs do. */
    private static String shortOf(String fingerprint) {
        return fingerprint.isEmpty() ? "none" : fingerprint.substring(0, Math.min(12, fingerprint.length()));
    }
}
