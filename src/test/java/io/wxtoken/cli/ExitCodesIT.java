package io.wxtoken.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.H2FileFixture;
import io.wxtoken.fixtures.Program.Ended;
import io.wxtoken.fixtures.Program.Started;
import io.wxtoken.fixtures.Program;
import io.wxtoken.job.RefreshOptions;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/**
 * Every exit code, and what the program says with it: inside the test, but for what needs
 * a process: its files and environment, a signal, another process. (Databases that can't
 * be reached are in UnreachableDatabaseIT.)
 */
class ExitCodesIT extends H2FileFixture {

    // ---- Processes

    @Test
    void code0ATokenIsFetchedAndThenFresh() {
        Ended first = ends(program.start(), ExitCode.OK,
                "INFO  wx0123456789abcdef access_token refreshed: age 0 s, 7200 s left, fingerprint ",
                "INFO  wx0123456789abcdef jsapi_ticket refreshed: age 0 s, 7200 s left",
                "INFO  2 rows: 2 refreshed; exit code 0");
        assertThat(first.text().lines()).hasSize(3);
        assertThat(ends(program.start(), ExitCode.OK).text()).as("a run that does nothing sends no mail").isEmpty();
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    void code0SettingsComeFromTheConfigFolderAndTheEnvironmentAndSecretsFromFiles() throws IOException {
        Files.createDirectories(folder.resolve("config"));
        Files.writeString(folder.resolve("config/application.yml"),
                "wx:\n  app-id: " + StandIn.APP_ID + "\n  api:\n    base-url: " + weChat.baseUrl() + "\n");
        Path secrets = Files.createDirectories(folder.resolve("mounted"));
        Files.writeString(secrets.resolve("wx.app-secret"), StandIn.SECRET + "\n");
        program = new Program(folder).with("WX_SECRETS", secrets.toString())
            .with("SPRING_DATASOURCE_URL", H2)
            .with("WX_API_KEY", "another program's")
            .with("WX_TICKETS", "none");
        ends(program.start(), ExitCode.OK, "1 row: 1 refreshed");
    }

    @Test
    void code2AVariableIsMisspelt() {
        Ended ended = ends(program.with("WX_REFRESH_AFTR", "1m").start(), ExitCode.ACT,
                "WX_REFRESH_AFTR is no setting of wx-token: write it WX_REFRESH_AFTER");
        assertThat(ended.text().lines()).hasSize(1);
        assertThat(weChat.requests()).isZero();
        assertThat(folder.resolve("data")).doesNotExist();
    }

    @Test
    void code3AnotherProcessHasTheH2FileOpen() throws Exception {
        Fault.Hold held = new Fault.Hold();
        weChat.next(held);
        Started first = program.start();
        first.until(() -> weChat.requests() > 0);
        ends(ExitCode.DATABASE).saying("another process has the H2 file", "or use MySQL");
        held.letGo();
        ends(first, ExitCode.OK, "refreshed");
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void code143ATerminatedRunFinishesWhatItHasClaimedRecordsItAndClaimsNothingNew() throws Exception {
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
        ends(ExitCode.OK, "history").saying("access_token  refreshed");
    }

    // ---- Runs inside the test

    /** Runs the program with the files of the folder, and these settings alone. */
    private CapturedRun runHere(String... settings) {
        return discreet(
                CapturedRun.of(() -> Execution.of(folder, new RefreshCommand(RefreshOptions.SCHEDULED), settings)));
    }

    private void endsBeforeAnythingIsTouched(CapturedRun run, String... says) {
        run.ended(ExitCode.ACT).saying(says).inOneLine();
        assertThat(weChat.requests()).isZero();
        assertThat(folder.resolve("data")).doesNotExist();
    }

    @Test
    void code0ARunThatHasNothingToDoSaysSoToPeopleAlone() {
        ends(ExitCode.OK);
        assertThat(ends(ExitCode.OK).text()).isEmpty();
        ends(ExitCode.OK, "--logging.level.io.wxtoken=debug").saying("2 rows: nothing is due; exit code 0");
    }

    /** The names' case, for example, is decided when a file is made. */
    @Test
    void code0AnH2FileWhoseUrlHasAModeIsReadAsItWasMade() throws Exception {
        String url = url() + ";MODE=MySQL;NON_KEYWORDS=VALUE";
        String token = weChat.issueElsewhere();
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE wx_token (id int PRIMARY KEY, type varchar(20), expire varchar(16), value"
                    + " varchar(600))");
            statement.execute("INSERT INTO wx_token VALUES (1, 'access_token', '" + System.currentTimeMillis() / 1000
                    + "', '" + token + "')");
        }
        ends(ExitCode.OK, "--spring.datasource.url=" + url).saying("1 refreshed, 1 fresh");
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT value FROM wx_token WHERE id = 1")) {
            row.next();
            assertThat(row.getString(1)).isEqualTo(token);
        }
    }

