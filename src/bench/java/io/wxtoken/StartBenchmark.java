package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.wxtoken.standin.StandIn;
import io.wxtoken.fixtures.Memcached;
import io.wxtoken.fixtures.Program;
import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.token.Fingerprint;

/**
 * What a run costs, against the least that a JVM can do with the table ({@link Floor}),
 * in one go, turn and turn about, each with its class-data archive and the launcher's
 * flags: {@code mvn verify -Pbenchmark -Dit.test=StartBenchmark}, on MySQL if
 * {@code WX_TEST_MYSQL_URL} names one, and with the distribution's memcached, with the
 * JVMs of {@code -Dbench.java} (their homes, with commas; else the tests' own). It prints
 * medians of 10 and asserts no times. On a Unix with /proc.
 */
class StartBenchmark {

    private static final int RUNS = 10;

    @TempDir
    Path folder;

    private TestDatabase database;

    private StandIn weChat;

    private Path jar;

    private static final String PLATFORM = "wxplatform";

    private List<String> flags;

    private Memcached memcached;

    @BeforeEach
    void start() throws IOException {
        List<TestDatabase> servers = TestDatabase.servers().toList();
        database = servers.get(servers.size() - 1).migrated();
        weChat = StandIn.start();
        jar = Program.unpack(folder).resolve("wx-token.jar");
        flags = Program.launcherFlags(jar);
        memcached = Memcached.start();
    }

    @AfterEach
    void stop() {
        if (memcached != null) {
            memcached.close();
        }
        weChat.close();
        database.close();
    }

    private record Cost(double wall, double cpu, double mebibytes) {
    }

    @Test
    void aRunAgainstTheFloor() throws Exception {
        for (String home : System.getProperty("bench.java", System.getProperty("java.home")).split(",")) {
            List<String> launcher = List.of(jar.resolveSibling("wx-token").toString());
            List<String> floor = floor(home);
            run(home, List.of(launcher.get(0), "archive"));
            due();
            run(home, launcher);
            Map<String, List<Cost>> costs = new LinkedHashMap<>();
            for (int i = 0; i < RUNS; i++) {
                costs.computeIfAbsent("floor", name -> new ArrayList<>()).add(run(home, floor));
                costs.computeIfAbsent("nothing due", name -> new ArrayList<>()).add(run(home, launcher));
                costs.computeIfAbsent("and a file", name -> new ArrayList<>()).add(run(home, launcher, toFile()));
                costs.computeIfAbsent("and memcached", name -> new ArrayList<>())
                    .add(run(home, launcher, toMemcached()));
                due();
                int fetched = weChat.tokenCalls();
                costs.computeIfAbsent("one refresh", name -> new ArrayList<>()).add(run(home, launcher));
                assertThat(weChat.tokenCalls()).isEqualTo(fetched + 1);
            }
            print(home, "the floor", costs);
        }
    }

    /**
     * What a run costs in which nothing is due, with more and more accounts in the file,
     * with rows of accounts that are not in it, and with accounts that authorized a
     * platform.
     */
    @Test
    void manyAccountsAgainstOne() throws Exception {
        for (String home : System.getProperty("bench.java", System.getProperty("java.home")).split(",")) {
            List<String> launcher = List.of(jar.resolveSibling("wx-token").toString());
            Map<String, TestDatabase> databases = new LinkedHashMap<>();
            for (int accounts : new int[] { 1, 100, 1_000, 10_000 }) {
                databases.put(String.valueOf(accounts), filled(accounts, 0));
            }
            databases.put("1 of 100001", filled(1, 100_000));
            databases.put("1 and 20000 authorizers", withAuthorizers(filled(1 + 20_000, 0), 20_000));
            Map<String, List<Cost>> costs = new LinkedHashMap<>();
            for (int i = 0; i <= RUNS; i++) {
                for (Map.Entry<String, TestDatabase> each : databases.entrySet()) {
                    writeAccounts(Integer.parseInt(each.getKey().split(" ")[0]), each.getKey().contains("authorizers"));
                    Cost cost = run(home, launcher, Map.of("SPRING_DATASOURCE_URL", each.getValue().url(),
                            "WX_PROBE_INTERVAL", "0", "WX_APPID", "", "WX_APPSECRET", ""));
                    if (i > 0) { // the first run may make the archive
                        costs.computeIfAbsent(each.getKey(), name -> new ArrayList<>()).add(cost);
                    }
                }
            }
            Files.delete(jar.resolveSibling("config/application.yml"));
            print(home + ", nothing due", "one account", costs);
            databases.values().forEach(TestDatabase::close);
        }
    }

