package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.Program;
import io.wxtoken.testing.TestDatabase;

/** The archive, unpacked somewhere, and its launcher, as an operator uses them. */
@DisabledOnOs(OS.WINDOWS)
@Execution(ExecutionMode.CONCURRENT)
class LauncherIT {

    @TempDir
    Path folder;

    private Path home;

    private StandIn weChat;

    @BeforeEach
    void start() {
        home = Program.installed().getParent(); // with its archive
        weChat = StandIn.start();
    }

    private void unpackAnew() throws IOException {
        Path place = Files.createDirectory(folder.resolve("a place with blanks"));
        Program.unpack(place);
        home = place.resolve("wx-token");
    }

    @AfterEach
    void stop() {
        weChat.close();
    }

    private ProcessBuilder launcher(String... arguments) {
        ProcessBuilder launcher = Program.launcher(home.resolve("wx-token.jar"), arguments)
            .redirectErrorStream(true)
            .directory(folder.toFile());
        launcher.environment().put("WX_APPID", StandIn.APP_ID);
        launcher.environment().put("WX_APPSECRET", StandIn.SECRET);
        launcher.environment().put("WX_API_BASEURL", weChat.baseUrl());
        launcher.environment().put("SPRING_DATASOURCE_URL", "jdbc:h2:file:./data/wx-token");
        return launcher;
    }

