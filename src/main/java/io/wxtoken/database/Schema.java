package io.wxtoken.database;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLIntegrityConstraintViolationException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfoService;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.core.env.Environment;

import io.wxtoken.settings.Settings;

/**
 * The schema and its version. The program shares the database with applications: it
 * creates {@code wx_token}, {@code wx_token_history}, {@code wx_component},
 * {@code wx_authorizer} and Flyway's table {@value #HISTORY}, always under these names,
 * and looks at no other table. Only runs that find the schema incomplete load Flyway.
 */
public final class Schema {

    /**
     * The version of the newest migration in db/migration. A new migration must raise it,
     * because otherwise no run would apply that migration; SchemaTest checks this.
     */
    static final String VERSION = "9";

    /** The version from which on {@code wx_token} has all columns that it has today. */
    private static final String VERSION_OF_ROWS = "8";

    /**
     * The name of Flyway's table. The table with Flyway's default name may be an
     * application's, and {@code repair} would confuse that application's migrations with
     * these.
     */
    static final String HISTORY = "wx_token_schema_history";

    /**
     * Creates Flyway's table on MySQL, with Flyway's columns, in a way that several nodes
     * may do at the same time. Flyway's own statement names no engine, so the table may
     * get an engine that MySQL can't write with GTIDs; and it copies a row into the
     * table, which MySQL 5.6 refuses with GTIDs.
     */
    private static final String CREATE_HISTORY = "CREATE TABLE IF NOT EXISTS " + HISTORY
            + " (installed_rank int NOT NULL PRIMARY KEY, version varchar(50),"
            + " description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL,"
            + " checksum int, installed_by varchar(100) NOT NULL,"
            + " installed_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, execution_time int NOT NULL, success"
            + " boolean NOT NULL) ENGINE = InnoDB";

    /**
     * The version of a complete schema that was made before {@value #HISTORY} existed.
     */
    static final String VERSION_WITHOUT_HISTORY = "5";

    private static final int ATTEMPTS = 5;

    private Schema() {
    }

    /**
     * How complete the schema is.
     */
    public enum State {

        /**
         * The rows lack something that a run needs.
         */
        UNREADY,

        /**
         * The rows have all that a run needs, but lack columns that came later.
         */
        BEHIND,

        /**
         * The rows have all columns, but later migrations are missing.
         */
        ROWS_COMPLETE,

        /**
         * All migrations were applied successfully: Flyway has nothing to do.
         */
        COMPLETE;

        /** Whether the rows have all columns. */
        public boolean hasCompleteRows() {
            return this == ROWS_COMPLETE || this == COMPLETE;
        }

        /** Whether migrations are missing that a run can do without. */
        public boolean isBehind() {
            return this == BEHIND || this == ROWS_COMPLETE;
        }

    }

    /**
     * Reads the state of a schema whose {@code wx_token} has all columns that a run
     * needs. If this user can't read {@value #HISTORY}, the rows can be refreshed all the
     * same.
     */
    public static State state(Connection connection) {
        try {
            Map<String, Boolean> applied = applied(connection);
            return Boolean.TRUE.equals(applied.get(VERSION)) && !applied.containsValue(false) ? State.COMPLETE
                    : Boolean.TRUE.equals(applied.get(VERSION_OF_ROWS)) ? State.ROWS_COMPLETE
                            : Boolean.TRUE.equals(applied.get(VERSION_WITHOUT_HISTORY)) ? State.BEHIND : State.UNREADY;
        }
        catch (SQLException noHistory) {
            try {
                return hasUnadoptedValues(connection) ? State.UNREADY : State.BEHIND;
            }
            catch (SQLException e) {
                return State.BEHIND;
            }
        }
    }

    /**
     * The version of the schema; "0" when the tables are missing or are not adopted yet.
     * @throws UnusableSchemaException when another program's table has one of the names
     */
    public static String version(Connection connection) throws SQLException {
        return SchemaInspection.of(connection).version();
    }

