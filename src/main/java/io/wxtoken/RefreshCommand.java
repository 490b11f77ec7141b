package io.wxtoken;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;

import io.wxtoken.database.DatabaseConfiguration;
import io.wxtoken.database.MigrationConfiguration;
import io.wxtoken.job.Look;
import io.wxtoken.job.RefreshJobConfiguration;
import io.wxtoken.job.RefreshRun;
import io.wxtoken.job.RunGuard;
import io.wxtoken.metrics.Textfile;
import io.wxtoken.mirror.Mirrors;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;

/**
 * A look at the rows; when something is due, Spring's context and the job in it; after either the mirrors, and when they are
 * wanted, metrics of all.
 */
final class RefreshCommand {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    private static final String TEXTFILE = "wx.metrics.textfile";

    private final ConfigurableEnvironment environment;

    private final RefreshRun.Options options;

    private final RunGuard guard;

    private Map<TokenRows.Key, TokenRow> seen = Map.of();

    private RefreshCommand(ConfigurableEnvironment environment, RefreshRun.Options options, RunGuard guard) {
        this.environment = environment;
        this.options = options;
        this.guard = guard;
    }

    static ExitCode run(ConfigurableEnvironment environment, RefreshRun.Options options) throws Exception {
        try (RunGuard guard = new RunGuard()) {
            RefreshCommand command = new RefreshCommand(environment, options, guard);
            // Before the settings are checked, as a wrong one is a failure that the metrics should tell.
            String textfile = environment.containsProperty(TEXTFILE) ? Settings.text(environment, TEXTFILE) : "";
            return textfile.endsWith(".prom") && textfile.indexOf('\0') < 0 ? command.run(textfile) : command.run();
        }
    }

    private ExitCode run(String textfile) throws Exception {
        try (Textfile metrics = new Textfile(textfile)) {
            try {
                ExitCode exitCode = run();
                write(metrics, exitCode);
                return exitCode;
            }
            catch (Exception e) {
                write(metrics, Failure.of(e, environment).exitCode());
                throw e;
            }
        }
    }

    /** Metrics are no reason to fail. */
    private void write(Textfile metrics, ExitCode exitCode) {
        try {
            metrics.write(seen, exitCode);
        }
        catch (NoSuchFileException e) {
            log.debug("its folder is missing, which has been told as a wrong setting", e);
        }
        catch (IOException e) {
            WxToken.tell(environment, Level.ERROR, List.of(TEXTFILE + " = " + Settings.text(environment, TEXTFILE) + " can't be written: give this user the right to write into its folder, or correct it"));
        }
    }

    private ExitCode run() throws Exception {
        WxProperties wx = Settings.read(environment);
        if (options.appId() != null) {
            wx.account(options.appId());
        }
        guard.limit(wx.run().timeout());
        Look look = Look.at(environment, wx, options);
        seen = look.rows();
        if (look.nothingDue()) {
            ExitCode exitCode = mirror(wx);
            sayNothingIsDue(exitCode);
            return exitCode;
        }
        if (guard.stopping()) {
            return ExitCode.STOPPED;
        }
        ExitCode mirrored = ExitCode.OK;
        ExitCode exitCode;
        try {
            exitCode = runJob(wx, look.schemaComplete());
        }
        finally {
            // Of what was published before it failed, too.
            if (wx.metrics().measured() || wx.mirror().wanted()) {
                mirrored = lookAgain(wx) ? mirror(wx) : wx.mirror().wanted() ? ExitCode.RETRY : ExitCode.OK;
            }
        }
        return exitCode.and(mirrored);
    }

    private boolean lookAgain(WxProperties wx) {
        try {
            seen = Look.at(environment, wx, options).rows();
            return true;
        }
        catch (SQLException e) {
            log.warn("metrics and mirrors, if any, are of before this run: {}", Failure.of(e, environment).lines().get(0));
            return false;
        }
    }

    /** What fails here is said, and for the next run to mend: the rows are as they should be. */
    private ExitCode mirror(WxProperties wx) {
        if (!wx.mirror().wanted()) {
            return ExitCode.OK;
        }
        List<String> failures = new Mirrors(wx.mirror()).follow(seen, () -> Look.at(environment, wx, options).rows());
        // The job has told an exit code of its own.
        WxToken.tell(environment, Level.WARN, failures.stream().map(failure -> failure + " (this alone makes exit code 1)").toList());
        return failures.isEmpty() ? ExitCode.OK : ExitCode.RETRY;
    }

    /** For people only: under cron each line is a mail. */
    private void sayNothingIsDue(ExitCode exitCode) {
        if (System.console() != null || WxToken.debug(environment)) {
            System.out.println((seen.size() == 1 ? "1 row" : seen.size() + " rows") + ": nothing is due; exit code " + exitCode.code());
        }
    }

    private ExitCode runJob(WxProperties wx, boolean schemaComplete) throws Exception {
        // A connection for each worker; on MySQL Spring Batch takes its ids over a second one.
        int connections = Math.max(2, Math.min(wx.refresh().concurrency(), wx.allAccounts().size()));
        environment.getPropertySources()
            .addLast(new MapPropertySource("wx-token", Map.of("spring.datasource.hikari.maximum-pool-size", connections)));
        SpringApplication application = WxToken.application(environment, DatabaseConfiguration.class, RefreshJobConfiguration.class);
        if (!schemaComplete) {
            application.addPrimarySources(List.of(MigrationConfiguration.class));
        }
        application.addInitializers(context -> {
            WxToken.silenceSecretTellers(LoggingSystem.get(WxToken.class.getClassLoader()));
            warnOfFileBeforeRealWeChat(wx);
            context.getBeanFactory().registerSingleton("wx", wx);
            context.getBeanFactory().registerSingleton("runGuard", guard);
            context.getBeanFactory().registerSingleton("runOptions", options);
        });
        try (ConfigurableApplicationContext context = application.run()) {
            return context.getBean(RefreshRun.class).run();
        }
    }

    /** A node whose database URL is missing or misspelt would be the second program that kills the others' tokens. */
    private void warnOfFileBeforeRealWeChat(WxProperties wx) {
        String url = Settings.databaseUrl(environment);
        if (url.startsWith("jdbc:h2:") && wx.api().baseUrl().startsWith("https:")) {
            log.warn("the table is in {}, on this node alone: if other nodes or programs refresh the same app id, they and this one"
                    + " kill each other's tokens. Set spring.datasource.url to the MySQL that all share", Failure.withoutSecrets(url));
        }
    }
}