    private void writeAccounts(int accounts, boolean platform) throws IOException {
        StringBuilder yaml = new StringBuilder("wx:\n");
        if (platform) {
            yaml.append("  component: { app-id: ").append(PLATFORM).append(", app-secret: secret }\n");
        }
        yaml.append("  accounts:\n");
        for (int i = 0; i < accounts; i++) {
            yaml.append("    - app-id: ").append(appId(i)).append("\n      app-secret: ");
            yaml.append(Fingerprint.of(appId(i)), 0, 32).append("\n");
        }
        Files.writeString(jar.resolveSibling("config/application.yml"), yaml);
    }

    /** The last accounts of this database are the platform's. */
    private static TestDatabase withAuthorizers(TestDatabase filled, int authorizers) {
        filled.jdbc()
            .sql("INSERT INTO wx_authorizer SELECT app_id, ?, 'refreshtoken@@@', UNIX_TIMESTAMP() - 9999 FROM wx_token"
                    + " WHERE type = 'access_token' ORDER BY id DESC LIMIT " + authorizers)
            .param(PLATFORM)
            .update();
        filled.jdbc()
            .sql("INSERT INTO wx_token (id, app_id, type, expire, `value`, expires_at, fingerprint) SELECT 1000000, ?,"
                    + " 'component_token', expire, `value`, expires_at, fingerprint FROM wx_token WHERE id = 10")
            .param(PLATFORM)
            .update();
        return filled;
    }

    private static String appId(int i) {
        return "wx%016x".formatted(i);
    }

    /** A database with the rows of these accounts and of others, none of them due. */
    private TestDatabase filled(int accounts, int others) throws SQLException {
        TestDatabase filled = database.fresh().migrated();
        try (Connection connection = DriverManager.getConnection(filled.url() + "&rewriteBatchedStatements=true");
                PreparedStatement insert = connection.prepareStatement("""
                        INSERT INTO wx_token (id, app_id, type, expire, `value`, expires_at, fingerprint)
                        VALUES (?, ?, ?, UNIX_TIMESTAMP(), ?, UNIX_TIMESTAMP() + 7200, ?)""")) {
            connection.setAutoCommit(false);
            for (int i = 0; i < 2 * accounts + others; i++) {
                boolean ours = i < 2 * accounts;
                String value = (appId(i) + "_").repeat(12);
                insert.setInt(1, 10 + i);
                insert.setString(2, ours ? appId(i / 2) : "wxother%011d".formatted(i));
                insert.setString(3, ours && i % 2 == 1 ? "jsapi_ticket" : "access_token");
                insert.setString(4, value);
                insert.setString(5, ours ? Fingerprint.of(value) : "");
                insert.addBatch();
            }
            insert.executeBatch();
            connection.commit();
        }
        return filled;
    }

    private void print(String what, String least, Map<String, List<Cost>> costs) {
        Cost base = median(costs.values().iterator().next());
        System.out.printf("%s, %s, medians of %d:%n%-13s %8s %8s %8s   against %s: wall, CPU%n", what, database, RUNS,
                "", "wall s", "CPU s", "MiB", least);
        costs.forEach((name, each) -> {
            Cost cost = median(each);
            System.out.printf("%-13s %8.3f %8.3f %8.0f   %.2f, %.2f%n", name, cost.wall(), cost.cpu(), cost.mebibytes(),
                    cost.wall() / base.wall(), cost.cpu() / base.cpu());
        });
    }

    private Map<String, String> toFile() {
        return Map.of("WX_MIRROR_FILE", folder.resolve("access_token.json").toString());
    }

    private Map<String, String> toMemcached() {
        return Map.of("WX_MIRROR_MEMCACHED_SERVERS", memcached.server());
    }

    private void due() {
        database.jdbc().sql("UPDATE wx_token SET expire = UNIX_TIMESTAMP() - 3000, retry_after = 0").update();
    }

    private List<String> java(String home) {
        List<String> java = new ArrayList<>(List.of(home + "/bin/java"));
        java.addAll(flags);
        return java;
    }

