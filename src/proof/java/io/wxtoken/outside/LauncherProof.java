package io.wxtoken.outside;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
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

import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.Program;
import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/** The archive, unpacked somewhere, and its launcher, as an operator uses them. */
@DisabledOnOs(OS.WINDOWS)
class LauncherProof {

    private static final String VERSION = Program.RELEASE.replace("wx-token-", "wx-token ") + ", Java ";

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
        home = Program.unpack(place);
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
        assertThat(ends(launcher("--version"), 0)).startsWith(VERSION);
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
            assertThat(ends(elsewhere, 0)).startsWith(VERSION);
        }
        ProcessBuilder nowhere = launcher("--version");
        nowhere.environment().put("WX_CACHE", "/proc/no-such-folder");
        assertThat(ends(nowhere, 0)).startsWith(VERSION);
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
            // (CapturedRun).
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
        assertThat(database.jdbc().sql("SHOW TABLES").query().listOfRows()).hasSize(5);
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

    /**
     * The archive is used if it fits the flags; if it does not, the run says nothing of
     * it.
     */
    @Test
    void theOperatorsFlagsWinOverTheLaunchers() throws IOException {
        for (String flag : List.of("-XX:+UseG1GC", "-XX:+UseParallelGC", "-XX:+UseSerialGC")) {
            String collector = flag.replaceAll("-XX:.Use|GC", "");
            assertThat(ends(withFlags(flag + " -Xlog:gc:stdout:none"), 0)).startsWith("Using " + collector + "\n");
        }
        for (String flags : List.of("-XX:+UseZGC", "-XX:-UseCompressedOops", "-Xms200m -Xmx300m", "-Xms256m",
                "-XX:+UseG1GC -Xmn8m", "-Xmn200m", "-Xint", "-Xshare:off", "-XX:-TieredCompilation",
                "-XX:SharedArchiveFile=no-such.jsa", "--add-opens java.base/java.lang=ALL-UNNAMED")) {
            assertThat(ends(withFlags(flags), 0).lines()).as(flags).hasSize(1);
        }
        String flags = ends(withFlags("-XX:MaxRAMPercentage=30 -XX:+PrintFlagsFinal"), 0);
        assertThat(flags).containsPattern("MaxRAMPercentage += 30");
        assertThat(flags).as("the heap is the operator's").doesNotContainPattern("MaxHeapSize += 134217728 ");
    }

    private ProcessBuilder withFlags(String javaOpts) {
        ProcessBuilder launcher = launcher("--version");
        launcher.environment().put("JAVA_OPTS", javaOpts);
        return launcher;
    }

    @Test
    void anArchiveIsMadeWhateverTheOperatorsFlags() throws IOException {
        for (String flags : List.of("-XX:+UseZGC -Xms256m", "-agentlib:jdwp=transport=dt_socket,server=y,address=0")) {
            Path cache = Files.createTempDirectory(folder, "cache");
            ProcessBuilder archive = launcher("archive");
            archive.environment().put("WX_CACHE", cache.toString());
            archive.environment().put("JAVA_OPTS", flags);
            // as the user who makes it may not be the one who uses it
            archive.command(List.of("sh", "-c", "umask 077; exec " + archive.command().get(0) + " archive"));
            assertThat(ends(archive, 0)).isEmpty();
            try (Stream<Path> made = Files.list(cache)) {
                assertThat(made).singleElement().satisfies(file -> {
                    assertThat(Files.size(file)).isGreaterThan(10_000_000);
                    assertThat(Files.getPosixFilePermissions(file)).contains(PosixFilePermission.OTHERS_READ);
                });
            }
            ProcessBuilder run = launcher("--version");
            run.environment().put("WX_CACHE", cache.toString());
            assertThat(ends(run, 0).lines()).hasSize(1);
        }
    }

    @Test
    void theJvmsOwnVariablesCountAndAreNotReported() throws IOException {
        for (String variable : List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")) {
            Path log = folder.resolve("log of " + variable);
            ProcessBuilder launcher = launcher("--force");
            launcher.environment().put("SPRING_DATASOURCE_URL", TestDatabase.servers().findFirst().orElseThrow().url());
            launcher.environment().put("LOGGING_LEVEL_IO_WXTOKEN", "warn");
            launcher.environment().put(variable, "-XX:+UseG1GC -Dlogging.file.name='" + log + "'");
            assertThat(ends(launcher, 0)).as(variable).isEmpty();
            assertThat(log).exists();
        }
        ProcessBuilder unclosed = withFlags("-Da='b");
        assertThat(ends(unclosed, 2)).startsWith("wx-token: a quote is not closed in JAVA_OPTS").hasLineCount(1);
    }

    @Test
    void archiveHasHelpAndTakesNothingElse() throws IOException {
        unpackAnew();
        assertThat(ends(launcher("archive", "--help"), 0)).startsWith("Usage: wx-token archive");
        assertThat(ends(launcher("archive", "now"), 2)).isEqualTo("wx-token: unknown command 'now': see --help\n");
        assertThat(ends(launcher("archive", "--force"), 2))
            .isEqualTo("wx-token: unknown argument '--force': see --help; a setting is written --name.of.it=value\n");
        assertThat(ends(launcher("archive", "--wx.app-id=wx1"), 2))
            .isEqualTo("wx-token: archive is run by the launcher, and stands alone in the command line: see --help\n");
        assertThat(home.resolve("cache")).doesNotExist();
        home = Program.installed().getParent();
        assertThat(ends(launcher("--help"), 0)).containsPattern("\n  archive +Makes the launcher's archive");
    }

    /** A JVM of that version, as far as the launcher looks at it. */
    private String jvm(String version, boolean withReleaseFile) throws IOException {
        Path jvm = Files.createTempDirectory(folder, "jvm");
        Path java = Files.createDirectory(jvm.resolve("bin")).resolve("java");
        Files.writeString(java, """
                #!/bin/sh
                case $1 in
                    -version) echo 'openjdk version "%s"' >&2 ;;
                    *) echo 'java.lang.UnsupportedClassVersionError' >&2; exit 1 ;;
                esac
                """.formatted(version));
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
        if (withReleaseFile) {
            Files.writeString(jvm.resolve("release"), "JAVA_VERSION=\"" + version + "\"\nOS_NAME=\"Linux\"\n");
        }
        return jvm.toString();
    }

    @Test
    void anOldJvmIsNamedWithItsVersion() throws IOException {
        Map<String, String> versions = Map.of("1.8.0_402", "8", "11.0.22", "11", "16-ea", "16");
        for (String version : versions.keySet()) {
            for (boolean withReleaseFile : new boolean[] { true, false }) {
                Path jvm = Path.of(jvm(version, withReleaseFile));
                for (String[] arguments : new String[][] { {}, { "archive" } }) {
                    ProcessBuilder launcher = launcher(arguments);
                    launcher.environment().put("JAVA_HOME", jvm.toString());
                    assertThat(ends(launcher, 2))
                        .isEqualTo("wx-token: " + jvm.toRealPath() + "/bin/java is Java " + versions.get(version)
                                + ": install a JRE, 17 or later, or correct JAVA_HOME or the PATH\n");
                }
            }
        }
        ProcessBuilder broken = launcher();
        broken.environment().put("JAVA_HOME", jvm("none", false));
        assertThat(ends(broken, 2)).contains("/bin/java is no Java that starts: install").hasLineCount(1);
    }

    /** cron, for one, sets no locale. */
    @Test
    void itWorksInAnyFolderWhateverTheLocale() throws IOException {
        Path place = Files.createDirectories(folder.resolve("-微信 令牌"));
        home = Program.unpack(place);
        Path secrets = Files.createDirectory(folder.resolve("密钥"));
        Files.writeString(secrets.resolve("wx.app-secret"), StandIn.SECRET);
        for (String locale : List.of("", "C", "no_SUCH.UTF-8")) {
            ProcessBuilder launcher = launcher("--force");
            launcher.environment().keySet().removeIf(name -> name.equals("LANG") || name.startsWith("LC_"));
            launcher.environment().remove("WX_APPSECRET");
            launcher.environment()
                .putAll(Map.of("LC_ALL", locale, "WX_SECRETS", secrets.toString(), "WX_CACHE",
                        folder.resolve("缓存").toString(), "WX_MIRROR_FILE", folder.resolve("令牌.json").toString(),
                        "WX_METRICS_TEXTFILE", folder.resolve("指标.prom").toString()));
            assertThat(ends(launcher, 0)).as(locale).contains("access_token refreshed", "exit code 0");
            Files.delete(folder.resolve("令牌.json"));
            Files.delete(folder.resolve("指标.prom"));
        }
        try (Stream<Path> made = Files.list(folder.resolve("缓存"))) {
            assertThat(made).singleElement().satisfies(file -> assertThat(Files.size(file)).isGreaterThan(10_000_000));
        }
        ProcessBuilder dash = launcher();
        dash.command("-微信 令牌/" + Program.RELEASE + "/wx-token", "--version");
        assertThat(ends(dash, 0)).startsWith(VERSION);
    }

    /** As it is while a new version is being unpacked, or when that was cut off. */
    @Test
    void aHalfUnpackedProgramIsOneLine() throws IOException {
        unpackAnew();
        for (String library : List.of("spring-core", "spring-jdbc", "slf4j-api", "HikariCP", "picocli")) {
            Path file;
            try (Stream<Path> files = Files.list(home.resolve("lib"))) {
                file = files.filter(each -> each.getFileName().toString().startsWith(library))
                    .findFirst()
                    .orElseThrow();
            }
            Path away = Files.move(file, folder.resolve("away"));
            ProcessBuilder launcher = library.equals("picocli") ? launcher("status") : launcher();
            launcher.environment().put("WX_CACHE", "/proc/no-such-folder");
            assertThat(ends(launcher, 2)).as(library)
                .startsWith("wx-token: the program's files are incomplete or of two versions")
                .hasLineCount(1);
            Files.move(away, file);
        }
        Files.delete(home.resolve("wx-token.jar"));
        assertThat(ends(launcher(), 2)).isEqualTo(
                "wx-token: there is no wx-token.jar in %s: install wx-token again\n".formatted(home.toRealPath()));
    }

    /** In cron each line is a mail. */
    @Test
    void withTheVariablesOfConfigCronARunSaysOnlyWhatNeedsAttention() throws IOException {
        ProcessBuilder launcher = launcher();
        Files.readAllLines(home.resolve("config/cron"))
            .stream()
            .filter(line -> line.matches("LOGGING_.*=.*"))
            .map(line -> line.split("=", 2))
            .forEach(variable -> launcher.environment().put(variable[0], variable[1]));
        TestDatabase database = TestDatabase.servers().findFirst().orElseThrow();
        launcher.environment().put("SPRING_DATASOURCE_URL", database.url());
        assertThat(ends(launcher, 0)).as("the first run").isEmpty();
        assertThat(weChat.tokenCalls()).isOne();
        assertThat(ends(launcher, 0)).as("nothing due").isEmpty();
        database.jdbc().sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0").update();
        assertThat(ends(launcher, 0)).as("a refresh").isEmpty();
        assertThat(weChat.tokenCalls()).isEqualTo(2);
        database.jdbc().sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0").update();
        weChat.next(new Fault.Refuse(40164, "invalid ip"));
        assertThat(ends(launcher, 2)).contains("ERROR " + StandIn.APP_ID + " access_token failed", "WARN  2 rows: ",
                "; exit code 2");
        database.close();
    }

}
