package io.wxtoken.outside;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.fixtures.Memcached;
import io.wxtoken.standin.StandIn;

/**
 * The 2015 class in PHP keeps its token in the database, in memcached or in a file, and
 * fetches one of its own when it finds none or a stale one there. As long as the job runs
 * on schedule, the class finds a live token and never fetches.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class Class2015Proof extends DatabaseFixture {

    private static final List<String> FORMS = List.of("database", "memcache", "file");

    private static final int MINUTE = 60;

    private Memcached memcached;

    private Path file;

    @BeforeEach
    void startMemcached() throws IOException {
        Assumptions.assumeTrue(
                php("-r", "exit(class_exists('Memcached') && class_exists('mysqli') ? 0 : 1);").exitCode() == 0,
                "skipped, as there is no PHP with these extensions here: apt-get install php-cli php-memcached"
                        + " php-mysql");
        memcached = Memcached.start();
        file = folder.resolve("access_token.json");
    }

    @AfterEach
    void stopMemcached() {
        if (memcached != null) {
            memcached.close();
        }
    }

    private record Printed(int exitCode, String text) {
    }

    private Printed php(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("php", "-d", "display_errors=stderr"));
        command.addAll(List.of(arguments));
        ProcessBuilder php = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
        if (memcached != null) {
            URI url = URI.create(database.url().substring("jdbc:".length()));
            Matcher user = Pattern.compile("user=(\\w+)(?:&password=([^&]*))?").matcher(url.getQuery());
            assertThat(user.find()).isTrue();
            php.environment()
                .putAll(Map.of("API", weChat.baseUrl(), "APPID", StandIn.APP_ID, "APPSECRET", StandIn.SECRET,
                        "MYSQL_HOST", url.getHost(), "MYSQL_PORT", String.valueOf(url.getPort()), "MYSQL_DATABASE",
                        url.getPath().substring(1), "MYSQL_USER", user.group(1), "MYSQL_PASSWORD",
                        user.group(2) == null ? "" : user.group(2), "MEMCACHED_PORT",
                        String.valueOf(memcached.port())));
        }
        try {
            Process process = php.start();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Printed(process.onExit().join().exitValue(), text);
        }
        catch (IOException e) {
            return new Printed(127, e.getMessage());
        }
    }

    /** The token that each form of the class comes to use. */
    private Map<String, String> tokens() throws IOException {
        return tokens(FORMS);
    }

    private Map<String, String> tokens(List<String> forms) throws IOException {
        List<String> arguments = new ArrayList<>(
                List.of(Path.of("src/proof/applications/class2015/class_weixin.php").toAbsolutePath().toString()));
        arguments.addAll(forms);
        Printed printed = php(arguments.toArray(String[]::new));
        assertThat(printed.exitCode()).as(printed.text()).isZero();
        Map<String, String> tokens = new HashMap<>();
        printed.text().lines().forEach(line -> tokens.put(line.split(" ", 2)[0], line.split(" ", 2)[1]));
        assertThat(tokens).as(printed.text()).containsOnlyKeys(forms);
        return tokens;
    }

    private void runJob(String... more) {
        List<String> arguments = arguments(more);
        arguments.addAll(List.of("--wx.mirror.file=" + file, "--wx.mirror.memcached.servers=" + memcached.server()));
        CapturedRun.of(arguments).ended(ExitCode.OK);
    }

    /** As if it had passed for the row, memcached and the file. */
    private void pass(long seconds) throws IOException {
        database.jdbc()
            .sql("UPDATE wx_token SET expire = expire - :s, expires_at = expires_at - :s, probed_at = probed_at -"
                    + " :s, retry_after = retry_after - :s" + " WHERE `value` <> ''")
            .param("s", seconds)
            .update();
        memcached.age(StandIn.APP_ID, seconds);
        Matcher time = Pattern.compile("(.*\"expires_time\": )(\\d+)}").matcher(Files.readString(file));
        assertThat(time.matches()).isTrue();
        Files.writeString(file, time.group(1) + (Long.parseLong(time.group(2)) - seconds) + "}");
    }

    private String row() {
        return database.jdbc().sql("SELECT `value` FROM wx_token WHERE id = 1").query(String.class).single();
    }

    private void assertAllUseTheRows() throws IOException {
        String token = row();
        assertThat(tokens()).allSatisfy((form, used) -> assertThat(used).as(form).isEqualTo(token));
        assertThat(weChat.alive(token)).isTrue();
    }

    @Test
    void eachFormReadsTheJobsTokenAndNeverFetchesOne() throws IOException {
        runJob();
        assertAllUseTheRows();
        int refreshes = 0;
        for (int minute = 1; minute <= 125; minute++) {
            pass(MINUTE);
            String before = row();
            // This is a minute after the last run, and just before the next.
            assertAllUseTheRows();
            runJob();
            refreshes += row().equals(before) ? 0 : 1;
            assertThat(weChat.tokenCalls()).as("minute %d", minute).isEqualTo(1 + refreshes);
        }
        assertThat(refreshes).as("one in 50 minutes").isEqualTo(2);

        memcached.restart();
        Files.delete(file);
        runJob();
        assertAllUseTheRows();
        assertThat(weChat.tokenCalls()).isEqualTo(1 + refreshes);
    }

    /**
     * Follows the README's steps for moving from memcached or from the file: at first
     * there is the class alone, then the job runs beside it.
     */
    @ParameterizedTest
    @ValueSource(strings = { "memcache", "file" })
    void anApplicationThatMovesToTheTableAlwaysHasALiveToken(String form) throws IOException {
        Files.writeString(file, "{\"access_token\": \"\", \"expires_time\": 0}");
        String own = tokens(List.of(form)).get(form);
        assertThat(weChat.issued()).containsExactly(own);
        runJob("--wx.api.endpoint=stable-token");
        assertThat(tokens(List.of(form, "database"))).containsEntry(form, row()).containsEntry("database", row());
        assertThat(weChat.millisLeft(own)).as("for who holds it still").isGreaterThan(7_000_000);
        for (int minute = 5; minute <= 65; minute += 5) {
            pass(5 * MINUTE);
            assertThat(tokens(List.of(form))).containsEntry(form, row());
            runJob();
        }
        assertThat(weChat.tokenCalls()).as("the class's, the job's first, and the one after 50 minutes").isEqualTo(3);
    }

    /**
     * Shows that the first test can fail, and that the next run repairs what the class
     * did.
     */
    @Test
    void withoutTheJobEachFormFetchesOneOfItsOwnAndTheNextRunsMakeThemAgree() throws IOException {
        runJob();
        assertAllUseTheRows();
        pass(61 * MINUTE);
        Map<String, String> own = tokens();
        assertThat(own.values()).as("three that kill each other").doesNotHaveDuplicates();
        assertThat(weChat.issued()).hasSize(1 + FORMS.size()).containsAll(own.values());
        runJob(); // finds that another program wrote the row
        assertAllUseTheRows();
        assertThat(weChat.lastIssued()).isEqualTo(row());
        assertThat(weChat.tokenCalls()).isEqualTo(1 + FORMS.size() + 1);
    }

}
