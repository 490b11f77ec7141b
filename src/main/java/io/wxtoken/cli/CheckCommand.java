package io.wxtoken.cli;

import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

import org.springframework.core.env.ConfigurableEnvironment;
import picocli.CommandLine.Help.Ansi;

import io.wxtoken.ExitCode;
import io.wxtoken.database.Database;
import io.wxtoken.database.DatabaseFailure;
import io.wxtoken.database.Schema;
import io.wxtoken.database.ServerInfo;
import io.wxtoken.file.AtomicFile;
import io.wxtoken.history.RefreshHistory;
import io.wxtoken.mirror.Mirrors;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.Authorizers;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRepository;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.ConnectionSettings;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Route;
import io.wxtoken.wechat.WeChatClient;

/**
 * Checks all that a run needs, and prints a line for each thing. It changes nothing: no
 * row, no table, no mirror, and it kills no token, because it asks WeChat's stable
 * endpoint, without force.
 *
 * @param appId the account that WeChat is asked for; null for the first ones
 * @param offline whether WeChat is left out
 */
record CheckCommand(String appId, boolean offline) implements Execution.Body {

    /** More accounts than this are asked for one at a time, by {@code --app-id}. */
    private static final int MOST_ACCOUNTS = 20;

    /** WeChat pushes a ticket every 10 minutes; two of them may be late. */
    private static final long MINUTES_BETWEEN_TICKETS = 30;

    /** Clocks that differ by more than this, in seconds, are worth a warning. */
    private static final long CLOCK_DIFFERENCE = 5;

    /** Two runs, in seconds: one of them may just be under way. */
    private static final long TWO_RUNS = 120;

    @Override
    public ExitCode run(ConfigurableEnvironment environment, Console console) {
        Report report = new Report(environment);
        report.check("settings", () -> {
            WxProperties wx = Settings.read(environment);
            if (appId != null && wx.componentAccount().isEmpty()) {
                wx.account(appId);
            }
            report.ok(count(wx.allAccounts().size(), "account") + ", " + sources(environment, wx));
        });
        if (report.exitCode != ExitCode.OK) {
            return report.end();
        }
        WxProperties wx = Settings.read(environment);
        report.check("database", () -> {
            try (Connection connection = Database.connect(environment)) {
                checkDatabase(environment, wx, connection, report);
            }
        });
        if (offline) {
            report.ok("WeChat", "not asked (--offline)");
        }
        else {
            checkWeChat(wx, console, report);
        }
        if (wx.metrics().measured()) {
            report.check("metrics", () -> {
                try {
                    AtomicFile.checkWritable(Path.of(wx.metrics().textfile()));
                    report.ok(wx.metrics().textfile() + " can be written");
                }
                catch (IOException | InvalidPathException e) {
                    report.failed(ExitCode.RETRY,
                            "wx.metrics.textfile = " + wx.metrics().textfile() + " can't be written: "
                                    + AtomicFile.reason(e)
                                    + ". Make its folder, and give this user the right to write there");
                }
            });
        }
        if (wx.mirror().wanted()) {
            report.check("mirrors", () -> {
                List<String> problems = new Mirrors(wx.mirror(), wx.allAccounts()).check(wx.allAccounts());
                problems.forEach(problem -> report.failed(ExitCode.RETRY, problem));
                if (problems.isEmpty()) {
                    report.ok("can be written");
                }
            });
        }
        return report.end();
    }

    private static String sources(ConfigurableEnvironment environment, WxProperties wx) {
        Map<String, Long> sources = wx.allAccounts()
            .stream()
            .map(account -> Settings.sourceOf(environment, account.secretSetting()))
            .collect(Collectors.groupingBy(source -> source, TreeMap::new, Collectors.counting()));
        String secrets = sources.entrySet()
            .stream()
            .map(source -> (source.getValue() == 1 ? "its secret" : source.getValue() + " secrets") + " from "
                    + source.getKey())
            .collect(Collectors.joining(", "));
        return secrets + "; the database's URL from " + Settings.sourceOf(environment, "spring.datasource.url");
    }

