package io.wxtoken.cli;

import java.io.PrintStream;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;

import org.springframework.boot.convert.DurationStyle;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

import io.wxtoken.ExitCode;
import io.wxtoken.job.RefreshOptions;
import io.wxtoken.status.StatusCheck;
import io.wxtoken.token.RowKey;
import io.wxtoken.wechat.Endpoint;

/**
 * The command line. A setting such as {@code --wx.refresh.after=10m} may stand anywhere
 * in it, and is passed to Spring as it is.
 */
@Command(name = "wx-token", mixinStandardHelpOptions = true, versionProvider = Commands.Version.class,
        sortOptions = false,
        description = "Keeps the access_token and tickets of WeChat Official Accounts, Mini Programs, third-party"
                + " platforms and WeCom applications fresh in the table wx_token. Without a command it refreshes what"
                + " is due, and ends.",
        footer = { "",
                "A setting may stand in the command line, too: --wx.refresh.after=40m; see config/application.yml.",
                "Exit codes: 0 all is well, 1 the next run may mend it, 2 a person must act, 3 the database fails,"
                        + " 143 SIGTERM." })
final class Commands implements Callable<Integer> {

    private static final Predicate<String> SETTING = Pattern.compile("--[a-z][^=]*\\.[^=]+=.*", Pattern.DOTALL)
        .asMatchPredicate();

    private static final String CHECK = "--check";

    private final String[] settings;

    @Spec
    private CommandSpec spec;

    @Mixin
    private Options options;

    private Commands(String[] settings) {
        this.settings = settings;
    }

    /**
     * Runs the command that the arguments name.
     * @return the exit code
     */
    static int run(String... args) {
        String[] settings = Arrays.stream(args).filter(SETTING).toArray(String[]::new);
        CommandLine commandLine = commandLine(settings);
        commandLine.setParameterExceptionHandler((e, arguments) -> {
            if (List.of(arguments).contains(CHECK)) {
                return StatusCheckCommand.print(StatusCheck.unknown(problem(e)));
            }
            System.err.println("wx-token: " + problem(e));
            return ExitCode.ACT.code();
        });
        // picocli would print the stack trace of an Error
        commandLine.setExecutionExceptionHandler((e, command, parsed) -> {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw e;
        });
        return commandLine.execute(Arrays.stream(args).filter(SETTING.negate()).toArray(String[]::new));
    }

    /** The commands and their options, which DocsTest compares with the documents. */
    static CommandLine commandLine(String... settings) {
        return new CommandLine(new Commands(settings));
    }

    /** The text after a "=" may be a secret in the wrong place, so it is not shown. */
    private static String problem(ParameterException e) {
        if (e instanceof UnmatchedArgumentException unmatched) {
            String argument = unmatched.getUnmatched().get(0);
            return argument.startsWith("-")
                    ? "unknown argument '" + argument.replaceAll("(?s)=.*", "=…")
                            + "': see --help; a setting is written --name.of.it=value"
                    : "unknown command '" + argument + "': see --help";
        }
        return e.getMessage().lines().findFirst().orElse("") + ": see --help";
    }

    /** The options of {@code refresh}. */
    static final class Options {

        @Option(names = "--force",
                description = "Refresh the access_tokens now, due or not, for example because one has leaked.")
        private boolean force;

        @Option(names = "--app-id", paramLabel = "APPID",
                description = "Refresh only this account, by its app id or its name.")
        private String appId;

        RefreshOptions toRefreshOptions() {
            return new RefreshOptions(force, appId);
        }

    }

    static final class Version implements IVersionProvider {

        @Override
        public String[] getVersion() {
            String version = Commands.class.getPackage().getImplementationVersion();
            return new String[] {
                    "wx-token " + (version == null ? "(not packaged)" : version) + ", Java " + Runtime.version() };
        }

    }

    @Override
    public Integer call() {
        return run(options);
    }

    private int run(Options options) {
        return Execution.of(new RefreshCommand(options.toRefreshOptions()), settings);
    }

    @Command(mixinStandardHelpOptions = true, description = "Refreshes what is due (the default).")
    int refresh(@Mixin Options options) {
        rejectOptionsBefore("refresh");
        return run(options);
    }