    private static String ends(ProcessBuilder launcher, int exitCode) throws IOException {
        Process process = launcher.start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.onExit().join().exitValue()).as(text).isEqualTo(exitCode);
        return text;
    }

    private List<Path> archives() throws IOException {
        try (Stream<Path> files = Files.list(home.resolve("cache"))) {
            return files.toList();
        }
    }

    @Test
    void itRunsFromAnywhereAndMakesItsArchiveOnce() throws IOException {
        unpackAnew();
        assertThat(ends(launcher("--version"), 0)).startsWith("wx-token 0.1.0");
        assertThat(archives()).hasSize(1);
        long made = Files.getLastModifiedTime(archives().get(0)).toMillis();
        assertThat(Files.size(archives().get(0))).isGreaterThan(10_000_000);
        assertThat(ends(launcher(), 0)).contains("2 rows: 2 refreshed; exit code 0");
        assertThat(home.resolve("data/wx-token.mv.db")).as("beside the program, wherever it was started").exists();
        assertThat(ends(launcher(), 0)).isEmpty();
        Path link = Files.createSymbolicLink(folder.resolve("link"), home.resolve("wx-token"));
        ProcessBuilder linked = launcher();
        linked.command(link.toString(), "status");
        assertThat(ends(linked, 0)).contains("access_token", "fresh");
        assertThat(Files.getLastModifiedTime(archives().get(0)).toMillis()).isEqualTo(made);
        assertThat(archives()).hasSize(1);
    }

    @Test
    void aNewProgramGetsANewArchiveAndAFolderThatCanNotBeWrittenNone() throws IOException {
        unpackAnew();
        ends(launcher("archive"), 0);
        Path archive = archives().get(0);
        Files.setLastModifiedTime(archive, FileTime.fromMillis(1));
        ends(launcher("--version"), 0);
        assertThat(Files.getLastModifiedTime(archive))
            .isEqualTo(Files.getLastModifiedTime(home.resolve("wx-token.jar")));
        // another version, built long ago
        Files.setLastModifiedTime(home.resolve("wx-token.jar"), FileTime.fromMillis(1_000_000_000_000L));
        ends(launcher("--version"), 0);
        assertThat(Files.getLastModifiedTime(archive).toMillis()).isEqualTo(1_000_000_000_000L);
        ProcessBuilder elsewhere = launcher("--version");
        elsewhere.environment().put("WX_CACHE", folder.resolve("ca che").toString());
        for (int start = 0; start < 2; start++) {
            assertThat(ends(elsewhere, 0)).startsWith("wx-token 0.1.0");
        }
        ProcessBuilder nowhere = launcher("--version");
        nowhere.environment().put("WX_CACHE", "/proc/no-such-folder");
        assertThat(ends(nowhere, 0)).startsWith("wx-token 0.1.0");
    }

    /**
     * The training, which finds out what the archive holds, must come to all that runs on
     * MySQL need.
     */
    @Test
    void nearlyAllThatARunLoadsComesFromTheArchive() throws IOException {
        // Not in a path with blanks: there the JVM, 17 at least, archives nothing that a
        // jar's manifest names.
        TestDatabase database = TestDatabase.servers().findFirst().orElseThrow();
        for (String kind : List.of("migrating", "nothing due", "refresh")) {
            if (kind.equals("refresh")) {
                database.jdbc().sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0").update();
            }
            Path loaded = folder.resolve("classes.txt");
            Files.deleteIfExists(loaded);
            ProcessBuilder launcher = launcher();
            launcher.environment().put("SPRING_DATASOURCE_URL", database.url());
            launcher.environment()
                .put("JAVA_OPTS", "-Xlog:class+load:file=" + folder.toRealPath().resolve("classes.txt"));
            ends(launcher, 0);
            List<String> ours = Files.readAllLines(loaded)
                .stream()
                .filter(line -> line.contains(" source: ") && !line.contains("Lambda") && !line.contains("$Proxy"))
                .toList();
            long fromJars = ours.stream()
                .filter(line -> line.contains("source: file:") || line.contains("source: jar:"))
                .count();
            assertThat(ours).as(kind).hasSizeGreaterThan(2000);
            // From 24 on each run would pay, by 3 %, for what the one that migrates
            // needs: the launcher leaves it out there.
            int part = kind.equals("migrating") && Runtime.version().feature() >= 24 ? 6 : 20;
            // Not printed: another test may listen to what the program says meanwhile
            // (Said).
            assertThat(fromJars)
                .as("%s: classes that are not from the archive: io.wxtoken.Training does not come to them", kind)
                .isLessThan(ours.size() / part);
        }
        database.close();
    }

    /**
     * Whatever is set, wherever: with it a run, afterwards, does all that the training
     * must not do.
     */
    @Test
    void makingTheArchiveTouchesNothingOfTheOperators() throws IOException {
        unpackAnew();
        TestDatabase database = TestDatabase.servers().findFirst().orElseThrow();
        Path written = Files.createDirectory(folder.resolve("written"));
        Files.writeString(home.resolve("config/application.yml"), "wx.mirror.file: " + written.resolve("token.json")
                + "\nspring.datasource.url: " + database.url() + "\n");
        Files.createDirectory(home.resolve("secrets"));
        Files.writeString(home.resolve("secrets/wx.metrics.textfile"), written.resolve("wx.prom").toString());
        Map<String, String> set = Map.of("SPRING_DATASOURCE_URL", database.url(), "WX_METRICS_TEXTFILE",
                written.resolve("wx.prom").toString(), "SPRING_APPLICATION_JSON",
                "{\"spring.datasource.url\": \"" + database.url() + "\"}", "LOGGING_FILE_NAME",
                written.resolve("log").toString(), "JAVA_OPTS",
                "-Dspring.datasource.url=" + database.url() + " -Dwx.api.base-url=" + weChat.baseUrl(),
                "JDK_JAVA_OPTIONS", "-Dlogging.file.name=" + written.resolve("log"), "WX_MIRROR_FILE",
                written.resolve("token.json").toString());
        List<Path> before = files();
        ProcessBuilder archive = launcher("archive");
        archive.environment().putAll(set);
        assertThat(ends(archive, 0)).isEmpty();
        assertThat(files()).hasSize(before.size() + 1).containsAll(before).containsAll(archives());
        assertThat(weChat.requests()).isZero();
        assertThat(database.jdbc().sql("SHOW TABLES").query().listOfRows()).isEmpty();
        ProcessBuilder run = launcher();
        run.environment().putAll(set);
        ends(run, 0);
        assertThat(weChat.requests()).isPositive();
        assertThat(database.jdbc().sql("SHOW TABLES").query().listOfRows()).hasSize(3);
        assertThat(written).isDirectoryContaining("glob:**token.json")
            .isDirectoryContaining("glob:**wx.prom")
            .isDirectoryContaining("glob:**log");
        database.close();
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }

    @Test
    void sigtermReachesTheProgramWhichFinishesWhatIsUnderWay() throws Exception {
        weChat.next(new Fault.Delay(Duration.ofSeconds(2)));
        ProcessBuilder launcher = launcher();
        launcher.environment().put("SPRING_DATASOURCE_URL", TestDatabase.servers().findFirst().orElseThrow().url());
        Process process = launcher.start();
        while (weChat.requests() == 0 && process.isAlive()) {
            Thread.sleep(20);
        }
        process.toHandle().destroy(); // process.destroy() would close its output, too
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(text).isEqualTo(143);
        assertThat(text).contains("refreshed");
    }

    @Test
    void withoutAJvmItSaysWhatToDo() throws IOException {
        ProcessBuilder launcher = launcher();
        launcher.environment().put("JAVA_HOME", "/no/such/jvm");
        assertThat(ends(launcher, 2)).isEqualTo(
                "wx-token: there is no /no/such/jvm/bin/java: install a JRE, 17 or later, or correct JAVA_HOME or"
                        + " the PATH\n");
    }

}