    private void checkDatabase(ConfigurableEnvironment environment, WxProperties wx, Connection connection,
            Report report) throws SQLException {
        ServerInfo server = ServerInfo.of(connection);
        long difference = server.now() - System.currentTimeMillis() / 1000;
        report.ok(DatabaseFailure.withoutSecrets(Settings.databaseUrl(environment)) + ", " + server.product());
        switch (server.encryption()) {
            case NOT_NEEDED -> report.ok("TLS", "not needed: the database is in this process");
            case VERIFIED -> report.ok("TLS", "the database's certificate was verified");
            case UNVERIFIED -> report.warn("TLS", "the connection is encrypted, but the database's certificate is not"
                    + " verified: set sslMode=VERIFY_IDENTITY (docs/install.md: TLS to the database)");
            case NONE -> report.warn("TLS", "the connection to the database is not encrypted: set"
                    + " sslMode=VERIFY_IDENTITY (docs/install.md: TLS to the database), unless you trust the network");
        }
        String clock = Math.abs(difference) + " s " + (difference < 0 ? "behind" : "ahead of") + " this node's";
        if (Math.abs(difference) > CLOCK_DIFFERENCE) {
            report.warn("clock", "the database's is " + clock + ": let both follow NTP. The times in wx_token are the"
                    + " database's, and this node's decides whether a certificate is valid");
        }
        else {
            report.ok("clock", "the database's is " + clock);
        }
        String version = Schema.version(connection);
        if (version.equals("0")) {
            report.ok("schema", "the tables are not there yet, or were made by hand: the first run makes or adopts"
                    + " them, as a user that may create tables, or wx-token migrate does");
            return;
        }
        if (Schema.state(connection) == Schema.State.COMPLETE) {
            report.ok("schema", "version " + version);
        }
        else {
            report.warn("schema", "version " + version + " is not the newest: the next run migrates it if its user"
                    + " may change tables; otherwise run wx-token migrate");
        }
        report.check("rights", () -> {
            TokenRepository.checkRights(connection);
            report.ok("this user may read, add and change rows of wx_token");
        });
        report.check("history", () -> {
            RefreshHistory.checkRights(connection);
            report.ok("this user may read, add and delete rows of wx_token_history");
        });
        if (wx.componentAccount().isPresent()) {
            checkPlatform(wx, connection, report);
        }
        report.check("last run", () -> checkLastRun(wx,
                TokenRepository.read(connection, Authorizers.withConfigured(connection, wx)), report));
    }

    private void checkPlatform(WxProperties wx, Connection connection, Report report) {
        report.check("platform", () -> {
            Authorizers.checkTables(connection);
            Authorizers.checkRights(connection);
            if (appId != null) {
                Authorizers.find(connection, wx, appId);
            }
            long receivedAt = Authorizers.ticketReceivedAt(connection, wx.componentAccount().orElseThrow());
            long minutes = (System.currentTimeMillis() / 1000 - receivedAt) / 60;
            String text = wx.component().appId() + ": "
                    + count(Authorizers.read(connection, wx, null).size(), "account") + " in wx_authorizer, "
                    + (receivedAt == 0 ? "no verify_ticket in wx_component"
                            : "the newest verify_ticket in wx_component came " + minutes + " min ago");
            if (minutes > MINUTES_BETWEEN_TICKETS) {
                report.failed(ExitCode.ACT, text + ", and WeChat pushes one every 10 minutes: see that the platform's"
                        + " web application stores each");
            }
            else {
                report.ok(text);
            }
        });
    }

    /** A run that finds nothing due leaves no trace, but each probe does. */
    private static void checkLastRun(WxProperties wx, List<TokenRow> rows, Report report) {
        TokenRow last = rows.stream()
            .filter(row -> row.obtainedAt() > 0)
            .max(Comparator.comparingLong(CheckCommand::touchedAt))
            .orElse(null);
        if (last == null) {
            report.ok("last run", "none yet: no row of these accounts was ever refreshed");
            return;
        }
        long ago = last.now() - touchedAt(last);
        // a platform's own token is not probed
        boolean probed = rows.stream().anyMatch(row -> row.type().equals(RowKey.ACCESS_TOKEN) && row.live());
        long interval = wx.probe().interval().isZero() || !probed ? wx.refresh().after().toSeconds()
                : wx.probe().interval().toSeconds();
        String text = "a run last probed or refreshed a token " + ago + " s ago";
        if (ago <= interval + TWO_RUNS) {
            report.ok("last run", text);
        }
        else {
            report.failed("last run", ExitCode.RETRY, text + ", and should do so every " + interval
                    + " s: is the job started every minute, on any node (cron, systemctl list-timers, kubectl get"
                    + " cronjob), and how do its runs end?");
        }
    }

