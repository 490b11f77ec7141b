package io.wxtoken.database;

import java.sql.SQLException;
import java.util.Optional;
import java.util.stream.Stream;

import org.flywaydb.core.api.FlywayException;
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
            .map(e -> new DatabaseFailure(Database.lostAConflict(e) ? ExitCode.RETRY : ExitCode.DATABASE,
                    text(e, withoutSecrets(url))))
            .or(() -> causes(failure).filter(e -> e instanceof DataAccessException || e instanceof FlywayException)
                .findFirst()
                .map(e -> new DatabaseFailure(ExitCode.DATABASE,
                        "the database at " + withoutSecrets(url) + " failed: " + firstLine(e))));
    }

    private static String text(SQLException e, String url) {
        String database = "the database at " + url;
        String state = String.valueOf(e.getSQLState());
        String said = " (" + firstLine(e) + ")";
        Optional<String> known = Database.meaning(e)
            .or(() -> Database.tlsProblem(e).map(problem -> "can't reach " + database + ": " + problem));
        if (known.isPresent()) {
            return known.get();
        }
        if (e.getErrorCode() == H2_IN_USE) {
            return "another process has the H2 file of " + url
                    + " open: wait for it, or use MySQL (spring.datasource.url), which" + " several nodes can share";
        }
        if (state.startsWith("08")) {
            return "can't reach " + database
                    + ", or it does not answer: check spring.datasource.url, the server and the network" + said;
        }
        if (state.startsWith("28") || Database.denies(e)) {
            return database + " refuses: check spring.datasource.username, .password and the user's grants" + said
                    + (state.startsWith("28") ? "; a user made with REQUIRE SSL needs TLS, too" : "");
        }
        if (state.startsWith("42S")) {
            return database + " lacks a table or a column" + said
                    + ": restore it from a backup; or, when wx_token as a whole is gone,"
                    + " drop wx_token_schema_history, and the next run makes the table again";
        }
        if (e.getErrorCode() == UNKNOWN_DATABASE) {
            return database + " does not exist: create it, or correct spring.datasource.url" + said;
        }
        return database + " failed: " + firstLine(e) + " (SQLState " + state + ", code " + e.getErrorCode() + ")";
    }

    /**
     * A JDBC URL may carry a user and a password, before the host or among its
     * properties.
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
