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
 * What the database holds under the program's names before a migration.
 *
 * @param version the newest version that was applied. Where there is no
 * {@link Schema#HISTORY} yet, the baseline that it begins with: 5 when {@code wx_token}
 * has all that this version gave it, because V5 must not take a value that another
 * program wrote later for an adopted one; otherwise 0, and V1 adopts a table that was
 * made by hand.
 * @param history whether there is a {@link Schema#HISTORY} that this user may read
 * @param begun whether something is in it
 */
record SchemaInspection(String version, boolean history, boolean begun) {

    private static final String LAST_COLUMN = "forced_count";

    private static final Set<Integer> WHOLE_NUMBER = Set.of(Types.TINYINT, Types.SMALLINT, Types.INTEGER, Types.BIGINT);

    private static final Set<Integer> TEXT = Set.of(Types.CHAR, Types.VARCHAR, Types.LONGVARCHAR, Types.CLOB);

    /**
     * Reads the tables that have the program's names.
     * @throws UnusableSchemaException when one of them is something else
     */
    static SchemaInspection of(Connection connection) throws SQLException {
        // read before the history table, which a migrating node makes first
        Map<String, Integer> columns = columns(connection, "wx_token");
        Map<String, Integer> history = columns(connection, Schema.HISTORY);
        if (!history.isEmpty()) {
            if (!history.keySet().containsAll(Set.of("installed_rank", "version", "script", "checksum", "success"))) {
                throw somethingElse(Schema.HISTORY, "it is no schema history of Flyway's");
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
            throw somethingElse("wx_token", "it has no column " + missing);
        }
        if (!WHOLE_NUMBER.contains(columns.get("id")) || !TEXT.contains(columns.get("type"))
                || !TEXT.contains(columns.get("value"))
                || !TEXT.contains(columns.get("expire")) && !WHOLE_NUMBER.contains(columns.get("expire"))) {
            throw somethingElse("wx_token",
                    "its id, type, expire or value is of another type than int, varchar, varchar and varchar");
        }
        DatabaseMetaData metaData = connection.getMetaData();
        try (ResultSet view = metaData.getTables(connection.getCatalog(), null, "wx_token", new String[] { "VIEW" })) {
            if (view.next()) {
                throw somethingElse("wx_token", "it is a view");
            }
        }
        return columns.containsKey(LAST_COLUMN) && !Schema.valuesAreStillToBeAdopted(connection)
                ? new SchemaInspection(Schema.VERSION_WITHOUT_HISTORY, there, false)
                : new SchemaInspection("0", there, false);
    }

    /**
     * The version was read, not concluded from the columns of {@code wx_token}.
     */
    boolean seen() {
        return begun || version.equals("0");
    }

    private static UnusableSchemaException somethingElse(String table, String how) {
        return new UnusableSchemaException("the database has a table " + table + " that is not wx-token's: " + how
                + ". It is left as it is. Rename it," + " or name another database in spring.datasource.url");
    }

    /**
     * The columns' names in lower case and their {@link Types}; empty when the table is
     * missing, or this user may not read it.
     */
    private static Map<String, Integer> columns(Connection connection, String table) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet none = statement.executeQuery("SELECT * FROM " + table + " WHERE 1 = 0")) {
            Map<String, Integer> columns = new HashMap<>();
            ResultSetMetaData metaData = none.getMetaData();
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
