package io.wxtoken.database;

import java.sql.SQLException;
import java.util.Set;

/**
 * What the errors of MySQL, MariaDB, their clusters and H2 mean for a run.
 * {@link DatabaseFailure} has the messages for people.
 */
public final class DatabaseErrors {

    private static final int H2_NO_SUCH_FILE = 90146;

    private static final int HOST_IS_BLOCKED = 1129;

    /**
     * Codes of a conflict: another statement won, on this server or on another member of
     * the cluster, and this one changed nothing. They are a deadlock or Galera's
     * certification (1213), Group Replication's certification (3101) and MariaDB's
     * snapshot isolation (1020).
     */
    private static final Set<Integer> CONFLICT = Set.of(1213, 3101, 1020);

    /**
     * Codes of a lock that was waited for in vain, MySQL's and H2's: another session
     * holds it and does not commit. The statement changed nothing.
     */
    private static final Set<Integer> LOCK_WAIT_TIMEOUT = Set.of(1205, 50200);

    /**
     * Codes of a server that takes no writes because it is read-only (1290, 1836), or the
     * session is (1792).
     */
    private static final Set<Integer> READ_ONLY = Set.of(1290, 1836, 1792);

    /**
     * Codes of a server that takes no writes because it is not part of the majority of
     * its cluster: Galera's (1047), Group Replication's (3100, 3796), and those of a
     * member in offline mode (3032, or 6400 with a reason).
     */
    static final Set<Integer> NOT_IN_THE_MAJORITY = Set.of(1047, 3100, 3796, 3032, 6400);

    /**
     * Codes for a missing right on a database, a table, a column or an operation; the
     * last two are H2's.
     */
    private static final Set<Integer> DENIED = Set.of(1044, 1142, 1143, 1227, 90096, 90040);

    private DatabaseErrors() {
    }

    /**
     * Whether a table, a column or a database file is missing. MySQL, MariaDB and H2 use
     * the same SQLStates for it.
     */
    public static boolean lacksSchema(SQLException e) {
        return String.valueOf(e.getSQLState()).startsWith("42S") || e.getErrorCode() == H2_NO_SUCH_FILE;
    }

    /**
     * Whether the user lacks a right. MySQL also reports a missing table in this way,
     * when the user has no right to it.
     */
    public static boolean denies(SQLException e) {
        return DENIED.contains(e.getErrorCode());
    }

    /**
     * Whether the statement changed nothing because another one won, see
     * {@link #CONFLICT}.
     */
    public static boolean lostAConflict(Throwable e) {
        return hasCode(e, CONFLICT);
    }

    /**
     * Whether the statement changed nothing because another session holds a lock, see
     * {@link #LOCK_WAIT_TIMEOUT}.
     */
    public static boolean waitedForALock(Throwable e) {
        return hasCode(e, LOCK_WAIT_TIMEOUT);
    }

    /** Whether the server is read-only, or not part of the majority of its cluster. */
    public static boolean takesNoWrites(Throwable e) {
        // code 1290 also stands for options that have nothing to do with writing
        return hasCode(e, NOT_IN_THE_MAJORITY) || hasCode(e, READ_ONLY)
                && String.valueOf(innermostSqlException(e).getMessage()).matches("(?is).*read.only.*");
    }

    /** Whether the connection broke, or could not be made. */
    static boolean connectionBroke(Throwable e) {
        return innermostSqlException(e) instanceof SQLException cause
                && (String.valueOf(cause.getSQLState()).startsWith("08") || cause.getErrorCode() == HOST_IS_BLOCKED);
    }

    /**
     * Whether another server may do better: the connection to this one broke, or it takes
     * no writes, or a row is locked there, perhaps by a commit that waits for a cluster
     * from which this server is cut off.
     */
    public static boolean isForAnotherServer(Throwable e) {
        return connectionBroke(e) || takesNoWrites(e) || waitedForALock(e);
    }

    static boolean hasCode(Throwable e, Set<Integer> codes) {
        return innermostSqlException(e) instanceof SQLException cause && codes.contains(cause.getErrorCode());
    }

    /**
     * The innermost SQLException, which has the driver's own words; its cause may be an
     * exception of the network.
     */
    static Throwable innermostSqlException(Throwable e) {
        Throwable root = e;
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            root = cause instanceof SQLException ? cause : root;
        }
        return root;
    }

}
