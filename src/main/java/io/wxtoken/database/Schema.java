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
 * The schema and its version. It is a guest in an application's database: it makes
 * {@code wx_token}, {@code wx_token_history} and Flyway's own {@value #HISTORY}, under
 * these names whatever is configured, and looks at no other table. Flyway is loaded by
 * the runs alone that find the schema incomplete.
 */
public final class Schema {

    /**
     * The newest migration in db/migration. A newer one must raise it, or is never run:
     * SchemaTest holds the two together.
     */
    static final String VERSION = "7";

    /**
     * Flyway's table. Its default name is an application's, whose migrations
     * {@code repair} would take for ours.
     */
    static final String HISTORY = "wx_token_schema_history";

    /**
     * On MySQL. As Flyway makes it, but so that several nodes may, at once. Flyway's own
     * statement has no engine, so that it gets a default that MySQL can't write with
     * GTIDs on, and on MySQL 5.6 with GTIDs on it copies a row into the table, which is
     * refused there.
     */
    private static final String MAKE_HISTORY = "CREATE TABLE IF NOT EXISTS " + HISTORY
            + " (installed_rank int NOT NULL PRIMARY KEY, version varchar(50),"
            + " description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL,"
            + " checksum int, installed_by varchar(100) NOT NULL,"
            + " installed_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, execution_time int NOT NULL, success"
            + " boolean NOT NULL) ENGINE = InnoDB";

    /**
     * The version of a schema that is complete and was made before {@value #HISTORY}
     * existed.
     */
    static final String VERSION_WITHOUT_HISTORY = "5";

    private static final int ATTEMPTS = 5;

    private Schema() {
    }

    /** How far the schema is. */
    public enum State {

        /** The rows are not as a run needs them. */
        UNREADY,

        /** The rows are, and migrations are missing that came later. */
        BEHIND,

        /**
         * All migrations were applied, and none failed: there is nothing for Flyway to
         * do.
         */
        COMPLETE

    }

    /**
     * The state of a schema whose {@code wx_token} has all columns. Whatever keeps this
     * user from reading {@value #HISTORY} keeps no row from being refreshed.
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

    /** V3 has run, and V5 has not: no value has a fingerprint yet. */
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
     * Versions, and whether they were applied with success. Rows without a version are
     * Flyway's own marks.
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
     * Makes the schema, or brings it up to date. Nodes may start it together, and it may
     * be killed anywhere: each migration can be run again.
     * @return the version that the schema is then at
     * @throws UnusableSchemaException when a table of that name is something else, which
     * is left as it is, or when this user may not change tables
     * @throws SQLException when the database can't be reached
     * @throws FlywayException when a migration fails
     */
    public static String migrate(Environment environment) throws SQLException {
        RunDatabase database = new RunDatabase(environment); // one for all, as later
                                                             // connections are then to
                                                             // the server of the first
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
            if (NestedExceptionUtils.getMostSpecificCause(e) instanceof SQLException cause && Database.denies(cause)) {
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
        SchemaInspection before = inspect(database); // under the lock
        if (mySql && !before.begun() && !before.version().equals("0")) {
            try (Connection connection = database.getConnection(); Statement statement = connection.createStatement()) {
                statement.executeUpdate("INSERT INTO " + HISTORY
                        + " (installed_rank, version, description, type, script, installed_by, execution_time, success)"
                        + " VALUES (1, '" + before.version()
                        + "', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', '', 0, TRUE)");
            }
            catch (SQLIntegrityConstraintViolationException anotherNodeDidIt) {
                // with the same row
            }
        }
        Flyway flyway = Flyway.configure()
            .dataSource(database)
            .table(HISTORY)
            .locations("classpath:db/migration/" + (mySql ? "mysql" : "h2"))
            .baselineOnMigrate(!mySql) // H2's schema may have other tables, too
            .baselineVersion(before.version())
            .load();
        migrate(flyway);
        return flyway.info().current().getVersion().toString();
    }

    /**
     * Its rows are not replicated: converted there, the table would be another one on
     * each member, and members that differ leave.
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
     * Looks whether the tables that have our names are ours.
     * @throws UnusableSchemaException when one is something else
     * @throws SQLException when the database can't be reached
     */
    public static void check(Environment environment) throws SQLException {
        try (Connection connection = Database.connectToRead(environment)) {
            SchemaInspection.of(connection);
        }
        catch (SQLException e) {
            if (!Database.lacksSchema(e)) { // a file of H2's that is not there yet
                throw e;
            }
        }
    }

    /**
     * Another node may migrate or repair at the same moment, and Flyway looks at much
     * before it locks: what it complains of may no longer be so, and a second look tells.
     * <p>
     * A migration that failed, on a full disk, say, is run again: every migration can be.
     * Flyway alone would refuse all later runs until somebody calls "repair".
     * <p>
     * A complete schema is only checked: to migrate is to take Flyway's lock, even with
     * nothing to do, and a node that is frozen while it holds the lock would keep all
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