    @Command(mixinStandardHelpOptions = true,
            description = "Shows each row. Exit code 0 when every row is usable, 1 when one is not. Needs the database"
                    + " only, neither secrets nor WeChat.")
    int status(
            @Option(names = "--app-id", paramLabel = "APPID",
                    description = "Show only this account, by its app id or its name.") String appId,
            @Option(names = "--json", description = "Print JSON.") boolean json,
            @ArgGroup(exclusive = false) CheckOptions check) {
        rejectOptionsBefore("status");
        if (check == null) {
            return Execution.of(new StatusCommand(appId, json), settings);
        }
        if (json) {
            throw new ParameterException(spec.commandLine(), "--check prints no JSON: leave out one of the two");
        }
        return Execution.of(new StatusCheckCommand(appId, check.thresholds()), settings);
    }

    /** The options of {@code status --check}. */
    static final class CheckOptions {

        @Option(names = CHECK, required = true,
                description = "Check the rows for Nagios, Icinga or another monitoring system, with the exit codes of"
                        + " its plugins: 0 OK, 1 WARNING (a refresh failed), 2 CRITICAL (a value is dead), 3 UNKNOWN.")
        private boolean check;

        @Option(names = "--warning-left", paramLabel = "TIME", converter = Time.class, defaultValue = "3m",
                description = "WARNING when a value has less time left than this; 3m by default.")
        private Duration warningLeft;

        @Option(names = "--critical-left", paramLabel = "TIME", converter = Time.class, defaultValue = "2m",
                description = "CRITICAL when a value has less time left than this; 2m by default.")
        private Duration criticalLeft;

        @Option(names = "--warning-due", paramLabel = "TIME", converter = Time.class, defaultValue = "5m",
                description = "WARNING when a row has been due for longer than this; 5m by default.")
        private Duration warningDue;

        @Option(names = "--critical-due", paramLabel = "TIME", converter = Time.class, defaultValue = "30m",
                description = "CRITICAL when a row has been due for longer than this; 30m by default.")
        private Duration criticalDue;

        StatusCheck.Thresholds thresholds() {
            return new StatusCheck.Thresholds(warningLeft, criticalLeft, warningDue, criticalDue);
        }

    }

    /** Converts a duration that is written as in the settings. */
    static final class Time implements ITypeConverter<Duration> {

        @Override
        public Duration convert(String text) {
            try {
                Duration time = DurationStyle.SIMPLE.parse(text, ChronoUnit.SECONDS);
                if (!time.isNegative()) {
                    return time;
                }
            }
            catch (IllegalArgumentException | ArithmeticException e) {
                // said below
            }
            throw new TypeConversionException("'" + text + "' is no duration: write it like 90s, 50m or 1h");
        }

    }

    /** Options before the command would otherwise be ignored silently. */
    private void rejectOptionsBefore(String command) {
        if (options.force || options.appId != null) {
            throw new ParameterException(spec.commandLine(),
                    "--force and --app-id belong to refresh, and stand after it, not before " + command);
        }
    }

    @Command(mixinStandardHelpOptions = true,
            description = "Prints the access_token or a ticket in the table, for a shell script; refreshes it first if"
                    + " it is due and this user may. Exit code 0 when it is live.")
    int token(
            @Option(names = "--app-id", paramLabel = "APPID",
                    description = "The account, by its app id or its name; by default the first one.") String appId,
            @Option(names = "--type", paramLabel = "TYPE", defaultValue = RowKey.ACCESS_TOKEN,
                    description = "access_token (the default), or a ticket's, such as jsapi_ticket.") String type) {
        rejectOptionsBefore("token");
        return printing(out -> new TokenCommand(appId, type, out));
    }

