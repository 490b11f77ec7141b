package io.wxtoken.status;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
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

    private static final int STATE = 2;

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
        return table(lines,
                (line, column) -> line > 0 && column == STATE
                        ? text -> ansi.string("@|" + colour(status.rows().get(line - 1).state()) + " " + text + "|@")
                        : text -> text);
    }

    /**
     * Writes a table with a title line; each column is as wide as its widest cell.
     * @param style how a cell is coloured, by line and column
     */
    public static String table(List<List<String>> lines, BiFunction<Integer, Integer, UnaryOperator<String>> style) {
        int[] widths = new int[lines.get(0).size()];
        lines.forEach(line -> {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], line.get(i).length());
            }
        });
        StringBuilder table = new StringBuilder();
        for (int i = 0; i < lines.size(); i++) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < widths.length; column++) {
                String cell = lines.get(i).get(column);
                line.append(style.apply(i, column).apply(cell)).append(" ".repeat(widths[column] - cell.length() + 2));
            }
            table.append(line.toString().stripTrailing()).append(System.lineSeparator());
        }
        return table.toString();
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
            case NOT_CONFIGURED -> "faint";
        };
    }

    private static String text(long seconds) {
        return seconds < 120 ? seconds + " s" : seconds < 7200 * 2 ? seconds / 60 + " min" : seconds / 3600 + " h";
    }

}
