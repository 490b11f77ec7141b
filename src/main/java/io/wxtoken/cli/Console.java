package io.wxtoken.cli;

import java.util.Collection;
import java.util.List;
import java.util.Map;

import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.slf4j.spi.LoggingEventBuilder;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggerConfiguration;
import org.springframework.boot.logging.LoggingInitializationContext;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.ExitCode;
import io.wxtoken.settings.Settings;

/**
 * Reports errors and warnings: in plain lines on standard error, or in log lines when
 * logs are for machines. It also sets up logging, for commands that start no Spring
 * context.
 */
final class Console {

    /**
     * Loggers of libraries that write a request's URL, and so the secret, or values of
     * statements and commands, and so the token.
     */
    private static final List<String> SECRET_LOGGERS = List.of("jdk.httpclient.HttpClient",
            "jdk.internal.httpclient.debug", "jdk.internal.httpclient.hpack.debug",
            "org.springframework.jdbc.core.StatementCreatorUtils", "net.rubyeye.xmemcached", "com.google.code.yanf4j",
            "remoting");

    private final ConfigurableEnvironment environment;

    /**
     * @param environment null when the configuration can't be read; lines are then for
     * people
     */
    Console(ConfigurableEnvironment environment) {
        this.environment = environment;
    }

    void error(String line) {
        error(List.of(line));
    }

    void error(Collection<String> lines) {
        report(Level.ERROR, "", lines, null);
    }

    /** Reports what ends the run; structured logs have the exit code as a field. */
    void error(FailureReport failure) {
        report(Level.ERROR, "", failure.lines(), failure.exitCode());
    }

    void warn(Collection<String> lines) {
        report(Level.WARN, "warning: ", lines, null);
    }

    private void report(Level level, String prefix, Collection<String> lines, ExitCode exitCode) {
        if (lines.isEmpty()) {
            return;
        }
        if (environment == null || !Settings.logsAreForMachines(environment)) {
            lines.forEach(line -> System.err.println("wx-token: " + prefix + line));
            return;
        }
        setUpLogging();
        LoggingEventBuilder log = LoggerFactory.getLogger("io.wxtoken").atLevel(level);
        if (exitCode != null) {
            log.addKeyValue("exit_code", exitCode.code());
        }
        lines.forEach(log::log);
    }

    /** Sets up logging as Spring's context would. */
    void setUpLogging() {
        LoggingSystem logging = LoggingSystem.get(Console.class.getClassLoader());
        logging.beforeInitialize(); // routes the JDK's own logs to this system
        logging.initialize(new LoggingInitializationContext(environment), null, null);
        Binder.get(environment)
            .bind("logging.level", Bindable.mapOf(String.class, LogLevel.class))
            .orElse(Map.of())
            .forEach((name, level) -> logging.setLogLevel(name.equals("root") ? LoggingSystem.ROOT_LOGGER_NAME : name,
                    level));
        silenceSecretLoggers();
    }

    /**
     * Switches off the loggers that would write a secret, and all loggers below them,
     * whatever levels are configured.
     */
    static void silenceSecretLoggers() {
        LoggingSystem logging = LoggingSystem.get(Console.class.getClassLoader());
        SECRET_LOGGERS.forEach(logger -> logging.setLogLevel(logger, LogLevel.OFF));
        logging.getLoggerConfigurations()
            .stream()
            .map(LoggerConfiguration::getName)
            .filter(name -> SECRET_LOGGERS.stream().anyMatch(logger -> name.startsWith(logger + ".")))
            .forEach(name -> logging.setLogLevel(name, LogLevel.OFF));
    }

    /**
     * Whether the operator has set {@code logging.level.io.wxtoken} to debug or trace.
     */
    boolean debug() {
        return environment != null
                && environment.getProperty("logging.level.io.wxtoken", "").matches("(?i)debug|trace");
    }

}