    @Test
    void code1WeChatCanNotBeReached() {
        weChat.close();
        ends(ExitCode.RETRY).saying("access_token failed: none yet (can't connect to http://127.0.0.1:",
                "check the network and wx.api.base-url");
    }

    @Test
    void code1WeChatIsBusyAndTheLiveTokenStays() throws Exception {
        ends(ExitCode.OK);
        makeDue();
        weChat.always(new Fault.Refuse(-1, "system error"));
        ends(ExitCode.RETRY).saying("failed: age ", " s left, fingerprint ", "errcode -1, system error rid: ",
                "WeChat is busy");
    }

    @Test
    void code1WeChatGivesNoUsableAnswer() {
        weChat.always(new Fault.Body(""));
        ends(ExitCode.RETRY).saying("WeChat's answer is empty; a run tries again after 60 s");
    }

    @Test
    void code1ATableOnThisNodeAloneIsWarnedOfWhenWeChatIsTheRealOne() {
        ends(ExitCode.RETRY, "--wx.api.base-url=https://no-such-host.invalid")
            .saying("WARN  the table is in jdbc:h2:file:" + folder, "on this node alone", "can't resolve the host");
    }

    @Test
    void code2NothingIsConfigured() {
        CapturedRun run = runHere().ended(ExitCode.ACT)
            .saying("wx-token: wx.app-id is missing: set it", "wx-token: wx.app-secret is missing: set it",
                    "wx-token: spring.datasource.url is missing: name");
        assertThat(run.text().lines()).hasSize(3);
        assertThat(folder.resolve("data")).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource({ "--wx.app-secret=wrong, 'errcode 40125, invalid appsecret', check wx.app-secret",
            "--wx.app-id=wx999, 'errcode 40013, invalid appid', check wx.app-id" })
    void code2WeChatRefusesTheAppIdOrItsSecret(String setting, String code, String advice) {
        ends(ExitCode.ACT, setting).saying(code, advice);
        ends(ExitCode.ACT, setting).saying("WeChat is asked again in ", code, advice);
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    void code2TheAddressIsNotInTheWhitelist() {
        weChat.next(new Fault.Refuse(40164, "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist"));
        ends(ExitCode.ACT).saying("errcode 40164, invalid ip 1.2.3.4", "add this node's address to the IP whitelist");
    }

    @Test
    void code2ASettingIsWrongOrUnknownOrTheFileIsNoYaml() throws IOException {
        ends(ExitCode.ACT, "--wx.refresh.lease=8s").saying("wx-token: wx.refresh.lease = 8s must exceed");
        ends(ExitCode.ACT, "--wx.mirror.memcached.servers[0]=no:port").saying("'no:port' is no server");
        ends(ExitCode.ACT, "--spring.datasource.hikari.connection-timeout=abc")
            .saying("wx-token: spring.datasource.hikari");
        ends(ExitCode.ACT, "--logging.level.io.wxtoken=debgu").saying("logging.level");
        Path config = Files.createDirectories(folder.resolve("config")).resolve("application.yml");
        Files.writeString(config, "wx:\n  refresh:\n    aftr: 50m\n");
        runHere().ended(ExitCode.ACT).saying("wx-token: wx.refresh.aftr is no setting of wx-token", "3:11");
        Files.writeString(config, "wx:\n  refresh: [\n");
        runHere().ended(ExitCode.ACT).saying("wx-token: config/application.yml is no valid YAML: ", "line ");
    }

    @Test
    void code2NoDatabaseIsNamed() throws IOException {
        String[] account = { "--wx.app-id=" + StandIn.APP_ID, "--wx.app-secret=" + StandIn.SECRET };
        endsBeforeAnythingIsTouched(runHere(account),
                "wx-token: spring.datasource.url is missing: name the database that all nodes share,"
                        + " such as jdbc:mysql://db.example.com:3306/wx, in config/application.yml or as"
                        + " SPRING_DATASOURCE_URL");
        Path config = Files.createDirectories(folder.resolve("config")).resolve("application.yml");
        Files.writeString(config, "sprng:\n  datasource:\n    url: jdbc:mysql://db/wx\n    username: wx\n");
        endsBeforeAnythingIsTouched(runHere(account), "wx-token: sprng is no setting of wx-token (",
                ":10): write it spring");
        Files.writeString(config, "spring:\n  datasource:\n    usrname: wx\n");
        endsBeforeAnythingIsTouched(runHere(account), "wx-token: spring.datasource.usrname is no setting of wx-token (",
                "3:14): write it spring.datasource.username");
        Files.delete(config);
        endsBeforeAnythingIsTouched(runHere(account[0], account[1], "--sprng.datasource.url=jdbc:mysql://db/wx"),
                "wx-token: sprng is no setting of wx-token (");
    }

    @Test
    void code2AFileIsAFolderOrMissing() throws IOException {
        Path config = Files.createDirectories(folder.resolve("config/application.yml"));
        endsBeforeAnythingIsTouched(runHere(), "wx-token: ", "config/application.yml is a folder, and must be a file");
        Files.delete(config);
        Files.createSymbolicLink(config, folder.resolve("missing.yml"));
        endsBeforeAnythingIsTouched(runHere(), "config/application.yml is a link to a file that does not exist");
        Files.delete(config);
        endsBeforeAnythingIsTouched(runHere("--WX_SECRETS="),
                "wx-token: WX_SECRETS is empty: name the folder with the secrets, or unset it");
        for (String profile : new String[] { "", "p" }) { // with one Spring Boot reads
            endsBeforeAnythingIsTouched(runHere("--WX_SECRETS=/etc/wx-tokn", "--spring.profiles.active=" + profile),
                    "wx-token: WX_SECRETS = '/etc/wx-tokn' does not exist: create this folder");
        }
        Path file = Files.createFile(folder.resolve("file"));
        endsBeforeAnythingIsTouched(runHere("--WX_SECRETS=" + file),
                "wx-token: WX_SECRETS (or ./secrets) is no folder");
    }

    @Test
    void code2AnArgumentIsWrong() {
        ends(ExitCode.ACT, "--forse").saying("wx-token: unknown argument '--forse': see --help");
        ends(ExitCode.ACT, "statsu").saying("wx-token: unknown command 'statsu'");
        ends(ExitCode.ACT, "--force", "refresh")
            .saying("wx-token: --force and --app-id belong to refresh, and stand after it");
        ends(ExitCode.ACT, "--app-id=wx-nobody").saying("--app-id=wx-nobody is none of the configured accounts");
    }

    @Test
    void code3TheDatabaseRefuses() {
        ends(ExitCode.OK);
        ends(ExitCode.DATABASE, "--spring.datasource.password=wrong")
            .saying("refuses: check spring.datasource.username, .password");
    }

}
