package io.wxtoken.cli;

import static io.wxtoken.database.DatabaseFailure.causes;
import static io.wxtoken.database.DatabaseFailure.firstLine;

import java.nio.charset.CharacterCodingException;
import java.util.List;
import java.util.regex.Pattern;
import java.util.zip.ZipException;

import org.springframework.boot.context.config.ConfigDataException;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.core.env.Environment;
import org.springframework.util.PlaceholderResolutionException;
import org.yaml.snakeyaml.error.MarkedYAMLException;

import io.wxtoken.ExitCode;
import io.wxtoken.database.DatabaseFailure;
import io.wxtoken.database.UnusableSchemaException;
import io.wxtoken.settings.InvalidSettingsException;
import io.wxtoken.settings.Settings;

/**
 * What an exception that ends the run means to an operator. Spring Boot has no exception
 * types for some wrong settings, so these are recognized by words in the exceptions'
 * texts; WrongSettingsTest and WrongFilesTest test each of them, so that an upgrade can't
 * break one unnoticed.
 *
 * @param lines what is wrong and what to do, a line for each problem, without secrets
 */
record FailureReport(ExitCode exitCode, List<String> lines) {

    private static final Pattern DRIVER_PROBLEM = Pattern.compile(
            "No suitable driver|Cannot load driver class|claims to not accept jdbcUrl|Failed to load driver class");

    /**
     * @param environment null when the configuration could not be read
     */
    static FailureReport of(Throwable failure, Environment environment) {
        for (Throwable cause : (Iterable<Throwable>) causes(failure)::iterator) {
            if (cause instanceof InvalidSettingsException invalid) {
                return new FailureReport(ExitCode.ACT, invalid.problems());
            }
            if (cause instanceof OutOfMemoryError) {
                return new FailureReport(ExitCode.RETRY, List.of("no memory is left: start the program with a larger"
                        + " heap, JAVA_OPTS=-Xmx256m (the launcher's own, 128 MiB, serves 10,000 accounts)"));
            }
            if (cause instanceof LinkageError || cause instanceof ZipException) {
                return act(Main.incomplete(cause));
            }
            if (cause instanceof UnusableSchemaException) {
                return act(cause.getMessage());
            }
            if (cause instanceof MarkedYAMLException yaml) {
                return act("config/application.yml is no valid YAML: " + yaml.getProblem()
                        + (yaml.getProblemMark() == null ? "" : ", line " + (yaml.getProblemMark().getLine() + 1)));
            }
            // the text quotes the value, which may be a secret
            if (cause instanceof PlaceholderResolutionException) {
                return act("a setting names a placeholder that nothing fills: look for ${ in config/application.yml"
                        + " and in the environment");
            }
            if (cause instanceof CharacterCodingException) {
                return act("config/application.yml is not in UTF-8: save it as UTF-8");
            }
            if (cause instanceof BindException bind) {
                return act((bind.getProperty() == null ? bind.getName() : bind.getProperty().getName())
                        + " can't be read as a " + bind.getTarget().getType().resolve(Object.class).getSimpleName()
                        + ": check its value");
            }
            if (cause instanceof IllegalArgumentException && String.valueOf(cause.getMessage()).contains("LogLevel")) {
                return act("a logging.level is none of trace, debug, info, warn, error and off: " + firstLine(cause));
            }
            // the text quotes the URL, and so the password
            if (DRIVER_PROBLEM.matcher(String.valueOf(cause.getMessage())).find()) {
                return act("spring.datasource.url does not fit its driver: write it like jdbc:mysql://host:3306/wx, and"
                        + " leave out spring.datasource.driver-class-name");
            }
            if (cause instanceof ConfigDataException) {
                return act("a configuration file can't be read: " + firstLine(cause));
            }
        }
        return DatabaseFailure
            .of(failure, environment == null ? "the configured URL" : Settings.databaseUrl(environment))
            .map(database -> new FailureReport(database.exitCode(), List.of(database.text())))
            .orElseGet(() -> new FailureReport(ExitCode.RETRY,
                    List.of("unexpected: " + innermost(failure).getClass().getName() + ": "
                            + firstLine(innermost(failure))
                            + "; run again with --logging.level.io.wxtoken=debug and report it")));
    }

    /** Reports one problem, on which a person must act. */
    private static FailureReport act(String line) {
        return new FailureReport(ExitCode.ACT, List.of(line));
    }

    private static Throwable innermost(Throwable failure) {
        return causes(failure).reduce((outer, inner) -> inner).orElse(failure);
    }
}
