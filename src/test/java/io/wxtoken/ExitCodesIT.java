package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.Set;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.Program;
import io.wxtoken.testing.Program.Ended;
import io.wxtoken.testing.Program.Started;

/**
 * Starts the built program as an operator does, and checks every exit code, and what the
 * program says with it.
 */
@Execution(ExecutionMode.CONCURRENT)
class ExitCodesIT extends OnH2File {

    @Test
    void code0ATokenIsFetchedAndThenFresh() {
        Ended first = ends(ExitCode.OK,
                "INFO  wx0123456789abcdef access_token refreshed: age 0 s, 7200 s left, fingerprint ",
                "INFO  wx0123456789abcdef jsapi_ticket refreshed: age 0 s, 7200 s left",
                "INFO  2 rows: 2 refreshed; exit code 0");
        assertThat(first.text().lines()).hasSize(3);
        assertThat(ends(ExitCode.OK, "").text()).as("a run that does nothing sends no mail").isEmpty();
        ends(program.argument("--logging.level.io.wxtoken=debug").start(), ExitCode.OK,
                "2 rows: nothing is due; exit code 0");
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    void code0ATokenIsFetchedFromTheStableEndpoint() {
        program.with("WX_API_ENDPOINT", "stable-token");
        ends(ExitCode.OK, "refreshed");
    }

    @Test
    void code0SettingsComeFromTheConfigFolderAndSecretsFromFiles() throws IOException {
        Files.createDirectories(folder.resolve("config"));
        Files.writeString(folder.resolve("config/application.yml"),
                "wx:\n  app-id: " + StandIn.APP_ID + "\n  api:\n    base-url: " + weChat.baseUrl() + "\n");
        Path secrets = Files.createDirectories(folder.resolve("mounted"));
        Files.writeString(secrets.resolve("wx.app-secret"), StandIn.SECRET + "\n");
        program = new Program(folder).with("WX_SECRETS", secrets.toString()).with("SPRING_DATASOURCE_URL", H2);
        ends(ExitCode.OK, "refreshed");
    }

    @Test
    void code1WeChatCanNotBeReached() {
        weChat.close();
        ends(ExitCode.RETRY, "access_token failed: none yet (can't connect to http://127.0.0.1:",
                "check the network and wx.api.base-url");
    }

    @Test
    void code1WeChatIsBusyAndTheLiveTokenStays() {
        program.with("WX_REFRESH_AFTER", "1s");
        ends(ExitCode.OK, "refreshed");
        weChat.always(new Fault.Refuse(-1, "system error"));
        ends(ExitCode.RETRY, "failed: age ", " s left, fingerprint ", "errcode -1, system error rid: ",
                "WeChat is busy");
    }

    @Test
    void code1WeChatGivesNoUsableAnswer() {
        weChat.always(new Fault.Body(""));
        ends(ExitCode.RETRY, "WeChat's answer is empty; a run tries again after 60 s");
    }

    @Test
    void code2NothingIsConfigured() {
        program = new Program(folder);
        Ended ended = ends(ExitCode.ACT, "wx-token: wx.app-id is missing: set it",
                "wx-token: wx.app-secret is missing: set it", "wx-token: spring.datasource.url is missing: name");
        assertThat(ended.text().lines()).hasSize(3);
        assertThat(folder.resolve("data")).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource({ "WX_APPSECRET, wrong, 'errcode 40125, invalid appsecret', check wx.app-secret",
            "WX_APPID, wx999, 'errcode 40013, invalid appid', check wx.app-id" })
    void code2WeChatRefusesTheAppIdOrItsSecret(String variable, String value, String code, String advice) {
        program.with(variable, value);
        ends(ExitCode.ACT, code, advice);
        ends(ExitCode.ACT, "WeChat is asked again in ", code, advice);
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    void code2TheAddressIsNotInTheWhitelist() {
        weChat.next(new Fault.Refuse(40164, "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist"));
        ends(ExitCode.ACT, "errcode 40164, invalid ip 1.2.3.4", "add this node's address to the IP whitelist");
    }

    @Test
    void code2ASettingIsWrongOrUnknownOrTheFileIsNoYaml() throws IOException {
        ends(program.with("WX_REFRESH_LEASE", "8s").start(), ExitCode.ACT,
                "wx-token: wx.refresh.lease = 8s must exceed");
        program.without("WX_REFRESH_LEASE");
        ends(program.with("WX_REFRESH_AFTR", "1m").start(), ExitCode.ACT,
                "WX_REFRESH_AFTR is no setting of wx-token: write it WX_REFRESH_AFTER");
        program.without("WX_REFRESH_AFTR");
        ends(program.with("WX_MIRROR_FILE_0", "x").start(), ExitCode.ACT, "WX_MIRROR_FILE_0 is no setting");
        ends(program.without("WX_MIRROR_FILE_0").with("WX_MIRROR_MEMCACHED_SERVERS_0", "no:port").start(), ExitCode.ACT,
                "'no:port' is no server");
        program.without("WX_MIRROR_MEMCACHED_SERVERS_0");
        Path config = Files.createDirectories(folder.resolve("config")).resolve("application.yml");
        Files.writeString(config, "wx:\n  refresh:\n    aftr: 50m\n");
        ends(ExitCode.ACT, "wx-token: wx.refresh.aftr is no setting of wx-token", "3:11");
        Files.writeString(config, "wx:\n  refresh: [\n");
        ends(ExitCode.ACT, "wx-token: config/application.yml is no valid YAML: ", "line ");
    }

    @Test
    void code2NoDatabaseIsNamed() throws IOException {
        program = Program.against(weChat, folder);
        endsBeforeAnythingIsTouched(
                "wx-token: spring.datasource.url is missing: name the database that all nodes share,"
                        + " such as jdbc:mysql://db.example.com:3306/wx, in config/application.yml or as"
                        + " SPRING_DATASOURCE_URL");
        program.with("SPRING_DATASOURCE_URI", "jdbc:mysql://db/wx");
        endsBeforeAnythingIsTouched("wx-token: the environment's SPRING_DATASOURCE_URI is no setting of wx-token: write"
                + " it SPRING_DATASOURCE_URL, or unset it if it is another program's");
        program.without("SPRING_DATASOURCE_URI");
        Path config = Files.createDirectories(folder.resolve("config")).resolve("application.yml");
        Files.writeString(config, "sprng:\n  datasource:\n    url: jdbc:mysql://db/wx\n    username: wx\n");
        endsBeforeAnythingIsTouched("wx-token: sprng is no setting of wx-token (", ":10): write it spring");
        Files.writeString(config, "spring:\n  datasource:\n    usrname: wx\n");
        endsBeforeAnythingIsTouched("wx-token: spring.datasource.usrname is no setting of wx-token (",
                "3:14): write it spring.datasource.username");
        Files.delete(config);
        program.argument("--sprng.datasource.url=jdbc:mysql://db/wx");
        endsBeforeAnythingIsTouched("wx-token: sprng is no setting of wx-token (");
    }

    private void endsBeforeAnythingIsTouched(String... says) {
        assertThat(ends(ExitCode.ACT, says).text().lines()).hasSize(1);
        assertThat(weChat.requests()).isZero();
        assertThat(folder.resolve("data")).doesNotExist();
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void code2AFileOrFolderCanNotBeRead() throws IOException {
        String user = System.getProperty("user.name");
        Path config = Files.createDirectories(folder.resolve("config"));
        Path yaml = Files.writeString(config.resolve("application.yml"), "");
        Path secrets = Files.createDirectories(folder.resolve("mounted"));
        Path secret = Files.writeString(secrets.resolve("wx.app-secret"), StandIn.SECRET);
        Path other = Files.writeString(secrets.resolve("other"), "not used");
        program.obeyingPermissions().with("WX_SECRETS", "mounted");
        withoutRights(yaml, "wx-token: config/application.yml can't be read by the user " + user
                + ": give this user the right to read it, and to enter its folder");
        withoutRights(config, "wx-token: config can't be read by the user " + user
                + ": give this user the right to list this folder and to enter it");
        withoutRights(secrets, "wx-token: mounted can't be read by the user " + user);
        withoutRights(secret, "mounted/wx.app-secret can't be read by the user " + user + ": give this user the right");
        program.with("SPRING_PROFILES_ACTIVE", "p"); // Spring Boot reads the files itself
        withoutRights(yaml, "wx-token: config/application.yml can't be read by the user " + user);
        withoutRights(config, "wx-token: config can't be read by the user " + user);
        withoutRights(secret, "mounted/wx.app-secret can't be read by the user " + user + ": give this user the right");
        Files.setPosixFilePermissions(other, Set.of());
        ends(ExitCode.OK, "2 refreshed");
    }

    private void withoutRights(Path path, String says) throws IOException {
        Set<PosixFilePermission> rights = Files.getPosixFilePermissions(path);
        Files.setPosixFilePermissions(path, Set.of());
        endsBeforeAnythingIsTouched(says);
        Files.setPosixFilePermissions(path, rights);
    }

    @Test
    void code2AFileIsAFolderOrMissing() throws IOException {
        Path config = Files.createDirectories(folder.resolve("config/application.yml"));
        endsBeforeAnythingIsTouched("wx-token: config/application.yml is a folder, and must be a file");
        Files.delete(config);
        Files.createSymbolicLink(config, folder.resolve("missing.yml"));
        endsBeforeAnythingIsTouched("wx-token: config/application.yml is a link to a file that does not exist");
        Files.delete(config);
        program.with("WX_SECRETS", "");
        endsBeforeAnythingIsTouched("wx-token: WX_SECRETS is empty: name the folder with the secrets, or unset it");
        program.with("WX_SECRETS", "/etc/wx-tokn");
        endsBeforeAnythingIsTouched("wx-token: WX_SECRETS = '/etc/wx-tokn' does not exist: create this folder");
        program.with("SPRING_PROFILES_ACTIVE", "p");
        endsBeforeAnythingIsTouched("wx-token: WX_SECRETS = '/etc/wx-tokn' does not exist: create this folder");
        Files.createFile(folder.resolve("file"));
        program.with("WX_SECRETS", "file");
        endsBeforeAnythingIsTouched("wx-token: WX_SECRETS (or ./secrets) is no folder");
    }

    @Test
    void code0OtherProgramsVariablesAreLeftAlone() {
        program.with("WX_API_KEY", "x").with("WX_RUN_MODE", "x").with("WX_TICKETS", "[]");
        ends(ExitCode.OK, "1 row: 1 refreshed");
        ends(program.with("WX_TICKETS", "").argument("--force").start(), ExitCode.OK, "1 row: 1 refreshed");
        ends(program.with("WX_TICKETS", "none").start(), ExitCode.OK, "1 row: 1 refreshed");
        program.without("WX_TICKETS").argument("--wx.tickets=none");
        ends(ExitCode.OK, "1 row: 1 refreshed");
    }

    @Test
    void code2AnArgumentOrASpringSettingIsWrong() {
        ends(program.argument("--forse").start(), ExitCode.ACT, "wx-token: unknown argument '--forse': see --help");
        program = program().argument("statsu");
        ends(ExitCode.ACT, "wx-token: unknown command 'statsu'");
        program = program().argument("--force").argument("refresh");
        ends(ExitCode.ACT, "wx-token: --force and --app-id belong to refresh, and stand after it");
        program = program().argument("--app-id=wx-nobody");
        ends(ExitCode.ACT, "--app-id=wx-nobody is none of the configured accounts");
        program = program().with("SPRING_DATASOURCE_HIKARI_CONNECTIONTIMEOUT", "abc");
        ends(ExitCode.ACT, "wx-token: spring.datasource.hikari");
        program = program().with("LOGGING_LEVEL_IO_WXTOKEN", "debgu");
        ends(ExitCode.ACT, "logging.level");
    }

    /** The names' case, for example, is decided when a file is made. */
    @Test
    void anH2FileWhoseUrlHasAModeIsReadAsItWasMade() throws Exception {
        String url = H2.replace("./data", folder + "/data") + ";MODE=MySQL;NON_KEYWORDS=VALUE";
        String token = weChat.issueElsewhere();
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE wx_token (id int PRIMARY KEY, type varchar(20), expire varchar(16), value"
                    + " varchar(600))");
            statement.execute("INSERT INTO wx_token VALUES (1, 'access_token', '" + System.currentTimeMillis() / 1000
                    + "', '" + token + "')");
        }
        program.with("SPRING_DATASOURCE_URL", url);
        ends(ExitCode.OK, "1 refreshed, 1 fresh");
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT value FROM wx_token WHERE id = 1")) {
            row.next();
            assertThat(row.getString(1)).isEqualTo(token);
        }
    }

    @Test
    void code3TheDatabaseCanNotBeReached() throws IOException {
        int port;
        try (ServerSocket closed = new ServerSocket(0)) {
            port = closed.getLocalPort();
        }
        program.with("SPRING_DATASOURCE_URL", "jdbc:mysql://u:hunter2@127.0.0.1:" + port + "/wx?password=hunter2");
        Ended ended = ends(ExitCode.DATABASE, "wx-token: can't reach the database at jdbc:mysql://127.0.0.1:" + port
                + "/wx: nothing listens on that port (Connection refused): start the server, or correct the host");
        assertThat(ended.text()).doesNotContain("hunter2");
        assertThat(ended.text().lines()).hasSize(1);
    }

    @Test
    void code3TheDatabaseRefuses() {
        ends(ExitCode.OK, "refreshed");
        program.with("SPRING_DATASOURCE_PASSWORD", "wrong");
        ends(ExitCode.DATABASE, "refuses: check spring.datasource.username, .password");
    }

    @Test
    void code3AnotherProcessHasTheH2FileOpen() throws Exception {
        weChat.next(new Fault.Delay(Duration.ofSeconds(7)));
        Started first = program.start();
        first.until(() -> weChat.requests() > 0);
        ends(ExitCode.DATABASE, "another process has the H2 file", "or use MySQL");
        ends(first, ExitCode.OK, "refreshed");
    }

    @Test
    void code3ADatabaseThatAcceptsAndNeverAnswersIsGivenUp() throws IOException {
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            program.with("SPRING_DATASOURCE_URL",
                    "jdbc:mysql://127.0.0.1:" + silent.getLocalPort() + "/wx?socketTimeout=2000");
            ends(ExitCode.DATABASE, "can't reach the database");
        }
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void code143ARunThatIsTerminatedFinishesItsRefreshAndStops() throws Exception {
        weChat.next(new Fault.Delay(Duration.ofSeconds(3)));
        Started started = program.start();
        started.until(() -> weChat.requests() > 0);
        started.process().destroy();
        ends(started, ExitCode.STOPPED, "refreshed");
        ends(ExitCode.OK, "fresh");
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void code143NothingNewIsClaimedAndFinishedRefreshesAreRecorded() throws Exception {
        program.with("WX_ACCOUNTS_0_APPID", "wx2")
            .with("WX_ACCOUNTS_0_APPSECRET", "s2")
            .with("WX_REFRESH_CONCURRENCY", "1");
        weChat.addAccount("wx2", "s2");
        weChat.next(new Fault.Delay(Duration.ofSeconds(3)));
        Started started = program.start();
        started.until(() -> weChat.requests() > 0);
        started.process().destroy();
        ends(started, ExitCode.STOPPED, "refreshed", "access_token left to the next run: none yet", "exit code 143");
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        try (var connection = DriverManager
            .getConnection("jdbc:h2:file:" + folder.resolve("data/wx-token") + ";DATABASE_TO_LOWER=TRUE");
                var outcome = connection.createStatement().executeQuery("SELECT outcome FROM wx_token_history")) {
            outcome.next();
            assertThat(outcome.getString(1)).isEqualTo("refreshed");
        }
    }

}
