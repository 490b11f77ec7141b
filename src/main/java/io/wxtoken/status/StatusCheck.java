package io.wxtoken.status;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

import io.wxtoken.token.RowKey;

/**
 * A {@link Status} as a monitoring plugin reports it, in the form that the Monitoring
 * Plugins Development Guidelines describe: Nagios, Icinga and others read it.
 *
 * @param text one line for people, then "|" and figures for machines; further lines for
 * further rows that are not well
 */
public record StatusCheck(Severity severity, String text) {

    /** With more rows than this, the figures are those of all rows together. */
    private static final int FIGURES = 20;

    /** The most lines for rows that are not well. */
    private static final int LINES = 20;

    /** What the check found; the order is that of the plugins' exit codes. */
    public enum Severity {

        OK, WARNING, CRITICAL,

        /** The check could not judge the rows. */
        UNKNOWN;

        /** The exit code of a plugin. */
        public int exitCode() {
            return ordinal();
        }

    }

    /**
     * What is not well.
     *
     * @param warningLeft a value with less time left than this
     * @param criticalLeft as before, but critical
     * @param warningDue a row that has been due for longer than this
     * @param criticalDue as before, but critical
     */
    public record Thresholds(Duration warningLeft, Duration criticalLeft, Duration warningDue, Duration criticalDue) {
    }

    private record Finding(Severity severity, String text) {
    }

    /** Judges a status; rows that the job is not expected to keep fresh are left out. */
    public static StatusCheck of(Status status, Thresholds thresholds) {
        List<Status.Row> rows = status.rows().stream().filter(row -> row.state().expected()).toList();
        if (rows.isEmpty()) {
            return unknown("wx_token has no rows, and no account is configured");
        }
        List<Finding> findings = rows.stream()
            .map(row -> judge(row, thresholds))
            .filter(finding -> finding.severity() != Severity.OK)
            .sorted(Comparator.comparing(Finding::severity).reversed())
            .toList();
        String count = rows.size() == 1 ? "1 row" : rows.size() + " rows";
        Severity worst = findings.isEmpty() ? Severity.OK : findings.get(0).severity();
        StringBuilder text = new StringBuilder(line(worst,
                findings.isEmpty() ? count + ", at least " + StatusText.text(left(rows)) + " left"
                        : findings.size() + " of " + count + ": " + findings.get(0).text())
                + " | " + figures(rows, findings, thresholds));
        findings.stream()
            .skip(1)
            .limit(LINES)
            .forEach(finding -> text.append('\n').append(finding.severity()).append(": ").append(finding.text()));
        if (findings.size() > LINES + 1) {
            text.append("\nand ").append(findings.size() - LINES - 1).append(" more: see wx-token status");
        }
        return new StatusCheck(worst, text.toString());
    }

    /**
     * The result of a check that could not judge the rows.
     * @param why on one line
     */
    public static StatusCheck unknown(String why) {
        return new StatusCheck(Severity.UNKNOWN, line(Severity.UNKNOWN, printable(why)));
    }

    private static String line(Severity severity, String text) {
        return "WX-TOKEN " + severity + " - " + text;
    }

    /** Monitoring systems take what is after a "|" as figures. */
    private static String printable(String text) {
        return text.replace('|', '/');
    }

    private static Finding judge(Status.Row row, Thresholds thresholds) {
        List<String> reasons = new ArrayList<>();
        Severity severity = Severity.OK;
        // each claim counts as a failure until its run has published
        int failures = row.state() == Status.State.HELD ? row.failures() - 1 : row.failures();
        boolean failing = row.state() == Status.State.FAILING || failures > 0;
        if (!row.usable()) {
            severity = Severity.CRITICAL;
            reasons.add("dead");
        }
        else {
            severity = max(severity(row.dueSeconds(), thresholds.warningDue(), thresholds.criticalDue()),
                    repeatedLately(row, thresholds) ? Severity.OK : severity(-row.secondsLeft(),
                            thresholds.warningLeft().negated(), thresholds.criticalLeft().negated()));
            if (severity != Severity.OK && row.dueSeconds() > 0) {
                reasons.add("due for " + StatusText.text(row.dueSeconds()));
            }
            if (failing) {
                severity = max(severity, Severity.WARNING);
                reasons.add(failures > 1 ? failures + " failures in a row" : "failing");
            }
            reasons.add(StatusText.text(row.secondsLeft()) + " left");
        }
        String account = row.name() == null ? row.appId() : row.appId() + " (" + row.name() + ")";
        return new Finding(severity, printable(account + " " + row.type() + " " + String.join(", ", reasons)
                + (row.note().isEmpty() ? "" : " (" + row.note() + ")")));
    }

    /**
     * @return OK unless the value is above a threshold
     */
    private static Severity severity(long value, Duration warning, Duration critical) {
        return value > critical.toSeconds() ? Severity.CRITICAL
                : value > warning.toSeconds() ? Severity.WARNING : Severity.OK;
    }

    private static Severity max(Severity one, Severity other) {
        return one.compareTo(other) >= 0 ? one : other;
    }

    /**
     * Whether the row is a ticket, or a token of WeCom's (whose app ids alone have a
     * colon), that was given a moment ago. These may be repeated until their end, so
     * little time left is then nothing that anybody could mend.
     */
    private static boolean repeatedLately(Status.Row row, Thresholds thresholds) {
        return (!row.type().equals(RowKey.ACCESS_TOKEN) || row.appId().contains(":"))
                && row.ageSeconds() <= thresholds.warningDue().toSeconds();
    }

    private static long left(List<Status.Row> rows) {
        return rows.stream()
            .map(Status.Row::secondsLeft)
            .filter(Objects::nonNull)
            .mapToLong(left -> left)
            .min()
            .orElse(0);
    }

    /**
     * The performance data: label=value;warning;critical, where "60:" means at least 60.
     */
    private static String figures(List<Status.Row> rows, List<Finding> findings, Thresholds thresholds) {
        String leftRanges = "s;%d:;%d:".formatted(thresholds.warningLeft().toSeconds(),
                thresholds.criticalLeft().toSeconds());
        long critical = findings.stream().filter(finding -> finding.severity() == Severity.CRITICAL).count();
        List<String> figures = new ArrayList<>(List.of("left=" + left(rows) + leftRanges,
                "due=%ds;%d;%d".formatted(rows.stream().mapToLong(Status.Row::dueSeconds).max().orElse(0),
                        thresholds.warningDue().toSeconds(), thresholds.criticalDue().toSeconds()),
                "rows=" + rows.size(), "warning=" + (findings.size() - critical), "critical=" + critical));
        if (rows.size() <= FIGURES) {
            rows.stream()
                .filter(row -> row.secondsLeft() != null)
                .map(row -> "'" + row.appId() + "/" + row.type() + "_left'=" + row.secondsLeft() + leftRanges)
                .forEach(figures::add);
        }
        return String.join(" ", figures);
    }

}
