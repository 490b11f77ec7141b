package io.wxtoken;

import java.nio.charset.CharacterCodingException;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.flywaydb.core.api.FlywayException;
import org.springframework.boot.context.config.ConfigDataException;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.core.env.Environment;
import org.springframework.dao.DataAccessException;
import org.springframework.util.PlaceholderResolutionException;
import org.yaml.snakeyaml.error.MarkedYAMLException;

import io.wxtoken.database.Database;
import io.wxtoken.database.UnusableSchemaException;
import io.wxtoken.settings.InvalidSettingsException;
import io.wxtoken.settings.Settings;

/**
 * What an exception that ends the run means to an operator.
 *
 * @param lines what is wrong and what to do, a line for each problem, without secrets
 */
record Failure(ExitCode exitCode, List<String> lines) {

    /** H2's code for "Database may be already in use". */
    private static final int H2_IN_USE = 90020;

    private static final int UNKNOWN_DATABASE = 1049;

    private static final Pattern DRIVER_PROBLEM = Pattern.compile("No suitable driver|Cannot load driver class|claims to not accept jdbcUrl|Failed to load driver class");

    /** @param environment null when it could not even be read */
    static Failure of(Throwable failure, Environment environment) {
        String url = environment == null ? "the configured URL" : withoutSecrets(Settings.databaseUrl(environment));
        for (Throwable cause : (Iterable<Throwable>) causes(failure)::iterator) {
            if (cause instanceof InvalidSettingsException invalid) {
                return new Failure(ExitCode.ACT, invalid.problems());
            }
            if (cause instanceof UnusableSchemaException) {
                return new Failure(ExitCode.ACT, List.of(cause.getMessage()));
            }
            if (cause instanceof MarkedYAMLException yaml) {
                return new Failure(ExitCode.ACT, List.of("config/application.yml is no valid YAML: " + yaml.getProblem()
                        + (yaml.getProblemMark() == null ? "" : ", line " + (yaml.getProblemMark().getLine() + 1))));
            }
            if (cause instanceof PlaceholderResolutionException) { // the text quotes the value, which may be a secret
                return new Failure(ExitCode.ACT, List.of("a setting names a placeholder that nothing fills: look for ${ in config/application.yml"
                        + " and in the environment"));
            }
            if (cause instanceof CharacterCodingException) {
                return new Failure(ExitCode.ACT, List.of("config/application.yml is not in UTF-8: save it as UTF-8"));
            }
            if (cause instanceof BindException bind) {
                return new Failure(ExitCode.ACT, List.of((bind.getProperty() == null ? bind.getName() : bind.getProperty().getName()) + " can't be read as a "
                        + bind.getTarget().getType().resolve(Object.class).getSimpleName() + ": check its value"));
            }
            if (cause instanceof IllegalArgumentException && String.valueOf(cause.getMessage()).contains("LogLevel")) {
                return new Failure(ExitCode.ACT, List.of("a logging.level is none of trace, debug, info, warn, error and off: "
                        + firstLine(cause)));
            }
            if (cause instanceof IllegalArgumentException && String.valueOf(cause.getMessage()).contains("'sourceDirectory'")) {
                return new Failure(ExitCode.ACT, List.of("WX_SECRETS (or ./secrets) is no folder: it takes one with a file for each secret,"
                        + " such as wx.app-secret"));
            }
            if (DRIVER_PROBLEM.matcher(String.valueOf(cause.getMessage())).find()) { // the text quotes the URL, and so the password
                return new Failure(ExitCode.ACT, List.of("spring.datasource.url does not fit its driver: write it like jdbc:mysql://host:3306/wx, and no"
                        + " spring.datasource.driver-class-name"));
            }
            if (cause instanceof ConfigDataException) {
                return new Failure(ExitCode.ACT, List.of("a configuration file can't be read: " + firstLine(cause)));
            }
        }
        // The innermost SQLException has the driver's own words.
        return causes(failure).filter(SQLException.class::isInstance).map(SQLException.class::cast).reduce((outer, inner) -> inner)
            .map(e -> database(e, url))
            .or(() -> causes(failure)
                .filter(e -> e instanceof DataAccessException || e instanceof FlywayException)
                .findFirst()
                .map(e -> new Failure(ExitCode.DATABASE, List.of("the database at " + url + " failed: " + firstLine(e)))))
            .orElseGet(() -> new Failure(ExitCode.RETRY, List.of("unexpected: " + last(failure).getClass().getName() + ": "
                    + firstLine(last(failure)) + "; run again with --logging.level.io.wxtoken=debug and report it")));
    }

    private static Failure database(SQLException e, String url) {
        String state = String.valueOf(e.getSQLState());
        String what;
        Optional<String> meaning = Database.meaning(e);
        if (meaning.isPresent()) {
            what = meaning.get();
        }
        else if (e.getErrorCode() == H2_IN_USE) {
            what = "another process has the H2 file of " + url + " open: wait for it, or use MySQL (spring.datasource.url), which several nodes can share";
        }
        else if (Database.tlsProblem(e).isPresent()) {
            what = "can't reach the database at " + url + ": " + Database.tlsProblem(e).get();
        }
        else if (state.startsWith("08")) {
            what = "can't reach the database at " + url + ", or it does not answer: check spring.datasource.url, the server and the network (" + firstLine(e) + ")";
        }
        else if (state.startsWith("28") || Database.denies(e)) {
            what = "the database at " + url + " refuses: check spring.datasource.username, .password and the user's grants (" + firstLine(e) + ")"
                    + (state.startsWith("28") ? "; a user made with REQUIRE SSL needs TLS, too" : "");
        }
        else if (state.startsWith("42S")) {
            what = "the database at " + url + " lacks a table or a column (" + firstLine(e) + "): restore it from a backup; or, when wx_token as"
                    + " a whole is gone, drop wx_token_schema_history, and the next run makes the table again";
        }
        else if (e.getErrorCode() == UNKNOWN_DATABASE) {
            what = "the database at " + url + " does not exist: create it, or correct spring.datasource.url (" + firstLine(e) + ")";
        }
        else {
            what = "the database at " + url + " failed: " + firstLine(e) + " (SQLState " + state + ", code " + e.getErrorCode() + ")";
        }
        return new Failure(Database.lostAConflict(e) ? ExitCode.RETRY : ExitCode.DATABASE, List.of(what));
    }

    /** A JDBC URL may carry a user and a password, before the host or among its properties. */
    static String withoutSecrets(String url) {
        return url.replaceAll("[?;].*", "").replaceAll("//[^/]*@", "//").replaceAll("(?i)(password\\s*=)[^,)&]*", "$1***");
    }

    private static Stream<Throwable> causes(Throwable failure) {
        return Stream.iterate(failure, cause -> cause != null, Throwable::getCause).limit(50);
    }

    private static Throwable last(Throwable failure) {
        return causes(failure).reduce((outer, inner) -> inner).orElse(failure);
    }

    private static String firstLine(Throwable e) {
        return String.valueOf(e.getMessage()).lines().map(String::strip).filter(line -> !line.isEmpty()).findFirst().orElse("")
            .replaceAll("; SQL statement:|([a-z]\\w*\\.)+\\w+Exception: ", ""); // the statement is in H2's next line; a class is no news
    }
}
