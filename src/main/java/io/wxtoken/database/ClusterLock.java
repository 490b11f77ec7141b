package io.wxtoken.database;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLIntegrityConstraintViolationException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;

import javax.sql.DataSource;

import org.springframework.dao.CannotAcquireLockException;

/**
 * A lock under which one run at a time migrates a cluster whose members all take writes.
 * <p>
 * Flyway's own lock, {@code GET_LOCK}, holds on one server only, and two members that
 * change the schema at the same time break a group: in a multi-primary Group Replication
 * each member's applier fails, and all members leave. So this lock is a row of Flyway's
 * table. The whole cluster certifies a change of that row, and members apply changes in
 * one order, so a member that has seen the release of the lock has also seen everything
 * that was done under it. The lock lapses after {@value #LEASE_MINUTES} minutes, because
 * its holder may die; migrations take seconds.
 */
final class ClusterLock implements AutoCloseable {

    /**
     * The {@code installed_rank} of the lock's row. Flyway reads only rows above -1.
     */
    private static final int ROW = -100;

    private static final int LEASE_MINUTES = 5;

    private static final Duration LEASE = Duration.ofMinutes(LEASE_MINUTES);

    private static final Duration LONGEST_WAIT = Duration.ofMinutes(1);

    private final DataSource database;

    private final String me = UUID.randomUUID().toString();

    private ClusterLock(DataSource database) {
        this.database = database;
    }

    /**
     * Whether the server is a member of a Galera cluster or of Group Replication. On a
     * standalone server both variables are missing, empty or OFF.
     */
    static boolean isNeeded(Connection connection) {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "SHOW GLOBAL VARIABLES WHERE variable_name IN ('wsrep_on', 'group_replication_group_name')")) {
            Map<String, String> variables = new HashMap<>();
            while (row.next()) {
                variables.put(row.getString(1).toLowerCase(Locale.ROOT), row.getString(2));
            }
            return variables.getOrDefault("wsrep_on", "OFF").equals("ON")
                    || !variables.getOrDefault("group_replication_group_name", "").isEmpty();
        }
        catch (SQLException e) {
            // MySQL 5.7 refuses this when its system tables were not upgraded; such a
            // server is no member
            return false;
        }
    }

    /**
     * Waits for the lock, for a minute at most.
     * @throws CannotAcquireLockException when another run holds it for longer
     */
    static ClusterLock take(DataSource database) throws SQLException {
        ClusterLock lock = new ClusterLock(database);
        long begun = System.nanoTime();
        while (!lock.tryTake()) {
            if (System.nanoTime() - begun > LONGEST_WAIT.toNanos()) {
                throw new CannotAcquireLockException(
                        "another run is migrating the schema, on this or another member of the cluster; if that run"
                                + " died, its lock lapses " + LEASE.toMinutes() + " minutes after it was taken");
            }
            LockSupport.parkNanos(Duration.ofMillis(500).toNanos());
        }
        return lock;
    }

    private boolean tryTake() throws SQLException {
        try (Connection connection = database.getConnection();
                PreparedStatement take = connection.prepareStatement("UPDATE " + Schema.HISTORY
                        + " SET installed_by = ?, installed_on = NOW(), execution_time = 1 WHERE installed_rank = "
                        + ROW + " AND (execution_time = 0 OR installed_on < NOW() - INTERVAL ? SECOND)")) {
            take.setString(1, me);
            take.setLong(2, LEASE.toSeconds());
            if (take.executeUpdate() == 1) {
                return true;
            }
            insertRow(connection);
        }
        catch (SQLException e) {
            if (!DatabaseErrors.lostAConflict(e) && !DatabaseErrors.waitedForALock(e)) {
                throw e;
            }
        }
        return false;
    }

    /**
     * When several members insert the row at the same time, the cluster accepts one of
     * them.
     */
    private static void insertRow(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("INSERT INTO " + Schema.HISTORY
                    + " (installed_rank, description, type, script, installed_by, execution_time, success)"
                    + " VALUES (" + ROW + ", '<< one run at a time migrates a cluster >>', 'LOCK', '', '', 0, TRUE)");
        }
        catch (SQLIntegrityConstraintViolationException anotherMemberDidIt) {
            // the other member's row is the same
        }
    }

    /**
     * Releases the lock. If the release fails, the lock lapses.
     */
    @Override
    public void close() {
        try (Connection connection = database.getConnection();
                PreparedStatement release = connection.prepareStatement("UPDATE " + Schema.HISTORY
                        + " SET execution_time = 0 WHERE installed_rank = " + ROW + " AND installed_by = ?")) {
            release.setString(1, me);
            release.executeUpdate();
        }
        catch (SQLException e) {
            // the lock lapses; the migration itself is done
        }
    }

}
