package io.wxtoken;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;

import javax.sql.DataSource;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;

import io.wxtoken.database.DatabaseConfiguration;
import io.wxtoken.database.RunDatabase;
import io.wxtoken.database.Schema;
import io.wxtoken.history.RefreshHistory;
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
 * Checks the rows, starts Spring and the job only if something is due, then updates the mirrors, the history and the metrics file.
 */
final class RefreshCommand {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    private static final String TEXTFILE = "wx.metrics.textfile";

    private final ConfigurableEnvironment environment;

    private final RefreshRun.Options options;

    private final RunGuard guard;

    private final RunDatabase database;

    private final boolean rowsWanted;

    private Map<TokenRows.Key, TokenRow> seen = Map.of();

    /** {@link #seen} is as the run has left it. */
    private boolean current = true;

    /** What came of the mirrors; null as long as they were not written. */
    private ExitCode mirrored;

    private RefreshCommand(ConfigurableEnvironment environment, RefreshRun.Options options, RunGuard guard, RunDatabase database, boolean rowsWanted) {
        this.environment = environment;
        this.options = options;
        this.guard = guard;
        this.database = database;
        this.rowsWanted = rowsWanted;
    }

    static ExitCode run(ConfigurableEnvironment environment, RefreshRun.Options options) throws Exception {
        return run(environment, options, false).exitCode();
    }

    /** @param rows of the configured accounts, as the run has left them, if they were wanted; null when they could not be read again */
    record Ended(ExitCode exitCode, Map<TokenRows.Key, TokenRow> rows) {
    }

    static Ended run(ConfigurableEnvironment environment, RefreshRun.Options options, boolean rowsWanted) throws Exception {
        try (RunGuard guard = new RunGuard(); RunDatabase database = new RunDatabase(environment)) {
            RefreshCommand command = new RefreshCommand(environment, options, guard, database, rowsWanted);
            // Before the settings are checked, as a wrong one is a failure that the metrics should tell.
            String textfile = environment.containsProperty(TEXTFILE) ? Settings.text(environment, TEXTFILE) : "";
            ExitCode exitCode = textfile.endsWith(".prom") && textfile.indexOf('\0') < 0 ? command.run(textfile) : command.run();
            return new Ended(exitCode, command.current ? command.seen : null);
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
        Look look = Look.at(database, wx, options);
        ExitCode migrated = ExitCode.OK;
        if (look.schema() == Schema.State.UNREADY) {
            migrated = migrate(look);
            look = Look.at(database, wx, options); // a migration may have changed the rows
        }
        seen = look.rows();
        if (look.nothingDue()) {
            ExitCode exitCode = mirror(wx, database).and(migrated);
            sayNothingIsDue(exitCode);
            return exitCode;
        }
        if (guard.stopping()) {
            return ExitCode.STOPPED;
        }
        ExitCode exitCode;
        try {
            exitCode = runJob(wx, look);
        }
        finally {
            if (mirrored == null) {
                mirrored = mirror(wx, database); // the job could not even be started
            }
        }
        if (look.schema() == Schema.State.BEHIND && !guard.stopping()) { // last: whatever a migration waits for must not keep the rows waiting
            migrated = migrated.and(migrate(look));
        }
        return exitCode.and(migrated).and(mirrored);
    }

    /** Rows that could be read have all that a refresh needs: then whatever keeps the schema from its newest version is told, and no more. */
    private ExitCode migrate(Look look) throws SQLException {
        database.close(); // this user may be allowed one connection
        try {
            Schema.migrate(environment);
            return ExitCode.OK;
        }
        catch (SQLException | RuntimeException e) {
            if (!look.readable()) {
                throw e;
            }
            Failure failure = Failure.of(e, environment);
            WxToken.tell(environment, Level.ERROR,
                    failure.lines().stream().map(line -> line + " (this alone makes exit code " + failure.exitCode().code() + ")").toList());
            return failure.exitCode();
        }
    }

    private static Map<TokenRows.Key, TokenRow> rows(WxProperties wx, DataSource source) throws SQLException {
        try (Connection connection = source.getConnection()) {
            return Look.rows(connection, wx);
        }
    }

    private void lookAgain(WxProperties wx, DataSource source) {
        try {
            seen = rows(wx, source);
        }
        catch (SQLException e) {
            log.warn("metrics and mirrors, if any, are of before this run: {}", Failure.of(e, environment).lines().get(0));
            current = false;
        }
    }

    /** A mirror's failure is reported and left to the next run; the table is already correct. */
    private ExitCode mirror(WxProperties wx, DataSource source) {
        if (!wx.mirror().wanted()) {
            return ExitCode.OK;
        }
        if (!current) {
            return ExitCode.RETRY;
        }
        List<String> failures = new Mirrors(wx.mirror()).follow(seen, () -> rows(wx, source));
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

    private ExitCode runJob(WxProperties wx, Look look) throws Exception {
        int connections = Math.min(wx.refresh().concurrency(), wx.allAccounts().size()); // one for each worker
        environment.getPropertySources()
            .addLast(new MapPropertySource("wx-token", Map.of("spring.datasource.hikari.maximum-pool-size", connections)));
        SpringApplication application = WxToken.application(environment, DatabaseConfiguration.class, RefreshJobConfiguration.class);
        application.addInitializers(context -> {
            WxToken.silenceSecretTellers(LoggingSystem.get(WxToken.class.getClassLoader()));
            warnOfFileBeforeRealWeChat(wx);
            context.getBeanFactory().registerSingleton("wx", wx);
            context.getBeanFactory().registerSingleton("runDatabase", database);
            context.getBeanFactory().registerSingleton("look", look);
            context.getBeanFactory().registerSingleton("runGuard", guard);
            context.getBeanFactory().registerSingleton("runOptions", options);
        });
        try (ConfigurableApplicationContext context = application.run()) {
            try {
                return context.getBean(RefreshRun.class).run();
            }
            finally { // of what was published before it failed, too; over the pool, as this user may be allowed one connection
                DataSource pool = context.getBean(DataSource.class);
                if (wx.metrics().measured() || wx.mirror().wanted() || rowsWanted) {
                    lookAgain(wx, pool);
                }
                mirrored = mirror(wx, pool);
                context.getBean(RefreshHistory.class).finish(); // last, as nobody waits for it
            }
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
