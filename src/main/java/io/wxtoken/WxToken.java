package io.wxtoken;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;
import java.util.Map;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggerConfiguration;
import org.springframework.boot.logging.LoggingInitializationContext;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.boot.support.EnvironmentPostProcessorApplicationListener;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.Environment;

import io.wxtoken.database.Database;
import io.wxtoken.database.Schema;
import io.wxtoken.job.RefreshRun;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.status.Status;
import io.wxtoken.status.StatusText;
import io.wxtoken.token.Node;
import picocli.CommandLine.Help.Ansi;

/** The program: one command, then the end. Most runs of the job end after a look at the rows, before Spring is started. */
public final class WxToken {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    /** Loggers of libraries that write a request's URL, and so the secret, or a statement's or a command's values, and so the token. */
    private static final List<String> SECRET_TELLERS = List.of("jdk.httpclient.HttpClient", "jdk.internal.httpclient.debug",
            "jdk.internal.httpclient.hpack.debug", "org.springframework.jdbc.core.StatementCreatorUtils", "net.rubyeye.xmemcached", "com.google.code.yanf4j", "remoting");

    private WxToken() {
    }

    public static void main(String[] args) {
        System.exit(run(args).code());
    }

    /** One command, from its arguments to its exit code. A failure is told on standard error, in one line. */
    static ExitCode run(String... args) {
        // Without arguments, as a scheduler starts it, nothing is to be parsed: to load the parser would cost a fifth more.
        return args.length == 0 ? execute(environment -> RefreshCommand.run(environment, RefreshRun.Options.NONE)) : Commands.run(args);
    }

    /** What a command does, with the configuration that it goes by. */
    interface Body {

        ExitCode run(ConfigurableEnvironment environment) throws Exception;
    }

    static ExitCode execute(Body body, String... settings) {
        ConfigurableEnvironment environment = null;
        try {
            environment = Settings.environment(settings);
            return body.run(environment);
        }
        catch (Exception e) {
            Failure failure = Failure.of(e, environment);
            tell(environment, Level.ERROR, failure.lines());
            if (environment != null && debug(environment)) {
                e.printStackTrace();
            }
            return failure.exitCode();
        }
    }

    /** Plain lines for people; where logs are collected by machines, lines that they can read. */
    static void tell(ConfigurableEnvironment environment, Level level, Collection<String> problems) {
        if (problems.isEmpty()) {
            return;
        }
        if (environment == null || !Settings.logsAreForMachines(environment)) {
            problems.forEach(problem -> System.err.println("wx-token: " + (level == Level.WARN ? "warning: " : "") + problem));
            return;
        }
        setUpLogging(environment);
        problems.forEach(log.atLevel(level)::log);
    }

    /** For who has no use for Spring's context, which does it otherwise. */
    static void setUpLogging(ConfigurableEnvironment environment) {
        LoggingSystem logging = LoggingSystem.get(WxToken.class.getClassLoader());
        logging.beforeInitialize(); // which takes the JDK's own logs in hand
        logging.initialize(new LoggingInitializationContext(environment), null, null);
        Binder.get(environment).bind("logging.level", Bindable.mapOf(String.class, LogLevel.class)).orElse(Map.of())
            .forEach((name, level) -> logging.setLogLevel(name.equals("root") ? LoggingSystem.ROOT_LOGGER_NAME : name, level));
        silenceSecretTellers(logging);
    }

    /** Whatever their levels, and those of the loggers below them, are set to. */
    static void silenceSecretTellers(LoggingSystem logging) {
        SECRET_TELLERS.forEach(teller -> logging.setLogLevel(teller, LogLevel.OFF));
        logging.getLoggerConfigurations().stream().map(LoggerConfiguration::getName)
            .filter(name -> SECRET_TELLERS.stream().anyMatch(teller -> name.startsWith(teller + ".")))
            .forEach(name -> logging.setLogLevel(name, LogLevel.OFF));
    }

    static boolean debug(Environment environment) {
        return environment.getProperty("logging.level.io.wxtoken", "").matches("(?i)debug|trace");
    }

    static ExitCode status(ConfigurableEnvironment environment, boolean json) throws SQLException {
        WxProperties wx = Settings.readWithoutSecrets(environment);
        try (Connection connection = Database.connectToRead(environment)) {
            Status status = Status.read(connection, wx, Node.unique());
            System.out.print(json ? StatusText.json(status) + System.lineSeparator() : StatusText.table(status, Ansi.AUTO));
            if (connection.isReadOnly()) {
                tell(environment, Level.ERROR, List.of("these rows are a read-only server's, and may be old: no run can refresh them there. Name the server that takes"
                        + " writes in spring.datasource.url, or all of them, as in jdbc:mysql://db1,db2,db3/wx"));
                return ExitCode.DATABASE;
            }
            return status.usable() ? ExitCode.OK : ExitCode.RETRY;
        }
        catch (SQLException e) {
            if (!Database.lacksSchema(e)) {
                throw e;
            }
            return notThere(environment, "wx_token", "the job has not run there, or not this version of it");
        }
    }

    /**
     * @param table of ours, which is missing or lacks a column
     * @throws io.wxtoken.database.UnusableSchemaException when a table of ours is something else
     */
    static ExitCode notThere(ConfigurableEnvironment environment, String table, String advice) throws SQLException {
        Schema.check(environment);
        tell(environment, Level.ERROR, List.of("there is no table " + table + " at " + Failure.withoutSecrets(Settings.databaseUrl(environment))
                + " yet, or an old one: " + advice));
        return ExitCode.RETRY;
    }

    /** Flyway, and nothing else. */
    static ExitCode migrate(ConfigurableEnvironment environment) throws SQLException {
        Settings.readWithoutSecrets(environment);
        System.out.println("the schema at " + Failure.withoutSecrets(Settings.databaseUrl(environment)) + " is at version " + Schema.migrate(environment));
        return ExitCode.OK;
    }

    static SpringApplication application(ConfigurableEnvironment environment, Class<?>... sources) {
        SpringApplication application = new SpringApplication(sources);
        application.setRegisterShutdownHook(false); // it would close the pool under a run that is told to stop: see RunGuard
        application.setEnvironment(environment); // complete: Spring Boot must not read it again
        application.setListeners(application.getListeners().stream()
            .filter(listener -> !(listener instanceof EnvironmentPostProcessorApplicationListener)).toList());
        return application;
    }
}
