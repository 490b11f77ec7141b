package io.wxtoken.settings;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.standin.StandIn;

/**
 * When a configuration file, a secret's file or a database's URL is wrong, one line says
 * where, and shows no secret.
 */
class WrongFilesTest {

    private static final String APP_ID = "wx:\n  app-id: " + StandIn.APP_ID + "\n";

    private static final String COMPLETE = APP_ID + "  app-secret: " + StandIn.SECRET + "\n";

    private final StandIn weChat = StandIn.start();

    @TempDir
    Path folder;

    private Path config;

    private Path secret;

    @BeforeEach
    void start() throws IOException {
        config = folder.resolve("application.yml");
        secret = Files.createDirectories(folder.resolve("secrets")).resolve("wx.app-secret");
        System.setProperty("WX_SECRETS", secret.getParent().toString());
    }

    @AfterEach
    void stop() {
        System.clearProperty("WX_SECRETS");
        weChat.close();
    }

    private CapturedRun run() {
        return run("jdbc:h2:mem:" + folder.getFileName() + ";DB_CLOSE_DELAY=-1;MODE=MySQL;"
                + "DATABASE_TO_LOWER=TRUE;CASE_INSENSITIVE_IDENTIFIERS=TRUE;NON_KEYWORDS=VALUE");
    }

    private CapturedRun run(String url, String... more) {
        List<String> arguments = new ArrayList<>(List.of("--spring.config.location=classpath:/,file:" + folder + "/",
                "--wx.api.base-url=" + weChat.baseUrl(), "--spring.datasource.url=" + url,
                "--spring.datasource.hikari.connection-timeout=250"));
        arguments.addAll(List.of(more));
        CapturedRun said = CapturedRun.of(arguments);
        assertThat(said.text()).doesNotContain(StandIn.SECRET).doesNotContain("hunter2");
        return said;
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            a tab | ~\trun:~\t\ttimeout: 2m | NO YAML: found character '\\t
            a bad indent | ~  run:~    timeout: 2m~   probe:~    interval: 5m | NO YAML: expected <block end>
            a key twice | ~  run:~    timeout: 2m~    timeout: 3m | NO YAML: found duplicate key timeout, line 7
            an open quote | ~  tickets: "jsapi | NO YAML:
            a missing colon | ~  run~    timeout: 2m | NO YAML:
            a list for a scalar | ~  run:~    timeout: [2m] | wx.run.timeout[0] is no setting of wx-token
            a scalar for a group | ~  run: 2m | wx.run is a group of settings
            a scalar for a list | ~  accounts: wx1 | wx.accounts is a group of settings
            a group | ~  run:~    timeout:~     seconds: 2 | wx.run.timeout.seconds is no setting of wx-token
            a misspelt name | ~  run:~    timout: 2m | wx.run.timout is no setting of wx-token
            a misspelt group | ~  rum:~    timeout: 2m | wx.rum.timeout is no setting of wx-token
            no value | ~  run:~    timeout: | wx.run.timeout
            null | ~  run:~    timeout: null | wx.run.timeout
            a placeholder | ~  run:~    timeout: ${NOWHERE} | wx.run.timeout = '${NOWHERE}' is no duration
            a circle | ~  run:~    timeout: ${wx.run.timeout} | wx.run.timeout
            """)
    void aWrongFileIsReportedInOneLine(String name, String more, String says) throws IOException {
        Files.writeString(config, COMPLETE + more.replace("~", "\n"));
        run().ended(ExitCode.ACT)
            .saying(says.replace("NO YAML:", "config/application.yml is no valid YAML:"))
            .inOneLine();
    }

    @Test
    void aFileInAnotherEncodingIsReported() throws IOException {
        Files.write(config, (COMPLETE + "# 中文").getBytes(Charset.forName("GBK")));
        run().ended(ExitCode.ACT).saying("config/application.yml is not in UTF-8").inOneLine();
    }

    @Test
    void aFileWithAByteOrderMarkIsFine() throws IOException {
        Files.write(config, ("\uFEFF" + COMPLETE + "# 中文").getBytes(StandardCharsets.UTF_8));
        run().ended(ExitCode.OK);
    }

    // ---- Secrets as files

    @ParameterizedTest
    @ValueSource(strings = { "", "\n", "\r\n" })
    void aSecretFileMayEndWithALineBreak(String end) throws IOException {
        Files.writeString(config, APP_ID);
        Files.writeString(secret, StandIn.SECRET + end);
        run().ended(ExitCode.OK).saying("2 refreshed");
    }

    @ParameterizedTest
    @CsvSource({ "'', is missing", "'\n', is missing", "' s3cret', holds a blank", "'s3cret\n\n', a line break",
            "\uFEFFs3cret, not ASCII", "${NOWHERE}, a placeholder that nothing fills" })
    void aWrongSecretFileIsReported(String text, String says) throws IOException {
        Files.writeString(config, APP_ID);
        Files.writeString(secret, text);
        assertThat(run().ended(ExitCode.ACT).saying("wx-token: wx.app-secret ", says).inOneLine().text())
            .doesNotContain("s3cret");
    }

    @Test
    void aSecretsFolderThatIsAFileIsReported() throws IOException {
        Files.writeString(config, APP_ID);
        System.setProperty("WX_SECRETS", config.toString());
        run().ended(ExitCode.ACT).saying("WX_SECRETS (or ./secrets) is no folder").inOneLine();
    }

    // ---- The database

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            2 | ${NOWHERE} | spring.datasource.url names a placeholder that nothing fills
            2 | ${spring.datasource.url} | spring.datasource.url
            2 | jdbc:mysql://${NOWHERE}/wx | spring.datasource.url names a placeholder that nothing fills
            2 | "jdbc:mysql://db/wx" | spring.datasource.url must begin with jdbc:mysql:
            2 | mysql://u:hunter2@db/wx | spring.datasource.url must begin with jdbc:mysql:
            2 | jdbc:mysql:wx | spring.datasource.url does not fit its driver
            3 | jdbc:mysql:// | UNREACHABLE: jdbc:mysql://
            3 | jdbc:mysql://127.0.0.1:port/wx?password=hunter2 | UNREACHABLE: jdbc:mysql://127.0.0.1:port/wx
            3 | jdbc:mysql://127.0.0.1:99999/wx | UNREACHABLE: jdbc:mysql://127.0.0.1:99999/wx
            3 | jdbc:mysql://127.0.0.1:1/wx?password=hunter2 | UNREACHABLE: jdbc:mysql://127.0.0.1:1/wx:
            3 | jdbc:mysql://u:hunter2@no-host.invalid/wx | UNREACHABLE: jdbc:mysql://no-host.invalid:3306/wx:
            3 | jdbc:mysql://127.0.0.1:1/wx?sslMode=on | The connection property 'sslMode' acceptable values are
            3 | jdbc:h2:mem:;NOSUCH=1 | Unsupported connection setting
            """)
    void aWrongDatabaseUrlIsReportedInOneLine(int exitCode, String url, String says) throws IOException {
        Files.writeString(config, COMPLETE);
        CapturedRun said = run(url);
        assertThat(said.exitCode().code()).as(said.text()).isEqualTo(exitCode);
        said.ended(said.exitCode()).saying(says.replace("UNREACHABLE:", "can't reach the database at")).inOneLine();
    }