    /**
     * In a jar, as there is no archive of classes in folders; its archive is made as the
     * launcher makes the program's.
     */
    private List<String> floor(String home) throws Exception {
        Path floorJar = jar.resolveSibling("floor.jar");
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(floorJar));
                InputStream floor = Floor.class.getResourceAsStream("Floor.class")) {
            out.putNextEntry(new JarEntry("io/wxtoken/Floor.class"));
            floor.transferTo(out);
        }
        String driver;
        try (Stream<Path> libraries = Files.list(jar.resolveSibling("lib"))) {
            driver = libraries.filter(library -> library.getFileName().toString().startsWith("mysql-connector"))
                .findFirst()
                .orElseThrow()
                .toString();
        }
        List<String> main = List.of("-cp", floorJar + File.pathSeparator + driver, Floor.class.getName());
        Path list = folder.resolve("floor.lst");
        Path archive = folder.resolve("floor-" + home.hashCode() + ".jsa");
        List<String> record = java(home);
        record.addAll(List.of("-Xshare:off", "-XX:DumpLoadedClassList=" + list));
        record.addAll(main);
        run(home, record);
        List<String> dump = java(home);
        dump.addAll(List.of("-Xshare:dump", "-XX:SharedClassListFile=" + list, "-XX:SharedArchiveFile=" + archive));
        if (Files.readString(list).contains("\n@cp ")) {
            dump.add("-XX:+AOTClassLinking"); // the JVM is 24 or later
        }
        dump.addAll(main.subList(0, 2));
        run(home, dump);
        List<String> floor = java(home);
        floor.add("-XX:SharedArchiveFile=" + archive);
        floor.addAll(main);
        return floor;
    }

    private Cost run(String home, List<String> command) throws Exception {
        return run(home, command, Map.of());
    }

    /** As a shell's child, since the shell can tell what it used. */
    private Cost run(String home, List<String> command, Map<String, String> settings) throws Exception {
        List<String> shell = new ArrayList<>(List.of("sh", "-c", "\"$0\" \"$@\" || exit $?; times"));
        shell.addAll(command);
        ProcessBuilder builder = new ProcessBuilder(shell).directory(jar.getParent().toFile())
            .redirectErrorStream(true);
        builder.environment()
            .keySet()
            .removeIf(name -> name.startsWith("WX_") || name.startsWith("SPRING_") || name.startsWith("JAVA_"));
        builder.environment()
            .putAll(Map.of("JAVA_HOME", home, "WX_APPID", StandIn.APP_ID, "WX_APPSECRET", StandIn.SECRET,
                    "WX_API_BASEURL", weChat.baseUrl(), "SPRING_DATASOURCE_URL", database.url()));
        builder.environment().putAll(settings);
        long begun = System.nanoTime();
        Process process = builder.start();
        long peak = 0;
        while (process.isAlive()) {
            peak = Math.max(peak, process.children().mapToLong(StartBenchmark::peakKibibytes).max().orElse(0));
            Thread.sleep(3);
        }
        double wall = (System.nanoTime() - begun) / 1e9;
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.exitValue()).as("%s: %s", command, text).isZero();
        Matcher children = Pattern.compile("(\\d+)m([\\d.]+)s (\\d+)m([\\d.]+)s\\s*$").matcher(text);
        assertThat(children.find()).as(text).isTrue();
        double cpu = Integer.parseInt(children.group(1)) * 60 + Double.parseDouble(children.group(2))
                + Integer.parseInt(children.group(3)) * 60 + Double.parseDouble(children.group(4));
        return new Cost(wall, cpu, peak / 1024.0);
    }

    private static long peakKibibytes(ProcessHandle process) {
        try {
            return Files.readAllLines(Path.of("/proc/" + process.pid() + "/status"))
                .stream()
                .filter(line -> line.startsWith("VmHWM:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElse(0);
        }
        catch (IOException | RuntimeException gone) {
            return 0;
        }
    }

    private static Cost median(List<Cost> costs) {
        return new Cost(median(costs.stream().mapToDouble(Cost::wall)), median(costs.stream().mapToDouble(Cost::cpu)),
                median(costs.stream().mapToDouble(Cost::mebibytes)));
    }

    private static double median(DoubleStream values) {
        double[] sorted = values.sorted().toArray();
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

}
