package io.wxtoken;

import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.Environment;
import org.springframework.core.env.MapPropertySource;

import io.wxtoken.database.DatabaseConfiguration;
import io.wxtoken.job.RefreshJobConfiguration;
import io.wxtoken.job.RefreshRun;
import io.wxtoken.job.RunGuard;
import io.wxtoken.settings.InvalidSettingsException;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;

/** The program: one run of the job, then the end. */
@SpringBootConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import({ DatabaseConfiguration.class, RefreshJobConfiguration.class })
public class WxToken {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    /** Loggers of libraries that write a request's URL, and so the secret, or a statement's values, and so the token. */
    private static final List<String> SECRET_TELLERS = List.of("jdk.httpclient.HttpClient", "jdk.internal.httpclient.debug",
            "jdk.internal.httpclient.hpack.debug", "org.springframework.jdbc.core.StatementCreatorUtils");

    public static void main(String[] args) {
        System.exit(run(args).code());
    }

    /** One run, from its arguments to its exit code. A failure is told on standard error, in one line. */
    static ExitCode run(String... args) {
        AtomicReference<Environment> environment = new AtomicReference<>();
        try (RunGuard guard = new RunGuard()) {
            Arguments arguments = Arguments.parse(args);
            if (arguments.help()) {
                System.out.print(Arguments.usage());
                return ExitCode.OK;
            }
            SpringApplication application = new SpringApplication(WxToken.class);
            application.setRegisterShutdownHook(false); // it would close the pool under a run that is told to stop: see RunGuard
            application.addInitializers(context -> {
                environment.set(context.getEnvironment());
                prepare(context, guard, arguments.options());
            });
            try (ConfigurableApplicationContext context = application.run(arguments.settings())) {
                return context.getBean(RefreshRun.class).run();
            }
        }
        catch (Exception e) {
            Failure failure = Failure.of(e, environment.get());
            failure.lines().forEach(line -> System.err.println("wx-token: " + line));
            if (environment.get() != null) { // else logging is not set up
                log.debug("stack trace", e);
            }
            return failure.exitCode();
        }
    }

    /** Reads the settings before anything is opened. */
    private static void prepare(ConfigurableApplicationContext context, RunGuard guard, RefreshRun.Options options) {
        ConfigurableEnvironment environment = context.getEnvironment();
        SECRET_TELLERS.forEach(logger -> LoggingSystem.get(WxToken.class.getClassLoader()).setLogLevel(logger, LogLevel.OFF));
        WxProperties wx = Settings.read(environment);
        if (options.appId() != null && wx.allAccounts().stream().noneMatch(account -> account.appId().equals(options.appId()))) {
            throw new InvalidSettingsException("--app-id=" + options.appId() + " is none of the configured accounts: see wx.app-id and wx.accounts");
        }
        guard.limit(wx.run().timeout());
        warnOfFileBeforeRealWeChat(wx, environment);
        // A connection for each worker; on MySQL Spring Batch takes its ids over a second one.
        int connections = Math.max(2, Math.min(wx.refresh().concurrency(), wx.allAccounts().size()));
        environment.getPropertySources()
            .addLast(new MapPropertySource("wx-token", Map.of("spring.datasource.hikari.maximum-pool-size", connections)));
        context.getBeanFactory().registerSingleton("wx", wx);
        context.getBeanFactory().registerSingleton("runGuard", guard);
        context.getBeanFactory().registerSingleton("runOptions", options);
    }

    /** A node whose database URL is missing or misspelt would be the second program that kills the others' tokens. */
    private static void warnOfFileBeforeRealWeChat(WxProperties wx, Environment environment) {
        String url = Settings.databaseUrl(environment);
        if (url.startsWith("jdbc:h2:") && wx.api().baseUrl().startsWith("https:")) {
            log.warn("the table is in {}, on this node alone: if other nodes or programs refresh the same app id, they and this one"
                    + " kill each other's tokens. Set spring.datasource.url to the MySQL that all share", Failure.withoutSecrets(url));
        }
    }
}
