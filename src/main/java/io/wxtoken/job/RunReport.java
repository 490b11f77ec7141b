package io.wxtoken.job;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.slf4j.spi.LoggingEventBuilder;

import io.wxtoken.ExitCode;
import io.wxtoken.token.Outcome;
import io.wxtoken.token.RefreshEvent;
import io.wxtoken.token.RefreshListener;
import io.wxtoken.token.Result;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.RowSet;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.Verdict;
import io.wxtoken.wechat.Account;

/**
 * Writes a run's log: a line for each row that it changed or could not refresh, warnings,
 * and a summary. Several workers may report at once. A row to which nothing happened gets
 * no line, because under cron each line is a mail. When many accounts fail in the same
 * way, it is one story and one line; each account's own line is then written at level
 * DEBUG. What a line says is in its text, for people; structured logs have the row, the
 * outcome and the error code as fields besides.
 */
final class RunReport implements RefreshListener {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    private static final int ROWS_NAMED = 10;

    private static final Pattern ERRCODE = Pattern.compile("errcode -?\\d+");

    /** More accounts than this with the same story share a line. */
    private static final int FEW = 3;

    private final Map<String, String> labels = new HashMap<>();

    private final BooleanSupplier stopping;

    private final Map<Outcome, Integer> counts = new TreeMap<>();

    private final Map<Story, SortedMap<String, List<Line>>> stories = new LinkedHashMap<>();

    /** What the history says of rows; a row to which nothing happened has none. */
    private final Map<RowKey, RefreshEvent.Kind> happened = new HashMap<>();

    private boolean uneventful = true;

    private ExitCode exitCode = ExitCode.OK;

    /**
     * @param accounts that are configured; lines show their names
     * @param stopping whether the process was told to stop
     */
    RunReport(List<Account> accounts, BooleanSupplier stopping) {
        accounts.forEach(account -> labels.put(account.appId(), account.label()));
        this.stopping = stopping;
    }

    /**
     * What several accounts may have in common.
     *
     * @param kind of the messages that tell it
     * @param example one of these messages
     */
    private record Story(Level level, String kind, String example) {

        @Override
        public boolean equals(Object other) {
            return other instanceof Story story && level == story.level && kind.equals(story.kind);
        }

        @Override
        public int hashCode() {
            return kind.hashCode();
        }
    }

    /**
     * A line about a row.
     *
     * @param outcome as in the history, where that has one; null for a warning
     * @param errcode WeChat's; null without one
     */
    private record Line(RowKey row, String text, String outcome, Integer errcode) {

        void log(Level level, String label) {
            withFields(level, outcome, errcode).addKeyValue("app_id", row.appId())
                .addKeyValue("type", row.type())
                .log("{} {}", label, text);
        }
    }

    private static LoggingEventBuilder withFields(Level level, String outcome, Integer errcode) {
        LoggingEventBuilder line = log.atLevel(level);
        if (outcome != null) {
            line.addKeyValue("outcome", outcome);
        }
        if (errcode != null) {
            line.addKeyValue("errcode", errcode);
        }
        return line;
    }

    /** The gravest exit code of all results; it is known after {@link #summary}. */
    synchronized ExitCode exitCode() {
        return exitCode;
    }

    synchronized void results(Account account, List<Result> results) {
        List<Result> failed = new ArrayList<>();
        for (Result result : results) {
            counts.merge(result.outcome(), 1, Integer::sum);
            exitCode = exitCode.and(result.exitCode());
            uneventful &= uneventful(result);
            if (result.exitCode() == ExitCode.OK) {
                line(account, result).log(uneventful(result) ? Level.DEBUG : Level.INFO, account.label());
            }
            else {
                failed.add(result);
            }
        }
        if (!failed.isEmpty()) {
            // a ticket that fails because its token did is part of the token's story
            Result first = failed.get(0);
            boolean left = first.outcome() == Outcome.LEFT;
            Story story = new Story(left ? Level.INFO : Level.ERROR, left ? "left" : kindOf(first.detail()),
                    left ? "left to the next run" : first.detail());
            tell(story, account.appId(), failed.stream().map(result -> line(account, result)).toList());
        }
    }

    private Line line(Account account, Result result) {
        RowKey row = new RowKey(account.appId(), result.row().type());
        String outcome = happened.containsKey(row) ? happened.get(row).toString()
                : result.outcome().name().toLowerCase(Locale.ROOT);
        return new Line(row, result.toString(), outcome, result.errcode());
    }