    @Command(mixinStandardHelpOptions = true,
            description = "Asks WeChat for an access_token now, and prints it as JSON; stores nothing.")
    int fetch(
            @Option(names = "--app-id", paramLabel = "APPID",
                    description = "The account, by its app id or its name; by default the first one.") String appId,
            @Option(names = "--endpoint", paramLabel = "ENDPOINT", converter = EndpointName.class,
                    description = {
                            "stable-token (the default): kills no stored token. If the stored token is from this"
                                    + " endpoint, too, WeChat answers with that token.",
                            "token: kills the stored token, and requests its refresh." }) Endpoint endpoint) {
        rejectOptionsBefore("fetch");
        return printing(out -> new FetchCommand(appId, endpoint, out));
    }

    @Command(name = "clear-quota", mixinStandardHelpOptions = true,
            description = "Lets WeChat clear an account's counters of API calls, after errcode 45009. WeChat allows"
                    + " this 10 times a month. Kills no token; needs WeChat only, not the database.")
    int clearQuota(@Option(names = "--app-id", paramLabel = "APPID",
            description = "The account; required when several are configured.") String appId) {
        rejectOptionsBefore("clear-quota");
        return Execution.of(new ClearQuotaCommand(appId), settings);
    }

    /**
     * Runs a command whose output a program reads. Standard output carries that output
     * alone; all other lines, log lines included, go to standard error.
     */
    private int printing(Function<PrintStream, Execution.Body> command) {
        PrintStream out = System.out;
        System.setOut(System.err);
        try {
            Execution.Body printing = (environment, console) -> {
                ExitCode exitCode = command.apply(out).run(environment, console);
                if (out.checkError()) {
                    console.error("standard output can't be written");
                    return exitCode.and(ExitCode.RETRY);
                }
                return exitCode;
            };
            return Execution.of(printing, settings);
        }
        finally {
            System.setOut(out);
        }
    }

    /** Converts the names that {@code wx.api.endpoint} has, too. */
    static final class EndpointName implements ITypeConverter<Endpoint> {

        @Override
        public Endpoint convert(String name) {
            return switch (name) {
                case "token" -> Endpoint.TOKEN;
                case "stable-token" -> Endpoint.STABLE_TOKEN;
                default -> throw new TypeConversionException("'" + name + "' is neither token nor stable-token");
            };
        }

    }

    @Command(mixinStandardHelpOptions = true,
            description = "Shows who refreshed what, when and why, and what failed: the newest last. Needs the database"
                    + " only.")
    int history(
            @Option(names = "--app-id", paramLabel = "APPID",
                    description = "Show only this account, by its app id or its name.") String appId,
            @Option(names = "--last", paramLabel = "N", defaultValue = "20",
                    description = "How many entries to show at most: 1 to 10000; 20 by default.") int last,
            @Option(names = "--json", description = "Print JSON.") boolean json) {
        rejectOptionsBefore("history");
        if (last < 1 || last > 10_000) {
            throw new ParameterException(spec.commandLine(),
                    "--last=" + last + " is out of bounds: it must be 1 to 10000");
        }
        return Execution.of(new HistoryCommand(appId, last, json), settings);
    }

    @Command(mixinStandardHelpOptions = true,
            description = "Checks all that a run needs, a line for each thing: settings, database, rights, WeChat,"
                    + " metrics, mirrors. Changes nothing, and kills no token.")
    int check(
            @Option(names = "--app-id", paramLabel = "APPID",
                    description = "Ask WeChat for this account only, by its app id or its name; by default for the"
                            + " first 20.") String appId,
            @Option(names = "--offline", description = "Do not ask WeChat.") boolean offline) {
        rejectOptionsBefore("check");
        return Execution.of(new CheckCommand(appId, offline), settings);
    }

    @Command(mixinStandardHelpOptions = true,
            description = "Creates the tables, or brings them up to date. Needs a database user who may change"
                    + " tables; the job's own user need not.")
    int migrate() {
        rejectOptionsBefore("migrate");
        return Execution.of(new MigrateCommand(), settings);
    }

    /** The launcher runs it; what it does not run, such as --help, comes here. */
    @Command(mixinStandardHelpOptions = true,
            description = "Makes the launcher's archive of classes, which makes each start faster, and nothing else."
                    + " Needs neither settings nor the database.")
    int archive() {
        throw new ParameterException(spec.commandLine(),
                "archive is run by the launcher, and stands alone in the command line");
    }

}
