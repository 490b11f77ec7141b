package io.wxtoken.database;

import java.security.GeneralSecurityException;
import java.sql.SQLException;
import java.util.Optional;
import java.util.stream.Stream;

import javax.net.ssl.SSLException;

import org.flywaydb.core.api.FlywayException;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.dao.DataAccessException;

import io.wxtoken.ExitCode;

/**
 * What a failure of the database means to an operator.
 *
 * @param text what is wrong and what to do, on one line, without secrets
 */
public record DatabaseFailure(ExitCode exitCode, String text) {

    /** H2's code for "Database may be already in use". */
    private static final int H2_IN_USE = 90020;

    private static final int UNKNOWN_DATABASE = 1049;

    /**
     * @param failure the exception, or one that was caused by it
     * @param url the configured URL, for the text
     * @return empty when the failure is not the database's
     */
    public static Optional<DatabaseFailure> of(Throwable failure, String url) {
        // The innermost SQLException has the driver's own words.
        return causes(failure).filter(SQLException.class::isInstance)
            .map(SQLException.class::cast)
            .reduce((outer, inner) -> inner)
            .map(e -> new DatabaseFailure(DatabaseErrors.lostAConflict(e) ? ExitCode.RETRY : ExitCode.DATABASE,
                    text(e, withoutSecrets(url))))
            .or(() -> causes(failure).filter(e -> e instanceof DataAccessException || e instanceof FlywayException)
                .findFirst()
                .map(e -> new DatabaseFailure(ExitCode.DATABASE,
                        "the database at " + withoutSecrets(url) + " failed: " + firstLine(e))));
    }

    private static String text(SQLException e, String url) {
        String database = "the database at " + url;
        String state = String.valueOf(e.getSQLState());
        String detail = " (" + firstLine(e) + ")";
        Optional<String> known = replicationProblem(e)
            .or(() -> tlsProblem(e).map(problem -> "can't reach " + database + ": " + problem));
        if (known.isPresent()) {
            return known.get();
        }
        if (e.getErrorCode() == H2_IN_USE) {
            return "another process has the H2 file of " + url
                    + " open: wait for it, or use MySQL (spring.datasource.url), which several nodes can share";
        }
        if (state.startsWith("08")) {
            return "can't reach " + database
                    + ", or it does not answer: check spring.datasource.url, the server and the network" + detail;
        }
        if (state.startsWith("28") || DatabaseErrors.denies(e)) {
            return database + " refuses: check spring.datasource.username, .password and the user's grants" + detail
                    + (state.startsWith("28") ? "; a user made with REQUIRE SSL needs TLS, too" : "");
        }
        if (state.startsWith("42S")) {
            return database + " lacks a table or a column" + detail
                    + ": restore it from a backup; or, when wx_token as a whole is gone,"
                    + " drop wx_token_schema_history, and the next run makes the table again";
        }
        if (e.getErrorCode() == UNKNOWN_DATABASE) {
            return database + " does not exist: create it, or correct spring.datasource.url" + detail;
        }
        return database + " failed: " + firstLine(e) + " (SQLState " + state + ", code " + e.getErrorCode() + ")";
    }

    /** What is wrong with a replicated server, and what to do; empty for other errors. */
    private static Optional<String> replicationProblem(Throwable e) {
        String detail = " ("
                + String.valueOf(DatabaseErrors.innermostSqlException(e).getMessage()).lines().findFirst().orElse("")
                + ")";
        if (DatabaseErrors.innermostSqlException(e) instanceof UnusableServerException) {
            return Optional.of("no server of spring.datasource.url takes writes" + detail + ": "
                    + (detail.contains("can't be reached") ? "check the servers and the network, or " : "")
                    + "name a server that does, or all servers, as in jdbc:mysql://db1,db2,db3/wx");
        }
        if (DatabaseErrors.lostAConflict(e)) {
            return Optional
                .of("the statement lost each conflict with others on its row" + detail + ": the next run tries again");
        }
        if (DatabaseErrors.hasCode(e, DatabaseErrors.NOT_IN_THE_MAJORITY)) {
            return Optional.of("this server is not part of the majority of its cluster" + detail
                    + ": bring it back, or name all members, as in jdbc:mysql://db1,db2,db3/wx");
        }
        return DatabaseErrors.takesNoWrites(e) ? Optional.of("this server is read-only" + detail
                + ": name a server that takes writes in spring.datasource.url, or all servers, as in"
                + " jdbc:mysql://db1,db2,db3/wx") : Optional.empty();
    }

    /**
     * Why TLS with the server failed, and what to do. The driver gives the reason only in
     * the causes of its exception. Empty when TLS did not fail.
     */
    static Optional<String> tlsProblem(Throwable e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof SSLException) {
                String detail = String.valueOf(cause.getMessage()).replaceAll("([a-z]\\w*\\.)+\\w+Exception: ", "");
                return Optional.of("TLS failed (" + detail + "): "
                        + (NestedExceptionUtils.getMostSpecificCause(cause) instanceof GeneralSecurityException
                                ? "name a trust store with the certificate's authority (README: TLS to the database)"
                                : "Java refuses a server that has no TLS newer than 1.1, such as MySQL 5.7 or MariaDB"
                                        + " 10.2; upgrade it, or set sslMode=DISABLED on a network that you trust"));
            }
        }
        return Optional.empty();
    }

    /**
     * Removes the password from a JDBC URL, which may carry it before the host or among
     * its properties.
     */
    public static String withoutSecrets(String url) {
        return url.replaceAll("[?;].*", "")
            .replaceAll("//[^/]*@", "//")
            .replaceAll("(?i)(password\\s*=)[^,)&]*", "$1***");
    }

    /** The exception and its causes, the innermost last. */
    public static Stream<Throwable> causes(Throwable failure) {
        return Stream.iterate(failure, cause -> cause != null, Throwable::getCause).limit(50);
    }

    /**
     * The first line of an exception's text, without the statement that H2 adds in the
     * next line, and without names of classes.
     */
    public static String firstLine(Throwable e) {
        return String.valueOf(e.getMessage())
            .lines()
            .map(String::strip)
            .filter(line -> !line.isEmpty())
            .findFirst()
            .orElse("")
            .replaceAll("; SQL statement:|([a-z]\\w*\\.)+\\w+Exception: ", "");
    }
}
