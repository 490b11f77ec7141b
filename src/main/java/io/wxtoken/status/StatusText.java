package io.wxtoken.status;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

import picocli.CommandLine.Help.Ansi;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes a {@link Status} for people and for machines.
 */
public final class StatusText {

    private static final List<String> TITLES = List.of("ACCOUNT", "TYPE", "STATE", "AGE", "LEFT", "NEXT REFRESH",
            "CLAIMED BY", "LAST ERROR");

    private StatusText() {
    }

    /**
     * Writes a status or the history's entries as JSON: names as in the tables, times in
     * ISO 8601 and UTC.
     */
    public static String json(Object value) {
        return JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build()
            .writeValueAsString(value);
    }

    /**
     * Writes a status as a table.
     * @param ansi whether to use colours
     */
    public static String table(Status status, Ansi ansi) {
        List<List<String>> lines = new ArrayList<>(List.of(TITLES));
        status.rows().forEach(row -> lines.add(cells(row, status.readAt())));
        List<List<String>> named = withNames(lines, 0, status.rows().stream().map(Status.Row::name).toList());
        int state = named.get(0).indexOf("STATE");
        return table(named,
                (line, column) -> line > 0 && column == state
                        ? text -> ansi.string("@|" + colour(status.rows().get(line - 1).state()) + " " + text + "|@")
                        : text -> text);
    }

    /**
     * Adds a column NAME to a table's lines, if any account has a name.
     * @param account the column of the app ids; the names stand after it
     * @param names of the accounts, for each line after the title; null for none
     */
    public static List<List<String>> withNames(List<List<String>> lines, int account, List<String> names) {
        if (names.stream().allMatch(Objects::isNull)) {
            return lines;
        }
        List<List<String>> named = new ArrayList<>();
        for (List<String> line : lines) {
            String name = named.isEmpty() ? "NAME" : names.get(named.size() - 1);
            List<String> cells = new ArrayList<>(line);
            cells.add(account + 1, name == null ? "-" : name);
            named.add(cells);
        }
        return named;
    }

    /**
     * Writes a table with a title line; each column is as wide as its widest cell.
     * @param style how a cell is coloured, by line and column
     */
    public static String table(List<List<String>> lines, BiFunction<Integer, Integer, UnaryOperator<String>> style) {
        int[] widths = new int[lines.get(0).size()];
        lines.forEach(line -> {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], width(line.get(i)));
            }
        });
        StringBuilder table = new StringBuilder();
        for (int i = 0; i < lines.size(); i++) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < widths.length; column++) {
                String cell = lines.get(i).get(column);
                line.append(style.apply(i, column).apply(cell)).append(" ".repeat(widths[column] - width(cell) + 2));
            }
            table.append(line.toString().stripTrailing()).append(System.lineSeparator());
        }
        return table.toString();
    }

    /** The columns of a terminal that a text takes: two for a Chinese letter. */
    private static int width(String text) {
        return Ansi.OFF.text(text).getCJKAdjustedLength();
    }

    private static List<String> cells(Status.Row row, Instant now) {
        String next = row.nextRefresh() == null ? "-" : row.nextRefresh().isAfter(now)
                ? "in " + text(Duration.between(now, row.nextRefresh()).toSeconds()) : "next run";
        return List.of(row.appId().isEmpty() ? "(none)" : row.appId(), row.type(), row.state().toString(),
                row.ageSeconds() == null ? "-" : text(row.ageSeconds()),
                row.secondsLeft() == null ? "-" : row.secondsLeft() > 0 ? text(row.secondsLeft()) : "over", next,
                row.claimedBy() == null ? "-" : row.claimedBy(), row.note());
    }

    private static String colour(Status.State state) {
        return switch (state) {
            case FRESH, HELD -> "green";
            case DUE, FAILING -> "yellow";
            case DEAD -> "bold,red";
            case UNAUTHORIZED, NOT_CONFIGURED -> "faint";
        };
    }

    /** Writes a time roughly, as people do. */
    static String text(long seconds) {
        return seconds < 120 ? seconds + " s" : seconds < 7200 * 2 ? seconds / 60 + " min" : seconds / 3600 + " h";
    }

}
