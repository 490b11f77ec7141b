package io.wxtoken.outside;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.Protocol.Command;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.fixtures.Redis;
import io.wxtoken.standin.StandIn;

/**
 * An application with WxJava, as a process, keeps its token and its ticket in Redis, and
 * fetches them when it finds none there. As long as the job runs on schedule, it finds a
 * live token and never fetches one. A ticket it asks for at most when the last one has
 * just ended, which kills nothing.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#all")
class WxJavaProof extends DatabaseFixture {

    private static final Path SOURCES = Path.of("src/proof/applications/wxjava");

    private static final int MINUTE = 60;

    private Redis redis;

    private Process application;

    private BufferedReader printed;

    @BeforeEach
    void startApplication() throws Exception {
        redis = Redis.start();
        application = new ProcessBuilder(System.getProperty("java.home") + "/bin/java", "-cp",
                libraries() + File.separator + "*", SOURCES.resolve("Application.java").toString(), weChat.baseUrl(),
                StandIn.APP_ID, StandIn.SECRET, String.valueOf(redis.port()))
            .redirectError(folder.resolve("application.txt").toFile())
            .start();
        printed = application.inputReader();
    }

    @AfterEach
    void stopApplication() {
        if (application != null) {
            application.destroyForcibly();
        }
        if (redis != null) {
            redis.close();
        }
    }

    /** WxJava and what it needs, which Maven brings when it is not there yet. */
    static synchronized Path libraries() throws Exception {
        Path libraries = Path.of("target/wxjava").toAbsolutePath();
        if (!Files.exists(libraries)) {
            Process maven;
            try {
                maven = new ProcessBuilder("mvn", "-q", "-B", "-ntp", "-f", SOURCES.resolve("pom.xml").toString(),
                        "dependency:copy-dependencies", "-DoutputDirectory=" + libraries)
                    .redirectErrorStream(true)
                    .start();
            }
            catch (IOException e) {
                return Assumptions.abort("skipped, as there is no mvn here that could bring WxJava");
            }
            String text = new String(maven.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(maven.waitFor()).as(text).isZero();
        }
        return libraries;
    }

    /** The token that the application comes to use, and its ticket. */
    private List<String> used() throws IOException {
        application.outputWriter().append('\n').flush();
        String line = printed.readLine();
        assertThat(line).as(Files.readString(folder.resolve("application.txt"))).isNotNull();
        return List.of(line.split(" "));
    }

    private void runJob() {
        run("--wx.mirror.redis.url=" + redis.url(), "--wx.mirror.redis.format=wxjava").ended(ExitCode.OK);
    }

    /** As if it had passed for the rows and for Redis. */
    private void pass(long seconds) {
        sql(("UPDATE wx_token SET expire = expire - %1$d, expires_at = expires_at - %1$d, probed_at = probed_at - %1$d,"
                + " retry_after = retry_after - %1$d")
            .formatted(seconds));
        redis.keys().forEach(key -> redis.age(key, seconds));
    }

    private void assertItUsesTheRowsTokenAndFetchesNone(int minute) throws IOException {
        int fetches = weChat.tokenCalls();
        assertThat(used()).as("minute %d", minute).containsExactly(value(), weChat.ticket("jsapi"));
        assertThat(weChat.tokenCalls()).as("minute %d", minute).isEqualTo(fetches);
        assertThat(weChat.alive(value())).isTrue();
    }

    @Test
    void itUsesTheJobsTokenAndTicketAndNeverFetchesOne() throws Exception {
        runJob();
        int refreshes = 0;
        for (int minute = 0; minute <= 125; minute += 5) {
            // This is five minutes after the last run, and just before the next.
            if (minute == 120) {
                weChat.kill(weChat.ticket("jsapi"));
            }
            int tickets = weChat.ticketCalls();
            assertItUsesTheRowsTokenAndFetchesNone(minute);
            // WeChat repeats a ticket until it ends, so then nobody can have the next one
            assertThat(weChat.ticketCalls() - tickets).as("minute %d", minute).isEqualTo(minute == 120 ? 1 : 0);
            String before = value();
            runJob();
            refreshes += value().equals(before) ? 0 : 1;
            pass(5 * MINUTE);
        }
        assertThat(refreshes).as("one in 50 minutes").isEqualTo(2);
        // as after a restart of Redis, which WxJava's pool of connections does not
        // survive
        redis.tell(Command.FLUSHALL);
        runJob();
        assertItUsesTheRowsTokenAndFetchesNone(130);
    }

    /**
     * Shows that the first test can fail; and moving to the job goes as the README says:
     * the first run leaves the application's own token alive.
     */
    @Test
    void withoutTheJobItFetchesItsOwnWhichLivesOnWhenTheJobBegins() throws Exception {
        String own = used().get(0);
        assertThat(weChat.issued()).containsExactly(own);
        run("--wx.mirror.redis.url=" + redis.url(), "--wx.mirror.redis.format=wxjava", "--wx.api.endpoint=stable-token")
            .ended(ExitCode.OK);
        assertThat(used().get(0)).isEqualTo(value()).isNotEqualTo(own);
        assertThat(weChat.millisLeft(own)).as("for who holds it still").isGreaterThan(7_000_000);
        pass(60 * MINUTE);
        runJob();
        assertThat(used().get(0)).isEqualTo(value());
        assertThat(weChat.tokenCalls()).as("its own, the job's first, and the one after 50 minutes").isEqualTo(3);
    }

}