    private static long touchedAt(TokenRow row) {
        return Math.max(row.probedAt(), row.obtainedAt());
    }

    private void checkWeChat(WxProperties wx, Console console, Report report) {
        // otherwise a system property could make the JDK's client log the secret
        console.setUpLogging();
        List<Account> accounts = (appId != null ? wx.find(appId).stream() : wx.allAccounts().stream())
            .filter(account -> account.endpoint() != Endpoint.COMPONENT)
            .toList();
        if (accounts.isEmpty()) {
            report.ok("WeChat", "not asked: each call for a platform's token issues a new one");
            return;
        }
        ConnectionSettings connection = wx.api().connection();
        Account first = accounts.stream().filter(account -> !account.isWeCom()).findFirst().orElse(null);
        for (Route route : first == null ? List.<Route>of() : connection.routes()) {
            askWeChat(new WeChatClient(new ConnectionSettings(List.of(route), connection.weCom(),
                    connection.connectTimeout(), connection.readTimeout())), first, at(route), report);
        }
        WeChatClient weChat = new WeChatClient(connection);
        accounts.stream()
            .limit(MOST_ACCOUNTS)
            .filter(account -> account != first)
            .forEach(account -> askWeChat(weChat, account, account.isWeCom() ? at(connection.weCom()) : "", report));
        if (accounts.size() > MOST_ACCOUNTS) {
            report.ok("WeChat", "the other " + (accounts.size() - MOST_ACCOUNTS)
                    + " accounts were not asked for: name one with --app-id");
        }
    }

    private static String at(Route route) {
        return " at " + route + (route.baseUrl().startsWith("https:") ? ", TLS verified" : "");
    }

    private static void askWeChat(WeChatClient weChat, Account account, String where, Report report) {
        Answer answer = weChat.fetchToken(account.isWeCom() ? account : account.at(Endpoint.STABLE_TOKEN), false);
        if (answer instanceof Answer.NoValue failure) {
            report.failed("WeChat", failure.exitCode(), account.label() + ": " + failure.text());
        }
        else {
            report.ok("WeChat",
                    account.label() + where + ": the secret and this node's address are right (asked for"
                            + (account.isWeCom() ? " its token" : " the stable token without force")
                            + ", which kills no token)");
        }
    }

    private static String count(int number, String what) {
        return number + " " + what + (number == 1 ? "" : "s");
    }

    /** A check, which reports what it found. */
    private interface Check {

        void run() throws Exception;

    }

    /** Prints what the checks find. */
    private static final class Report {

        private final ConfigurableEnvironment environment;

        private final List<String> todo = new ArrayList<>();

        private String name = "";

        private ExitCode exitCode = ExitCode.OK;

        Report(ConfigurableEnvironment environment) {
            this.environment = environment;
        }

        /** Makes a check; an exception is a failure of it. */
        void check(String what, Check check) {
            name = what;
            try {
                check.run();
            }
            catch (Exception e) {
                FailureReport failure = FailureReport.of(e, environment);
                failure.lines().forEach(line -> failed(what, failure.exitCode(), line));
            }
        }

        void ok(String text) {
            ok(name, text);
        }

        void ok(String what, String text) {
            print("@|green ok  |@", what, text);
        }

        void warn(String what, String text) {
            print("@|yellow warn|@", what, text);
        }

        void failed(ExitCode code, String text) {
            failed(name, code, text);
        }

        void failed(String what, ExitCode code, String text) {
            exitCode = exitCode.and(code);
            todo.add(what);
            print("@|bold,red FAIL|@", what, text);
        }

        private static void print(String state, String what, String text) {
            System.out.printf("%s  %-8s  %s%n", Ansi.AUTO.string(state), what, text);
        }

        ExitCode end() {
            System.out.println(todo.isEmpty() ? "A run can do its work; exit code 0" : "Mend what FAIL says ("
                    + String.join(", ", todo) + "), and check again; exit code " + exitCode.code());
            return exitCode;
        }

    }
}
