package io.wxtoken.database;

import java.security.GeneralSecurityException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;

import javax.net.ssl.SSLException;

import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.core.env.Environment;

import io.wxtoken.settings.Settings;

/** The configured database: how it is connected to, and what its errors mean. */
public final class Database {

    /**
     * Connector/J's defaults that are wrong here; the operator's own settings win. It
     * would wait for ever (these are milliseconds), ask the server for session state that
     * it knows, and send one more SET for the results' encoding on each connection.
     */
    private static final Map<String, String> DEFAULTS = Map.of("connectTimeout", "3000", "socketTimeout", "15000",
            "useLocalSessionState", "true", "characterSetResults", "UTF-8");

    private static final int H2_NO_SUCH_FILE = 90146;

    /**
     * Another statement won, on this server or, in a cluster, on another one, and this
     * one changed nothing: a deadlock or Galera's certification (1213), Group
     * Replication's (3101), a lock that was waited for (1205), MariaDB's snapshot
     * isolation (1020).
     */
    private static final Set<Integer> CONFLICT = Set.of(1213, 3101, 1205, 1020);

    /**
     * The server takes no writes: it is read-only (1290, 1836), or the session is (1792).
     */
    private static final Set<Integer> READ_ONLY = Set.of(1290, 1836, 1792);

    /**
     * The same of a server that is not part of the majority of its cluster: Galera 1047;
     * Group Replication 3100, 3796, and where it is told to be in offline mode then 3032,
     * or 6400 with a reason.
     */
    private static final Set<Integer> NOT_IN_THE_MAJORITY = Set.of(1047, 3100, 3796, 3032, 6400);

    /**
     * MySQL's codes for a right that is missing to a database, a table, a column or an
     * operation, and H2's.
     */
    private static final Set<Integer> DENIED = Set.of(1044, 1142, 1143, 1227, 90096, 90040);

    private Database() {
    }

    /**
     * A connection in autocommit, with a bound on every wait, to a server that takes
     * writes.
     * @throws UnusableServerException when none does
     */
    public static Connection connect(Environment environment) throws SQLException {
        return new Servers(environment).connect();
    }

    /**
     * As {@link #connect}, but a file of H2's that is not there is not made, and a
     * read-only server does where there is no other: then the connection is read-only.
     */
    public static Connection connectToRead(Environment environment) throws SQLException {
        return new Servers(environment).toRead().connectToRead();
    }

    /**
     * What the driver is to know beside the URL: user, password, and what the operator
     * set for the pool's connections.
     */
    static Properties properties(Environment environment, String url) {
        Properties properties = new Properties();
        Binder.get(environment)
            .bind("spring.datasource.hikari.data-source-properties", Bindable.mapOf(String.class, String.class))
            .ifBound(properties::putAll);
        // Empty ones are none, as for Spring Boot: the URL may have them.
        Map.of("user", "spring.datasource.username", "password", "spring.datasource.password")
            .forEach((property, setting) -> {
                String value = Settings.text(environment, setting);
                if (!value.isBlank()) {
                    properties.put(property, value);
                }
            });
        if (isMySql(url)) { // H2 has no such settings, and refuses them
            DEFAULTS.forEach((property, value) -> {
                if (!url.contains(property + "=")) {
                    properties.putIfAbsent(property, value);
                }
            });
        }
        else if (url.startsWith("jdbc:h2:mem:")) {
            properties.putIfAbsent("user", "sa"); // as Spring Boot does
        }
        return properties;
    }

    static boolean isMySql(String url) {
        return url.startsWith("jdbc:mysql:");
    }

    /**
     * A table, a column or a database file is not there (yet). MySQL, MariaDB and H2 have
     * the same SQLStates for it.
     */
    public static boolean lacksSchema(SQLException e) {
        return String.valueOf(e.getSQLState()).startsWith("42S") || e.getErrorCode() == H2_NO_SUCH_FILE;
    }

    /**
     * The user has no right to do that; on MySQL also for a table that is not there, as a
     * user without rights to it is not told.
     */
    public static boolean denies(SQLException e) {
        return DENIED.contains(e.getErrorCode());
    }

    /** The statement changed nothing, as another one won: see {@link #CONFLICT}. */
    public static boolean lostAConflict(Throwable e) {
        return code(e, CONFLICT);
    }

    /** The server is read-only, or not part of the majority of its cluster. */
    public static boolean takesNoWrites(Throwable e) {
        return code(e, NOT_IN_THE_MAJORITY)
                || code(e, READ_ONLY) && String.valueOf(root(e).getMessage()).matches("(?is).*read.only.*"); // 1290
                                                                                                             // has
                                                                                                             // other
                                                                                                             // reasons,
                                                                                                             // too
    }

    /** The connection broke, or could not be made. */
    static boolean broken(Throwable e) {
        return root(e) instanceof SQLException cause && String.valueOf(cause.getSQLState()).startsWith("08");
    }

    /**
     * What an error of a replicated server means, and what to do; empty for other errors.
     */
    public static Optional<String> meaning(Throwable e) {
        String said = " (" + String.valueOf(root(e).getMessage()).lines().findFirst().orElse("") + ")";
        if (root(e) instanceof UnusableServerException) {
            return Optional.of("no server of spring.datasource.url takes writes" + said + ": "
                    + (said.contains("can't be reached") ? "check the servers and the network, or " : "")
                    + "name the one that does, or all of them, as in jdbc:mysql://db1,db2,db3/wx");
        }
        if (lostAConflict(e)) {
            return Optional.of("other statements on this row won each time" + said + ": the next run goes on");
        }
        if (code(e, NOT_IN_THE_MAJORITY)) {
            return Optional.of("this server is not part of the majority of its cluster" + said
                    + ": bring it back, or name all members, as in jdbc:mysql://db1,db2,db3/wx");
        }
        return takesNoWrites(e) ? Optional.of("this server is read-only" + said
                + ": name the one that takes writes in spring.datasource.url, or all of them, as in"
                + " jdbc:mysql://db1,db2,db3/wx") : Optional.empty();
    }

    /**
     * Why TLS with the server failed, and what to do, which the driver tells in the
     * causes alone; empty when something else did.
     */
    public static Optional<String> tlsProblem(Throwable e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof SSLException) {
                String said = String.valueOf(cause.getMessage()).replaceAll("([a-z]\\w*\\.)+\\w+Exception: ", "");
                return Optional.of("TLS failed (" + said + "): " + (NestedExceptionUtils
                    .getMostSpecificCause(cause) instanceof GeneralSecurityException
                            ? "name the store of the certificate's authority, as the README's TLS to the database says"
                            : "a server with no TLS newer than 1.1, as MySQL 5.7's and MariaDB 10.2's were, is"
                                    + " refused by Java; upgrade it, or set sslMode=DISABLED on a network"
                                    + " that you trust"));
            }
        }
        return Optional.empty();
    }

    /**
     * This server can't be gone on with, and another one might: its connection broke, or
     * it takes no writes.
     */
    public static boolean isForAnotherServer(Throwable e) {
        return broken(e) || takesNoWrites(e);
    }

    private static boolean code(Throwable e, Set<Integer> codes) {
        return root(e) instanceof SQLException cause && codes.contains(cause.getErrorCode());
    }

    /**
     * The driver's own: the innermost exception of SQL, as what it has below may be one
     * of the network's.
     */
    private static Throwable root(Throwable e) {
        Throwable root = e;
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            root = cause instanceof SQLException ? cause : root;
        }
        return root;
    }

}
