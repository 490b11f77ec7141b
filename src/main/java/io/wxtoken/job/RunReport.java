package io.wxtoken.job;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

import io.wxtoken.ExitCode;
import io.wxtoken.token.Outcome;
import io.wxtoken.token.Result;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.RowSet;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;

/**
 * Writes a run's log: a line for each row that it changed or could not refresh, warnings
 * about rows that the job leaves alone, and a summary. Several workers may report at
 * once. A row to which nothing happened gets no line, because under cron each line is a
 * mail.
 */
final class RunReport {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    private static final int ROWS_NAMED = 10;

    private volatile ExitCode exitCode = ExitCode.OK;

    /** The gravest exit code of all results; it is known after {@link #summary}. */
    ExitCode exitCode() {
        return exitCode;
    }

    void results(Account account, List<Result> results) {
        for (Result result : results) {
            boolean withoutError = result.exitCode() == ExitCode.OK || result.exitCode() == ExitCode.STOPPED;
            log.atLevel(uneventful(result) ? Level.DEBUG : withoutError ? Level.INFO : Level.ERROR)
                .log("{} {}", account.appId(), result);
        }
    }

    void summary(List<Result> results) {
        exitCode = results.stream().map(Result::exitCode).reduce(ExitCode.OK, ExitCode::and);
        Map<Outcome, Long> counts = results.stream()
            .collect(Collectors.groupingBy(Result::outcome, TreeMap::new, Collectors.counting()));
        boolean uneventful = results.stream().allMatch(RunReport::uneventful);
        log.atLevel(uneventful && System.console() == null ? Level.DEBUG : Level.INFO)
            .log("{}: {}; exit code {}", results.size() == 1 ? "1 row" : results.size() + " rows",
                    counts.entrySet()
                        .stream()
                        .map(count -> count.getValue() + " " + count.getKey())
                        .collect(Collectors.joining(", ")),
                    exitCode.code());
    }

    private static boolean uneventful(Result result) {
        return result.exitCode() == ExitCode.OK
                && Set.of(Outcome.FRESH, Outcome.HELD, Outcome.LOST).contains(result.outcome());
    }

    /**
     * Warns of rows that the job leaves alone although an application may read them.
     * @param accounts all configured accounts
     */
    void unusedRows(RowSet rows, List<Account> accounts) {
        Map<RowSet.Reason, List<TokenRow>> unused = rows.unused(accounts)
            .stream()
            .collect(Collectors.groupingBy(RowSet.Unused::reason,
                    Collectors.mapping(RowSet.Unused::row, Collectors.toList())));
        for (TokenRow row : unused.getOrDefault(RowSet.Reason.DUPLICATE, List.of())
            .stream()
            .limit(ROWS_NAMED)
            .toList()) {
            RowKey key = row.key();
            log.warn(
                    "{} {} is in wx_token twice: row {} is kept fresh, row {} is not, and an application may read"
                            + " either. Delete row {}",
                    key.appId(), key.type(), rows.configured().get(key).id(), row.id(), row.id());
        }
        String withoutAppId = unused.getOrDefault(RowSet.Reason.NO_APP_ID, List.of())
            .stream()
            .filter(row -> !row.value().isEmpty())
            .map(row -> String.valueOf(row.id()))
            .limit(ROWS_NAMED)
            .collect(Collectors.joining(", "));
        if (!withoutAppId.isEmpty()) {
            log.warn("wx_token has rows with a value and without an app_id, and they are left alone: id {}. (REPLACE"
                    + " INTO resets app_id: a program that uses it must only read.) Set their app_id, or delete them",
                    withoutAppId);
        }
        Set<String> others = unused.getOrDefault(RowSet.Reason.OTHER_APP_ID, List.of())
            .stream()
            .map(TokenRow::appId)
            .collect(Collectors.toCollection(TreeSet::new));
        if (!others.isEmpty()) {
            log.warn(
                    "wx_token has rows of {} app id(s) that are not configured, and they are left alone: {}."
                            + " Configure them, or delete their rows",
                    others.size(), others.stream().limit(ROWS_NAMED).collect(Collectors.joining(", ")));
        }
    }

}
