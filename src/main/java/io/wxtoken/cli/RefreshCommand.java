package io.wxtoken.cli;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import javax.sql.DataSource;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.support.EnvironmentPostProcessorApplicationListener;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;

import io.wxtoken.ExitCode;
import io.wxtoken.database.DatabaseConfiguration;
import io.wxtoken.database.DatabaseFailure;
import io.wxtoken.database.RunDatabase;
import io.wxtoken.database.Schema;
import io.wxtoken.history.RefreshHistory;
import io.wxtoken.job.DueCheck;
import io.wxtoken.job.RefreshJobConfiguration;
import io.wxtoken.job.RefreshOptions;
import io.wxtoken.job.RefreshRun;
import io.wxtoken.job.RunGuard;
import io.wxtoken.metrics.ComponentState;
import io.wxtoken.mirror.Mirrors;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.Authorizers;
import io.wxtoken.token.RefreshPolicy;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.RowSet;
import io.wxtoken.token.TokenRepository;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;

/**
 * Checks the rows, starts Spring and the job only if something is due, then updates the
 * mirrors, the history and the metrics file.
 */
final class RefreshCommand implements Execution.Body {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    private final RefreshOptions options;

    RefreshCommand(RefreshOptions options) {
        this.options = options;
    }

    /**
     * @param rows of the configured accounts as the run left them; null when they could
     * not be read again
     */
    record Finished(ExitCode exitCode, Map<RowKey, TokenRow> rows) {
    }

    @Override
    public ExitCode run(ConfigurableEnvironment environment, Console console) throws Exception {
        return run(environment, console, false).exitCode();
    }

    /** As {@link #run}, but reads the rows again after the run. */
    Finished runAndRead(ConfigurableEnvironment environment, Console console) throws Exception {
        return run(environment, console, true);
    }

    private Finished run(ConfigurableEnvironment environment, Console console, boolean rowsWanted) throws Exception {
        MetricsFile metrics = new MetricsFile(environment);
        try (RunGuard guard = new RunGuard(); RunDatabase database = new RunDatabase(environment)) {
            Run run = new Run(environment, console, guard, database, metrics, rowsWanted);
            try {
                ExitCode exitCode = run.execute();
                return new Finished(exitCode.and(run.write(exitCode)), run.current ? run.rows : null);
            }
            catch (Exception e) {
                run.write(FailureReport.of(e, environment).exitCode());
                throw e;
            }
        }
    }

    /** The state of one run. */
    private final class Run {

        private final ConfigurableEnvironment environment;

        private final Console console;

        private final RunGuard guard;

        private final RunDatabase database;

        private final MetricsFile metrics;

        private final boolean rowsWanted;

        /**
         * The accounts whose rows are shown in metrics or mirrors, or to the caller,
         * whether they are due or not.
         */
        private List<Account> shown = List.of();

        /** The rows of these accounts. */
        private Map<RowKey, TokenRow> rows = Map.of();

        private WxProperties wx;

        private DueCheck check;

        /** Whether {@link #rows} are as the run left them. */
        private boolean current = true;

        /** The mirrors' result; null until they are written. */
        private ExitCode mirrored;

        Run(ConfigurableEnvironment environment, Console console, RunGuard guard, RunDatabase database,
                MetricsFile metrics, boolean rowsWanted) {
            this.environment = environment;
            this.console = console;
            this.guard = guard;
            this.database = database;
            this.metrics = metrics;
            this.rowsWanted = rowsWanted;
        }

        ExitCode execute() throws Exception {
            wx = Settings.read(environment);
            if (options.appId() != null && wx.componentAccount().isEmpty()) {
                wx.account(options.appId()); // a wrong one ends the run here
            }
            DueCheck.Wanted wanted = metrics.wanted() || wx.mirror().wanted() ? DueCheck.Wanted.ALL
                    : rowsWanted ? DueCheck.Wanted.OF_RUN : DueCheck.Wanted.DUE;
            guard.limit(wx.run().timeout(), wx.api().requestTimeout());
            check = DueCheck.of(database, wx, options, wanted);
            ExitCode migrated = ExitCode.OK;
            if (check.schema() == Schema.State.UNREADY) {
                migrated = migrate();
                // a migration may have changed the rows
                check = DueCheck.of(database, wx, options, wanted);
                if (!check.readable() && wx.componentAccount().isPresent()) {
                    try (Connection connection = database.getConnection()) {
                        Authorizers.checkTables(connection);
                    }
                }
            }
            shown = check.shown();
            rows = check.rows().configured();
            if (check.nothingDue()) {
                ExitCode exitCode = mirror(database).and(migrated);
                printNothingIsDue(exitCode);
                return exitCode;
            }
            if (guard.stopping()) {
                return ExitCode.STOPPED;
            }
            ExitCode exitCode;
            try {
                exitCode = runJob();
            }
            finally {
                if (mirrored == null) { // the job could not even be started
                    mirrored = mirror(database);
                }
            }
            // A schema that is only behind is migrated last, because a migration may
            // have to wait, and the rows must not wait with it.
            if (check.schema().isBehind() && !guard.stopping()) {
                migrated = migrated.and(migrate());
            }
            return exitCode.and(migrated).and(mirrored);
        }