    @Override
    public synchronized void happened(RefreshEvent event) {
        happened.put(new RowKey(event.appId(), event.type()), event.kind());
    }

    @Override
    public synchronized void warning(RowKey row, Verdict about, String text) {
        tell(new Story(Level.WARN, about.name(), text), row.appId(), List.of(new Line(row, text, null, null)));
    }

    private void tell(Story story, String appId, List<Line> lines) {
        stories.computeIfAbsent(story, none -> new TreeMap<>())
            .computeIfAbsent(appId, none -> new ArrayList<>())
            .addAll(lines);
    }

    private String label(String appId) {
        return labels.getOrDefault(appId, appId);
    }

    /**
     * Messages are of the same kind if they have the same error code of WeChat's, whose
     * text has a request id in it, or else differ in numbers only.
     */
    private static String kindOf(String message) {
        Matcher errcode = ERRCODE.matcher(message);
        return errcode.find() ? errcode.group() : message.replaceAll("\\d+", "");
    }

    /** Writes the lines that were kept until all is known, and the summary. */
    synchronized void summary() {
        stories.forEach((story, accounts) -> {
            boolean many = accounts.size() > FEW;
            if (many) {
                Line first = accounts.get(accounts.firstKey()).get(0);
                withFields(story.level(), first.outcome(), first.errcode()).addKeyValue("accounts", accounts.size())
                    .log("{} accounts, such as {}: {}", accounts.size(),
                            accounts.keySet().stream().limit(FEW).map(this::label).collect(Collectors.joining(", ")),
                            story.example());
            }
            accounts.forEach((appId, lines) -> lines
                .forEach(line -> line.log(many ? Level.DEBUG : story.level(), label(appId))));
        });
        if (counts.containsKey(Outcome.LEFT)) {
            if (stopping.getAsBoolean()) {
                exitCode = ExitCode.STOPPED;
            }
            else {
                log.warn("the run ends before all is done, because wx.run.timeout is near; the next run and other"
                        + " nodes go on. If this happens often, raise wx.refresh.concurrency or wx.run.timeout, or"
                        + " start the job on more nodes");
            }
        }
        int rows = counts.values().stream().mapToInt(Integer::intValue).sum();
        log.atLevel(levelOfSummary())
            .addKeyValue("exit_code", exitCode.code())
            .log("{}: {}; exit code {}", rows == 1 ? "1 row" : rows + " rows",
                    counts.entrySet()
                        .stream()
                        .map(count -> count.getValue() + " " + count.getKey())
                        .collect(Collectors.joining(", ")),
                    exitCode.code());
    }

    /** With the level warn, a run that failed says so, and others say nothing. */
    private Level levelOfSummary() {
        if (exitCode != ExitCode.OK && exitCode != ExitCode.STOPPED) {
            return Level.WARN;
        }
        return uneventful && System.console() == null ? Level.DEBUG : Level.INFO;
    }

    private static boolean uneventful(Result result) {
        return result.exitCode() == ExitCode.OK
                && Set.of(Outcome.FRESH, Outcome.HELD, Outcome.LOST).contains(result.outcome());
    }

    /**
     * Warns of rows that the job leaves alone although an application may read them.
     * @param rows of these accounts
     * @param otherAppIds the app ids in the table that are not configured
     */
    void unusedRows(RowSet rows, List<Account> accounts, Set<String> otherAppIds) {
        Map<RowSet.Reason, List<TokenRow>> unused = rows.unused(accounts)
            .stream()
            .collect(Collectors.groupingBy(RowSet.Unused::reason,
                    Collectors.mapping(RowSet.Unused::row, Collectors.toList())));
        for (TokenRow row : unused.getOrDefault(RowSet.Reason.DUPLICATE, List.of())
            .stream()
            .limit(ROWS_NAMED)
            .toList()) {
            RowKey key = row.key();
            log.atWarn()
                .addKeyValue("app_id", key.appId())
                .addKeyValue("type", key.type())
                .log("{} {} is in wx_token twice: row {} is kept fresh, row {} is not, and an application may read"
                        + " either. Delete row {}", key.appId(), key.type(), rows.configured().get(key).id(), row.id(),
                        row.id());
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
        if (!otherAppIds.isEmpty()) {
            log.warn(
                    "wx_token has rows of {} app id(s) that are not configured, and they are left alone: {}."
                            + " Configure them, or delete their rows",
                    otherAppIds.size(), otherAppIds.stream().limit(ROWS_NAMED).collect(Collectors.joining(", ")));
        }
    }

}
