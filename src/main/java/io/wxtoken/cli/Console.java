package io.wxtoken.cli;

import java.util.Collection;
import java.util.List;
import java.util.Map;

import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggerConfiguration;
import org.springframework.boot.logging.LoggingInitializationContext;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.settings.Settings;

/**
 * What a command says: plain lines on standard error for people; where logs are collected
 * by machines, log lines that they can read. It also sets up logging, for commands that
 * start no Spring context.
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
     * @param environment null when the configuration can't be read: then lines are for
     * people
     */
    Console(ConfigurableEnvironment environment) {
        this.environment = environment;
    }

    void error(String line) {
        error(List.of(line));
    }

    void error(Collection<String> lines) {
        say(Level.ERROR, "", lines);
    }

    void warn(Collection<String> lines) {
        say(Level.WARN, "warning: ", lines);
    }

    private void say(Level level, String prefix, Collection<String> lines) {
        if (lines.isEmpty()) {
            return;
        }
        if (environment == null || !Settings.logsAreForMachines(environment)) {
            lines.forEach(line -> System.err.println("wx-token: " + prefix + line));
            return;
        }
        setUpLogging();
        lines.forEach(LoggerFactory.getLogger("io.wxtoken").atLevel(level)::log);
    }

    /** Does what Spring's context would do. */
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
     * Switches those loggers off, and all below them, whatever their levels are set to.
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

    /** The operator wants to see details. */
    boolean debug() {
        return environment != null
                && environment.getProperty("logging.level.io.wxtoken", "").matches("(?i)debug|trace");
    }

}