    @Test
    void aPasswordMayLookLikeAPlaceholderAndIsNeverShown() throws IOException {
        Files.writeString(config, COMPLETE);
        run("jdbc:mysql://127.0.0.1:1/wx", "--spring.datasource.password=hunter2${x}").ended(ExitCode.DATABASE)
            .inOneLine();
        run("jdbc:mysql://127.0.0.1:1/wx", "--spring.datasource.password=${NOWHERE}").ended(ExitCode.ACT)
            .saying("spring.datasource.password names a placeholder that nothing fills")
            .inOneLine();
        run("jdbc:mysql://127.0.0.1:1/wx?password=hunter2%zz", "--wx.metrics.textfile=${NOWHERE}/x.prom")
            .ended(ExitCode.ACT)
            .saying("wx.metrics.textfile = ")
            .inOneLine();
        run("jdbc:mysql://127.0.0.1:1/wx?password=hunter2%zz").ended(ExitCode.ACT)
            .saying("spring.datasource.url can't be read")
            .inOneLine();
        run("jdbc:mysql://127.0.0.1:1/wx", "--spring.datasource.hikari.schema=other").ended(ExitCode.ACT)
            .saying("spring.datasource.hikari.schema is no setting")
            .inOneLine();
        run("jdbc:mysql://127.0.0.1:1/wx", "--logging.structured.format.console=esc").ended(ExitCode.ACT)
            .saying("logging.structured.format.console must be one of")
            .inOneLine();
    }

    @Test
    void aDriverThatDoesNotFitIsReportedWithoutThePasswordInTheUrl() throws IOException {
        Files.writeString(config, COMPLETE);
        for (String driver : new String[] { "org.h2.Driver", "com.example.Driver" }) {
            run("jdbc:mysql://u:hunter2@127.0.0.1:1/wx", "--spring.datasource.driver-class-name=" + driver)
                .ended(ExitCode.ACT)
                .saying("spring.datasource.url does not fit its driver")
                .inOneLine();
        }
    }

}