        /**
         * If the rows could be read, they have all that a refresh needs: then a failed
         * migration is only reported.
         */
        private ExitCode migrate() throws SQLException {
            database.close(); // this user may be allowed only one connection
            try {
                Schema.migrate(environment);
                return ExitCode.OK;
            }
            catch (SQLException | RuntimeException e) {
                if (!check.readable()) {
                    throw e;
                }
                FailureReport report = FailureReport.of(e, environment);
                console.error(report.lines()
                    .stream()
                    .map(line -> line + " (this alone makes exit code " + report.exitCode().code() + ")")
                    .toList());
                return report.exitCode();
            }
        }

        private ExitCode runJob() throws Exception {
            try (ConfigurableApplicationContext context = context()) {
                try {
                    return context.getBean(RefreshRun.class).run();
                }
                finally {
                    // A run that failed may have published all the same. The pool is
                    // used, because this user may be allowed only one connection.
                    DataSource pool = context.getBean(DataSource.class);
                    if (!shown.isEmpty()) {
                        readAgain(pool);
                    }
                    mirrored = mirror(pool);
                    // last, because no application waits for the history
                    context.getBean(RefreshHistory.class).finish();
                }
            }
        }

        private ConfigurableApplicationContext context() {
            // a worker needs one for a small part of its time only
            int connections = Math.min((wx.refresh().concurrency() + 1) / 2, check.due().size());
            environment.getPropertySources()
                .addLast(new MapPropertySource("wx-token",
                        Map.of("spring.datasource.hikari.maximum-pool-size", connections)));
            SpringApplication application = new SpringApplication(DatabaseConfiguration.class,
                    RefreshJobConfiguration.class);
            // the hook would close the pool while a run that was told to stop still
            // needs it: see RunGuard
            application.setRegisterShutdownHook(false);
            // the environment is complete, and Spring Boot must not read it again
            application.setEnvironment(environment);
            application.setListeners(application.getListeners()
                .stream()
                .filter(listener -> !(listener instanceof EnvironmentPostProcessorApplicationListener))
                .toList());
            application.addInitializers(context -> {
                Console.silenceSecretLoggers();
                warnIfTableIsLocal();
                ConfigurableListableBeanFactory beans = context.getBeanFactory();
                beans.registerSingleton("wx", wx);
                beans.registerSingleton("runDatabase", database);
                beans.registerSingleton("check", check);
                beans.registerSingleton("guard", guard);
                beans.registerSingleton("options", options);
                beans.registerSingleton("metrics", metrics.listener());
            });
            return application.run();
        }

        /**
         * Warns of a table in a local file: a node whose database URL is missing would
         * kill the other nodes' tokens.
         */
        private void warnIfTableIsLocal() {
            String url = Settings.databaseUrl(environment);
            if (url.startsWith("jdbc:h2:") && wx.api().baseUrl().stream().anyMatch(host -> host.startsWith("https:"))) {
                log.warn("the table is in {}, on this node alone: if other nodes or programs refresh the same app id,"
                        + " they and this one kill each other's tokens. Set spring.datasource.url to the MySQL"
                        + " that all share", DatabaseFailure.withoutSecrets(url));
            }
        }

        private Map<RowKey, TokenRow> read(DataSource source) throws SQLException {
            try (Connection connection = source.getConnection()) {
                return RowSet.of(TokenRepository.read(connection, shown), shown).configured();
            }
        }

        private void readAgain(DataSource source) {
            try {
                rows = read(source);
            }
            catch (SQLException e) {
                log.warn("the rows can't be read again; metrics and mirrors, if any, show them as before this run: {}",
                        FailureReport.of(e, environment).lines().get(0));
                current = false;
            }
        }

        /**
         * A mirror's failure is reported and left to the next run; the table is already
         * correct.
         */
        private ExitCode mirror(DataSource source) {
            if (!wx.mirror().wanted()) {
                return ExitCode.OK;
            }
            if (!current) {
                return ExitCode.RETRY;
            }
            List<String> failures = new Mirrors(wx.mirror(), shown).syncAll(rows, () -> read(source));
            // The job has logged its own exit code, so these lines name theirs.
            console.warn(failures.stream().map(failure -> failure + " (this alone makes exit code 1)").toList());
            return failures.isEmpty() ? ExitCode.OK : ExitCode.RETRY;
        }

        /** This is for people only: under cron each line is a mail. */
        private void printNothingIsDue(ExitCode exitCode) {
            if (System.console() != null || console.debug()) {
                int count = (options.appId() == null ? wx.allAccounts() : check.of()).stream()
                    .mapToInt(account -> RowKey.of(account).size())
                    .sum();
                System.out
                    .println((count == 1 ? "1 row" : count + " rows")
                            + (options.appId() == null && wx.componentAccount().isPresent()
                                    ? " and those of wx_authorizer" : "")
                            + ": nothing is due; exit code " + exitCode.code());
            }
        }

        private ComponentState componentState() {
            if (wx == null || check == null || wx.componentAccount().isEmpty()) {
                return null;
            }
            RefreshPolicy policy = new RefreshPolicy(wx.refresh(), wx.probe());
            return new ComponentState(shown.stream()
                .filter(account -> policy.isUnauthorized(account, rows.get(RowKey.token(account))))
                .map(Account::appId)
                .collect(Collectors.toSet()), check.ticketReceivedAt());
        }

        /**
         * @return {@link ExitCode#RETRY} when the metrics can't be written
         */
        ExitCode write(ExitCode exitCode) {
            // The run has logged its own exit code, so this line names its.
            return metrics.write(console, textfile -> textfile.write(rows, shown, componentState(), exitCode),
                    " (this alone makes exit code 1)") ? ExitCode.OK : ExitCode.RETRY;
        }

    }

}
