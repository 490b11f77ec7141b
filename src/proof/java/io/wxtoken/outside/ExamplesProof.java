package io.wxtoken.outside;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

import com.mysql.cj.jdbc.Driver;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.Program;
import io.wxtoken.fixtures.UsersOfConfigFixture;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.token.Fingerprint;

/**
 * Each example, as a process and as the user {@code wx_reader}, calls WeChat with the
 * row's token through a refresh and through a token's death, and never fetches one. The
 * adapters for libraries are called by applications in
 * {@code src/proof/applications/examples}.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class ExamplesProof extends UsersOfConfigFixture {

    private static final Path EXAMPLES = Path.of("examples").toAbsolutePath();

    private static final Path APPLICATIONS = Path.of("src/proof/applications/examples").toAbsolutePath();

    private static final Path BUILT = Path.of("target/examples").toAbsolutePath();

    private static final String JAVA_HOME = System.getProperty("java.home");

    private static final String DRIVER = Driver.class.getProtectionDomain().getCodeSource().getLocation().getPath();

    /** Debian's, which has Debian's packages, though another may come first. */
    private static final String PYTHON3 = Files.exists(Path.of("/usr/bin/python3")) ? "/usr/bin/python3" : "python3";

    private Example example;

    private List<String> command;

    /** How an example is built, if it must be, and started. */
    enum Example {

        JAVA(null) {

            @Override
            List<String> command() throws Exception {
                return java("Reader", DRIVER, EXAMPLES.resolve("java/Reader.java"));
            }

        },

        WXJAVA(null) {

            @Override
            List<String> command() throws Exception {
                return java("Application", WxJavaProof.libraries() + "/*" + File.pathSeparator + DRIVER,
                        EXAMPLES.resolve("wxjava/TableConfigStorage.java"),
                        APPLICATIONS.resolve("wxjava/Application.java"));
            }

        },

        PHP("apt-get install php-cli php-mysql php-curl", "php", "-r",
                "exit(in_array('mysql', PDO::getAvailableDrivers()) && function_exists('curl_init') ? 0 : 1);") {

            @Override
            List<String> command() {
                return php(EXAMPLES.resolve("php/reader.php"));
            }

        },

        EASYWECHAT(PHP.missing, PHP.check) {

            @Override
            List<String> command() {
                return php(APPLICATIONS.resolve("easywechat/application.php"));
            }

        },

        PYTHON("apt-get install python3-pymysql", PYTHON3, "-c", "import pymysql") {

            @Override
            List<String> command() {
                return List.of(PYTHON3, EXAMPLES.resolve("python/reader.py").toString());
            }

        },

        NODE("npm install --prefix target/examples/node mysql2", "node", "-e",
                "require('./target/examples/node/node_modules/mysql2')") {

            @Override
            List<String> command() throws Exception {
                return List.of("node", copy(EXAMPLES.resolve("node/reader.mjs"), "node/reader.mjs").toString());
            }

        },

        GO("apt-get install golang-go golang-github-go-sql-driver-mysql-dev", "env", "GO111MODULE=off",
                "GOPATH=/usr/share/gocode", "go", "list", "github.com/go-sql-driver/mysql") {

            @Override
            List<String> command() throws Exception {
                return go(EXAMPLES.resolve("go/reader.go").toString(), "go-reader");
            }

        },

        SILENCEPER(GO.missing, GO.check) {

            @Override
            List<String> command() throws Exception {
                String library = "silenceper/src/github.com/silenceper/wechat/v2/";
                copy(APPLICATIONS.resolve("silenceper/credential/access_token.go"), library + "credential/a.go");
                copy(APPLICATIONS.resolve("silenceper/util/error.go"), library + "util/error.go");
                copy(EXAMPLES.resolve("silenceper/tabletoken.go"), "silenceper/src/tabletoken/tabletoken.go");
                return go(APPLICATIONS.resolve("silenceper/use/main.go").toString(), "go-silenceper");
            }

        },

        SHELL("apt-get install default-mysql-client curl", "sh", "-c", "mysql --version && curl --version") {

            @Override
            List<String> command() {
                return List.of(EXAMPLES.resolve("shell/reader").toString());
            }

        };

        private final String missing;

        private final String[] check;

        Example(String missing, String... check) {
            this.missing = missing;
            this.check = check;
        }

        abstract List<String> command() throws Exception;

        private static List<String> java(String main, String libraries, Path... sources) throws Exception {
            String classPath = BUILT.resolve(main) + File.pathSeparator + libraries;
            List<String> compiler = new ArrayList<>(
                    List.of(JAVA_HOME + "/bin/javac", "-cp", libraries, "-d", BUILT.resolve(main).toString()));
            Stream.of(sources).map(Path::toString).forEach(compiler::add);
            build(compiler.toArray(String[]::new));
            return List.of(JAVA_HOME + "/bin/java", "-XX:TieredStopAtLevel=1", "-cp", classPath, main);
        }

        private static List<String> php(Path script) {
            return List.of("php", "-d", "display_errors=stderr", script.toString());
        }

        private static List<String> go(String source, String binary) throws Exception {
            build("env", "GO111MODULE=off", "GOPATH=" + BUILT.resolve("silenceper") + ":/usr/share/gocode", "go",
                    "build", "-o", BUILT.resolve(binary).toString(), source);
            return List.of(BUILT.resolve(binary).toString());
        }

        private static Path copy(Path file, String target) throws IOException {
            Files.createDirectories(BUILT.resolve(target).getParent());
            return Files.copy(file, BUILT.resolve(target), StandardCopyOption.REPLACE_EXISTING);
        }

        private static void build(String... command) throws Exception {
            Files.createDirectories(BUILT);
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            String text = new String(process.getInputStream().readAllBytes());
            assertThat(process.waitFor()).as(text).isZero();
        }

        boolean canRun() throws InterruptedException {
            try {
                return check.length == 0 || new ProcessBuilder(check).redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor() == 0;
            }
            catch (IOException e) {
                return false;
            }
        }

    }

    private Program.Started start() throws Exception {
        Path output = Files.createTempFile(folder, "output", ".txt");
        ProcessBuilder process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        // PHP and MySQL's client take localhost for the server's socket
        String host = Set.of(Example.PHP, Example.EASYWECHAT, Example.SHELL).contains(example) ? "127.1" : "localhost";
        Path authority = example == Example.JAVA || example == Example.WXJAVA ? database.trusted()
                : database.trusted().resolveSibling("authority-cert.pem");
        process.environment()
            .putAll(Map.of("MYSQL_HOST", host, "MYSQL_PORT", database.url().replaceAll(".*:(\\d+)/.*", "$1"),
                    "MYSQL_USER", ofThisTest("wx_reader"), "MYSQL_PASSWORD", "change-me-3", "MYSQL_DATABASE", schema,
                    "MYSQL_SSL_CA", authority.toString(), "WX_APPID", StandIn.APP_ID, "WX_API", weChat.baseUrl()));
        return new Program.Started(process.start(), output);
    }

    private void assertItUsesTheRowsToken(Program.Started started) {
        Program.Ended ended = started.end();
        assertThat(ended.exitCode()).as(ended.text()).isZero();
        assertThat(ended.text()).contains("token " + Fingerprint.shortOf(value()) + " ", "101.226.62.77");
        assertThat(weChat.alive(value())).isTrue();
        assertItPrintsNoToken(ended);
    }

    private void assertItPrintsNoToken(Program.Ended ended) {
        weChat.issued().forEach(token -> assertThat(ended.text()).doesNotContain(token));
    }

    private int requested() {
        return ((Number) row(1).get("refresh_requested")).intValue();
    }

    @ParameterizedTest
    @EnumSource
    void itFollowsTheRowAndRequestsARefreshWhenTheTokenIsDead(Example example) throws Exception {
        Assumptions.assumeTrue(example.canRun(), () -> "skipped, as something is missing here: " + example.missing);
        Assumptions.assumeTrue(server.restartable(),
                "skipped, as this MySQL can't be given a certificate for localhost");
        this.example = example;
        command = example.command();
        run().ended(ExitCode.OK);
        asAdministrator("grants.sql");
        assertItUsesTheRowsToken(start());
        run("--force").ended(ExitCode.OK);
        assertItTriesATokenThatCameAfterTheRefusedOne();

        weChat.kill(value());
        Program.Started refused = start();
        if (example == Example.SHELL) { // it waits for the next run
            refused.until(() -> requested() == 1);
        }
        else {
            Program.Ended ended = refused.end();
            assertThat(ended.exitCode()).as(ended.text()).isNotZero();
            assertThat(ended.text()).contains("42001");
            assertItPrintsNoToken(ended);
        }
        assertThat(requested()).isEqualTo(1);
        assertThat(weChat.tokenCalls()).as("the job's, and none of the example's").isEqualTo(2);

        execute("UPDATE wx_token SET retry_after = 0");
        run().ended(ExitCode.OK).saying("(a refresh was requested)");
        assertItUsesTheRowsToken(example == Example.SHELL ? refused : start());
        assertThat(requested()).isZero();
        assertThat(weChat.tokenCalls()).isEqualTo(3);
        assertThat(weChat.ticketCalls()).as("the job's").isEqualTo(1);
    }

    private void assertItTriesATokenThatCameAfterTheRefusedOne() throws Exception {
        int calls = weChat.probes();
        String token = value();
        sql("UPDATE wx_token SET value = 'never-issued' WHERE id = 1");
        weChat.next(new Fault.IssueLate(Duration.ofSeconds(1)));
        Program.Started calling = start();
        calling.until(() -> weChat.probes() > calls);
        sql("UPDATE wx_token SET value = '" + token + "' WHERE id = 1");
        assertItUsesTheRowsToken(calling);
        assertThat(weChat.probes() - calls).as("the refused call, and the repeated one").isEqualTo(2);
        assertThat(requested()).isZero();
    }

}
