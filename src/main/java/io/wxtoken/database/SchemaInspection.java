package io.wxtoken.database;

import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.flywaydb.core.api.MigrationVersion;

/**
 * The state of the tables with the program's names before a migration.
 *
 * @param version the newest version that was applied. Without a {@link Schema#HISTORY} it
 * is the baseline that Flyway begins with: 5 when {@code wx_token} has everything that V5
 * adds, because V5 must not run again and adopt a value that another program wrote later;
 * otherwise 0, and V1 adopts a table that an operator created.
 * @param history whether there is a {@link Schema#HISTORY} that this user may read
 * @param hasVersions whether that table holds a version
 */
record SchemaInspection(String version, boolean history, boolean hasVersions) {

    private static final String LAST_COLUMN = "forced_count";

    private static final Set<Integer> WHOLE_NUMBER = Set.of(Types.TINYINT, Types.SMALLINT, Types.INTEGER, Types.BIGINT);

    private static final Set<Integer> TEXT = Set.of(Types.CHAR, Types.VARCHAR, Types.LONGVARCHAR, Types.CLOB);

    /**
     * Reads the tables that have the program's names.
     * @throws UnusableSchemaException when one of them is another program's
     */
    static SchemaInspection of(Connection connection) throws SQLException {
        // wx_token is read first, because a migrating node creates the history table
        // before it changes wx_token
        Map<String, Integer> columns = columns(connection, "wx_token");
        Map<String, Integer> history = columns(connection, Schema.HISTORY);
        if (!history.isEmpty()) {
            if (!history.keySet().containsAll(Set.of("installed_rank", "version", "script", "checksum", "success"))) {
                throw notOurTable(Schema.HISTORY, "it is no schema history of Flyway's");
            }
            Map<String, Boolean> applied = Schema.applied(connection);
            if (!applied.isEmpty()) {
                return new SchemaInspection(applied.entrySet()
                    .stream()
                    .filter(Map.Entry::getValue)
                    .map(Map.Entry::getKey)
                    .max(Comparator.comparing(MigrationVersion::fromVersion))
                    .orElse("0"), true, true);
            }
        }
        boolean there = !history.isEmpty();
        if (columns.isEmpty()) {
            return new SchemaInspection("0", there, false);
        }
        String missing = Stream.of("id", "type", "expire", "value")
            .filter(column -> !columns.containsKey(column))
            .collect(Collectors.joining(", "));
        if (!missing.isEmpty()) {
            throw notOurTable("wx_token", "it has no column " + missing);
        }
        if (!WHOLE_NUMBER.contains(columns.get("id")) || !TEXT.contains(columns.get("type"))
                || !TEXT.contains(columns.get("value"))
                || !TEXT.contains(columns.get("expire")) && !WHOLE_NUMBER.contains(columns.get("expire"))) {
            throw notOurTable("wx_token",
                    "its id, type, expire or value is of another type than int, varchar, varchar and varchar");
        }
        DatabaseMetaData metaData = connection.getMetaData();
        try (ResultSet view = metaData.getTables(connection.getCatalog(), null, "wx_token", new String[] { "VIEW" })) {
            if (view.next()) {
                throw notOurTable("wx_token", "it is a view");
            }
        }
        return columns.containsKey(LAST_COLUMN) && !Schema.hasUnadoptedValues(connection)
                ? new SchemaInspection(Schema.VERSION_WITHOUT_HISTORY, there, false)
                : new SchemaInspection("0", there, false);
    }

    /**
     * Whether the version was read, and not concluded from the columns of
     * {@code wx_token}.
     */
    boolean versionWasRead() {
        return hasVersions || version.equals("0");
    }

    private static UnusableSchemaException notOurTable(String table, String how) {
        return new UnusableSchemaException("the database has a table " + table + " that is not wx-token's: " + how
                + ". It is left as it is. Rename it, or name another database in spring.datasource.url");
    }

    /**
     * Returns the columns' names in lower case and their {@link Types}; empty when the
     * table is missing, or this user may not read it.
     */
    private static Map<String, Integer> columns(Connection connection, String table) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet noRows = statement.executeQuery("SELECT * FROM " + table + " WHERE 1 = 0")) {
            Map<String, Integer> columns = new HashMap<>();
            ResultSetMetaData metaData = noRows.getMetaData();
            for (int i = 1; i <= metaData.getColumnCount(); i++) {
                columns.put(metaData.getColumnName(i).toLowerCase(Locale.ROOT), metaData.getColumnType(i));
            }
            return columns;
        }
        catch (SQLException e) {
            if (DatabaseErrors.lacksSchema(e) || DatabaseErrors.denies(e)) {
                return Map.of();
            }
            throw e;
        }
    }
}
