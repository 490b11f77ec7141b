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
 * The schema and its version. The program is a guest in an application's database: it
 * makes {@code wx_token}, {@code wx_token_history} and Flyway's table {@value #HISTORY},
 * under these names whatever is configured, and looks at no other table. Only runs that
 * find the schema incomplete load Flyway.
 */
public final class Schema {

    /**
     * The newest migration in db/migration. A newer migration must raise it, or it is
     * never run; SchemaTest checks that.
     */
    static final String VERSION = "7";

    /**
     * Flyway's table. Under Flyway's default name it would be an application's, whose
     * migrations {@code repair} would take for these.
     */
    static final String HISTORY = "wx_token_schema_history";

    /**
     * Makes Flyway's table on MySQL, in Flyway's shape, but so that several nodes may do
     * it at the same time. Flyway's own statement names no engine, so it may get one that
     * MySQL can't write with GTIDs, and on MySQL 5.6 with GTIDs it copies a row into the
     * table, which the server refuses.
     */
    private static final String MAKE_HISTORY = "CREATE TABLE IF NOT EXISTS " + HISTORY
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
         * The rows have all that a run needs, but later migrations are missing.
         */
        BEHIND,

        /**
         * All migrations were applied successfully: Flyway has nothing to do.
         */
        COMPLETE

    }

    /**
     * The state of a schema whose {@code wx_token} has all columns that a run needs. If
     * this user can't read {@value #HISTORY}, the rows can be refreshed all the same.
     */
    public static State state(Connection connection) {
        try {
            Map<String, Boolean> applied = applied(connection);
            return Boolean.TRUE.equals(applied.get(VERSION)) && !applied.containsValue(false) ? State.COMPLETE
                    : Boolean.TRUE.equals(applied.get(VERSION_WITHOUT_HISTORY)) ? State.BEHIND : State.UNREADY;
        }
        catch (SQLException noHistory) {
            try {
                return valuesAreStillToBeAdopted(connection) ? State.UNREADY : State.BEHIND;
            }
            catch (SQLException e) {
                return State.BEHIND;
            }
        }
    }

    /**
     * No value has a fingerprint: V3 was applied, and V5 was not.
     */
    static boolean valuesAreStillToBeAdopted(Connection connection) throws SQLException {
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
     * without a version are Flyway's own marks.
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
     * Makes the schema, or brings it up to date. Several nodes may do so at the same
     * time, and a process may be killed anywhere, because each migration can be run
     * again.
     * @return the version that the schema then has
     * @throws UnusableSchemaException when a table of that name is something else, which
     * is left as it is, or when this user may not change tables
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
                    refuseToAdoptOnACluster(connection);
                }
                if (mySql && !before.history()) {
                    statement.execute(MAKE_HISTORY);
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
                        + (before.version().equals("0") ? "not there" : "at version " + before.version())
                        + (before.seen() ? "" : ", as far as this user may see") + ", this program needs version "
                        + VERSION
                        + ": run wx-token migrate as a user that may change tables, and then config/mysql/grants.sql"
                        + " if this user has only the" + " rights that it gives ("
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
        // again, as another run may have migrated before this one got the lock
        SchemaInspection before = inspect(database);
        if (mySql && !before.begun() && !before.version().equals("0")) {
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
     * A cluster does not replicate a MyISAM table's rows. Converting the table there
     * would make a different one on each member, and members that differ leave the
     * cluster.
     */
    private static void refuseToAdoptOnACluster(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet engine = statement.executeQuery(
                        "SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name"
                                + " = 'wx_token' AND engine <> 'InnoDB'")) {
            if (engine.next()) {
                throw new UnusableSchemaException("wx_token is a table of " + engine.getString(1)
                        + "'s, whose rows this cluster does not replicate, and is left as it is."
                        + " On the member that has the live token, run these two statements, and then wx-token"
                        + " again: CREATE TABLE wx_token_new (PRIMARY KEY (id))"
                        + " ENGINE = InnoDB SELECT * FROM wx_token; RENAME TABLE wx_token TO wx_token_old,"
                        + " wx_token_new TO wx_token;");
            }
        }
    }

    /**
     * Checks that the tables with the program's names are its own.
     * @throws UnusableSchemaException when one of them is something else
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
     * Migrates what is not complete.
     * <p>
     * Another node may migrate or repair at the same time, and Flyway reads much before
     * it locks: its complaint may be out of date, so it is tried again.
     * <p>
     * A migration that failed, for example on a full disk, is run again, as every
     * migration can be. Flyway alone would refuse all later runs until somebody calls
     * "repair".
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