    /**
     * Whether no value has a fingerprint yet: V3 was applied, and V5 was not.
     */
    static boolean hasUnadoptedValues(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "SELECT COUNT(CASE WHEN `value` <> '' THEN 1 END), COUNT(CASE WHEN fingerprint <> '' THEN 1"
                                + " END) FROM wx_token")) {
            row.next();
            return row.getInt(1) > 0 && row.getInt(2) == 0;
        }
    }

    /**
     * The versions in Flyway's table, and whether they were applied successfully. Rows
     * without a version are marks of Flyway itself.
     */
    static Map<String, Boolean> applied(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT version, CASE WHEN success THEN 1 ELSE 0 END FROM "
                        + HISTORY + " WHERE version IS NOT NULL")) {
            Map<String, Boolean> applied = new HashMap<>();
            while (row.next()) {
                applied.merge(row.getString(1), row.getInt(2) == 1, Boolean::logicalAnd);
            }
            return applied;
        }
    }

    /**
     * Creates the schema, or brings it up to date. Several nodes may do so at the same
     * time, and a process may be killed anywhere, because each migration can be repeated.
     * @return the version that the schema then has
     * @throws UnusableSchemaException when another program's table has one of the names
     * (it is left as it is), or when this user may not change tables
     * @throws SQLException when the database can't be reached
     * @throws FlywayException when a migration fails
     */
    public static String migrate(Environment environment) throws SQLException {
        // all connections come from here, so that later ones go to the server of the
        // first
        RunDatabase database = new RunDatabase(environment);
        boolean mySql = Database.isMySql(Settings.databaseUrl(environment));
        SchemaInspection before = inspect(database);
        try {
            boolean cluster;
            try (Connection connection = database.getConnection(); Statement statement = connection.createStatement()) {
                cluster = mySql && ClusterLock.isNeeded(connection);
                if (cluster) {
                    rejectUnreplicatedTable(connection);
                }
                if (mySql && !before.history()) {
                    statement.execute(CREATE_HISTORY);
                }
            }
            if (!cluster) {
                return migrate(database, mySql);
            }
            try (ClusterLock lock = ClusterLock.take(database)) {
                return migrate(database, mySql);
            }
        }
        catch (SQLException | FlywayException e) {
            if (NestedExceptionUtils.getMostSpecificCause(e) instanceof SQLException cause
                    && DatabaseErrors.denies(cause)) {
                throw new UnusableSchemaException("the schema is "
                        + (before.version().equals("0") ? "missing" : "at version " + before.version())
                        + (before.versionWasRead() ? "" : ", as far as this user may see")
                        + ", and this program needs version " + VERSION
                        + ": run wx-token migrate as a user that may change tables, and then config/mysql/grants.sql"
                        + " if this user has only the rights that it gives ("
                        + cause.getMessage().lines().findFirst().orElse("") + ")");
            }
            throw e;
        }
    }

    private static SchemaInspection inspect(RunDatabase database) throws SQLException {
        try (Connection connection = database.getConnection()) {
            return SchemaInspection.of(connection);
        }
    }

    private static String migrate(RunDatabase database, boolean mySql) throws SQLException {
        // a second inspection, because another run may have migrated before this one got
        // the lock
        SchemaInspection before = inspect(database);
        if (mySql && !before.hasVersions() && !before.version().equals("0")) {
            try (Connection connection = database.getConnection(); Statement statement = connection.createStatement()) {
                statement.executeUpdate("INSERT INTO " + HISTORY
                        + " (installed_rank, version, description, type, script, installed_by, execution_time, success)"
                        + " VALUES (1, '" + before.version()
                        + "', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', '', 0, TRUE)");
            }
            catch (SQLIntegrityConstraintViolationException anotherNodeDidIt) {
                // the row of the other node is the same
            }
        }
        Flyway flyway = Flyway.configure()
            .dataSource(database)
            .table(HISTORY)
            .locations("classpath:db/migration/" + (mySql ? "mysql" : "h2"))
            .baselineOnMigrate(!mySql) // needed when H2's schema has other tables
            .baselineVersion(before.version())
            .load();
        migrate(flyway);
        return flyway.info().current().getVersion().toString();
    }

    /**
     * Rejects a MyISAM table, whose rows a cluster does not replicate. Converting it
     * there would give each member different rows, and members that differ leave the
     * cluster.
     */
    private static void rejectUnreplicatedTable(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet engine = statement.executeQuery(
                        "SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name"
                                + " = 'wx_token' AND engine <> 'InnoDB'")) {
            if (engine.next()) {
                throw new UnusableSchemaException("wx_token has the engine " + engine.getString(1)
                        + ", whose rows this cluster does not replicate, and is left as it is."
                        + " On the member that has the live token, run these two statements, and then wx-token"
                        + " again: CREATE TABLE wx_token_new (PRIMARY KEY (id))"
                        + " ENGINE = InnoDB SELECT * FROM wx_token; RENAME TABLE wx_token TO wx_token_old,"
                        + " wx_token_new TO wx_token;");
            }
        }
    }

    /**
     * Checks that the tables with the program's names are its own.
     * @throws UnusableSchemaException when one of them is another program's
     * @throws SQLException when the database can't be reached
     */
    public static void check(Environment environment) throws SQLException {
        try (Connection connection = Database.connectToRead(environment)) {
            SchemaInspection.of(connection);
        }
        catch (SQLException e) {
            if (!DatabaseErrors.lacksSchema(e)) { // H2's file does not exist yet
                throw e;
            }
        }
    }

    /**
     * Applies the migrations that are missing.
     * <p>
     * Another node may migrate or repair at the same time, and Flyway reads much before
     * it takes its lock. Its exception may therefore be out of date, and Flyway is called
     * again.
     * <p>
     * A migration that failed, for example on a full disk, is run again, because every
     * migration can be repeated. Flyway alone would refuse all later runs until somebody
     * calls "repair".
     * <p>
     * A complete schema is only validated. Migrating takes Flyway's lock even when there
     * is nothing to do, and a node that is frozen while it holds the lock would keep all
     * others from their tokens.
     */
    private static void migrate(Flyway flyway) {
        for (int attempt = 1;; attempt++) {
            try {
                MigrationInfoService migrations = flyway.info();
                boolean failed = Arrays.stream(migrations.applied())
                    .anyMatch(migration -> migration.getState().isFailed());
                if (failed) {
                    flyway.repair();
                }
                if (failed || migrations.pending().length > 0) {
                    flyway.migrate();
                }
                else {
                    flyway.validate();
                }
                return;
            }
            catch (FlywayException e) {
                if (attempt == ATTEMPTS || NestedExceptionUtils.getRootCause(e) instanceof SQLException) {
                    throw e;
                }
                pause(attempt);
            }
        }
    }

    private static void pause(int attempt) {
        try {
            Thread.sleep(200L * attempt);
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while another node migrates the schema", e);
        }
    }

}
