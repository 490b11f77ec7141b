package io.wxtoken.storm;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.Program;
import io.wxtoken.testing.Program.Started;
import io.wxtoken.testing.TestDatabase;
import io.wxtoken.token.Verdict;

/**
 * Three nodes, each started on its schedule as by cron, one database, one WeChat, and
 * what the seed has in store. Of the <em>busy</em> accounts, applications ask all the
 * time for the refresh of one, and then of the next, so that a token that is lost has the
 * time to be seen dead; one application writes a row as the source's class does; of the
 * <em>quiet</em> account another program fetches tokens of its own.
 * <p>
 * The storm goes as far as the protocol's promise and not beyond: it strikes as long as
 * what the rows hold lives long enough for one more lease, interval and run, and leaves
 * every third attempt in a row alone, after which the job pauses. So a dead read is the
 * program's fault, and {@link #before} tells what led to it.
 */
final class Storm implements AutoCloseable {

    private static final String QUIET = "wxquiet0123456789";

    static final List<String> BUSY = List.of(StandIn.APP_ID, "wxbusy0123456789a", "wxbusy0123456789b");

    static final List<String> ACCOUNTS = Stream.concat(BUSY.stream(), Stream.of(QUIET)).toList();

    /** Of all accounts but the stand-in's own. */
    private static final String SECRET = "storm-secret-0123456789abcdef";

    static final int NODES = 3;

    /** The machine would else be busy with those that wait for each other. */
    private static final String PASSWORD = "storm-password-0123456789";

    private static final int MOST_RUNS_OF_A_NODE = 2;

    /**
     * How long a member of a cluster is gone: long enough for the others to replace it.
     */
    private static final Duration OUT = Duration.ofSeconds(20);

    /** How far each node's clock is off, in seconds. */
    private static final List<Integer> CLOCKS = List.of(3600, -3600, 0);

    /** Each has a level of its own in the program's settings. */
    private static final List<String> LOGGERS = List.of("ROOT", "IO_WXTOKEN", "ORG_SPRINGFRAMEWORK",
            "ORG_SPRINGFRAMEWORK_BATCH", "COM_ZAXXER_HIKARI", "ORG_FLYWAYDB", "JDK");

    /** How the stand-in's tokens begin, with enough of the rest to be no accident. */
    private static final Pattern TOKEN = Pattern.compile("99_[A-Za-z0-9_-]{20}");

    /**
     * @param at Unix ms
     */
    private record Event(long at, String what) {
    }

    /**
     * Times: about a tenth of the real ones, and a token's life a sixtieth.
     *
     * @param run what a run takes at worst, unless one took longer
     */
    record Times(Duration life, Duration grace, Duration after, Duration lease, Duration interval,
            Duration requestInterval, Duration probe, Duration cache, Duration run) {

        /** What it takes to put a lost fetch right, and until a reader knows. */
        Duration recovery(Duration run) {
            return lease.plusSeconds(1).plus(interval).plus(run).plus(cache);
        }

        /** How long a token may be dead that only the probe can see. */
        Duration probed(Duration run) {
            return probe.plus(interval).plus(run);
        }
    }

    private final TestDatabase database;

    private final Path folder;

    private final Times times;

    private final Random seeds;

    private final StandIn weChat;

    /** One for each server. */
    private final List<Reader> readers = new ArrayList<>();

    private final MirrorReader mirrors;

    private final ScheduledExecutorService clock = Executors.newScheduledThreadPool(4);

    private final ExecutorService workers = Executors.newCachedThreadPool();

    private final List<NodeRun> runs = new CopyOnWriteArrayList<>();

    private final Set<NodeRun> alive = ConcurrentHashMap.newKeySet();

    private final Deque<List<Strike>> pack = new ArrayDeque<>();

    private final Map<String, Integer> counts = new TreeMap<>();

    private final List<String> leaks = new ArrayList<>();

    private final Set<String> elsewhere = ConcurrentHashMap.newKeySet();

    private final Queue<Event> events = new ConcurrentLinkedQueue<>();

    private final long begun = System.nanoTime();

    private final Path wrongClock;

    private volatile boolean calm;

    private volatile boolean merciless;

    private Duration longestRun;

    /**
     * @param folder for what the processes say
     */
    Storm(TestDatabase database, long seed, Path folder, Times times) throws IOException, SQLException {
        this.database = database.migrated();
        this.folder = folder;
        this.times = times;
        this.longestRun = times.run();
        this.seeds = new Random(seed);
        this.weChat = StandIn.start(0, times.life(), times.grace());
        StringBuilder settings = new StringBuilder("wx:\n  accounts:\n");
        for (String appId : ACCOUNTS.subList(1, ACCOUNTS.size())) {
            weChat.addAccount(appId, SECRET);
            settings.append("    - { app-id: ")
                .append(appId)
                .append(", app-secret: \"${STORM_SECRET}\", tickets: [] }\n");
        }
        Files.createDirectories(folder.resolve("config"));
        Files.writeString(folder.resolve("config/application.yml"), settings);
        this.wrongClock = wrongClock(folder);
        Program.install();
        sql("CREATE USER IF NOT EXISTS storm@'%' IDENTIFIED BY '" + PASSWORD + "'");
        sql("GRANT ALL ON " + database.url().replaceFirst(".*/([^?]*).*", "$1") + ".* TO storm@'%'");
        for (TestDatabase server : database.members()) {
            readers.add(new Reader(weChat, server.url(), times.cache(), ACCOUNTS));
        }
        this.mirrors = new MirrorReader(weChat, folder.resolveSibling(folder.getFileName() + "-mirrors"), ACCOUNTS);
    }

    /**
     * @return null where there is no C compiler: then all clocks are right
     */
    private static Path wrongClock(Path folder) throws IOException {
        Path library = folder.resolve("clock.so");
        try (InputStream source = Storm.class.getResourceAsStream("/storm/clock.c")) {
            Path file = folder.resolve("clock.c");
            Files.copy(source, file, StandardCopyOption.REPLACE_EXISTING);
            int exitCode = new ProcessBuilder("cc", "-shared", "-fPIC", "-o", library.toString(), file.toString(),
                    "-ldl")
                .inheritIO()
                .start()
                .onExit()
                .join()
                .exitValue();
            return exitCode == 0 ? library : null;
        }
        catch (IOException noCompiler) {
            return null;
        }
    }

    /** Blows on the program as it is, and at last waits until the rows have recovered. */
    Figures blow(Duration time) throws Exception {
        Random random = new Random(seeds.nextLong());
        every(times.interval(), 0, () -> startNodes(random, this::deal, process -> process));
        every(Duration.ofMillis(400), 3000, this::requestRefresh);
        every(Duration.ofSeconds(9), 8000,
                () -> whenAffordable("row written as the source's class does", this::writeAsTheSource));
        every(Duration.ofSeconds(130), 50000, () -> whenAffordable("foreign refresher", this::refreshElsewhere));
        every(Duration.ofMillis(50), 0, mirrors::read);
        every(times.life().multipliedBy(12), times.life().multipliedBy(12).toMillis(), weChat::newDay);
        if (database.restartable()) {
            every(Duration.ofSeconds(80), 20000, () -> restartDatabase("database killed, and started again", true));
            every(Duration.ofSeconds(80), 60000, () -> restartDatabase("database stopped, and started again", false));
        }
        if (database.isCluster()) {
            AtomicInteger strikes = new AtomicInteger();
            every(Duration.ofSeconds(60), 15000, () -> strikeMember(random, strikes.getAndIncrement() % 2 == 0));
        }
        Thread.sleep(time.toMillis());
        calm = true;
        await(() -> readers.stream().noneMatch(Reader::isOut), Duration.ofMinutes(2));
        boolean recovered = await(this::recovered, times.recovery(longestRun()).multipliedBy(3));
        end();
        return new Figures(this, recovered);
    }

    /**
     * The same strike at each run of a program that lacks a part, without mercy, until it
     * shows.
     */
    Figures expose(Class<?> configuration, Function<Random, List<Strike>> strikes) throws Exception {
        merciless = true;
        Random random = new Random(seeds.nextLong());
        every(times.interval(), 0, () -> startNodes(random, strikes, process -> process.with(configuration)));
        await(() -> readers.get(0).deadReads() > 0, Duration.ofMinutes(3));
        end();
        return new Figures(this, false);
    }

    private static boolean await(BooleanSupplier condition, Duration patience) throws InterruptedException {
        long end = System.nanoTime() + patience.toNanos();
        while (System.nanoTime() < end) {
            if (condition.getAsBoolean()) {
                return true;
            }
            Thread.sleep(100);
        }
        return false;
    }

    private void end() throws Exception {
        calm = true;
        clock.shutdownNow();
        clock.awaitTermination(1, TimeUnit.MINUTES);
        workers.shutdown();
        workers.awaitTermination(1, TimeUnit.MINUTES);
        alive.forEach(NodeRun::end);
        await(alive::isEmpty, Duration.ofMinutes(1));
        try {
            searchForLeaks("the tables", tables());
        }
        catch (SQLException e) {
            // beside one that tells why the database is not there
            count("the storm's own failure: " + e);
        }
        for (Reader reader : readers) {
            searchForLeaks("last_error", String.join("\n", reader.errors()));
        }
        searchFiles();
    }

    private boolean recovered() {
        return readers.stream()
            .allMatch(reader -> reader.allLiveFor(Duration.ofSeconds(1)) && ACCOUNTS.stream()
                .allMatch(appId -> reader.value(appId).equals(weChat.lastIssued(appId))
                        && mirrors.holds(appId, reader.value(appId))));
    }

    /** On each server that is part of its cluster. */
    private boolean allLiveFor(Duration time) {
        return readers.stream().filter(reader -> !reader.isOut()).allMatch(reader -> reader.allLiveFor(time));
    }

    private interface Work {

        void run() throws Exception;

    }

    private void every(Duration interval, long firstAfterMillis, Work work) {
        clock.scheduleAtFixedRate(() -> workers.execute(() -> {
            try {
                work.run();
            }
            catch (SQLException e) {
                count("an application's statement that the database did not answer");
            }
            catch (Exception e) {
                count("the storm's own failure: " + e);
            }
        }), firstAfterMillis, interval.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** As from a pack of cards: what a run did not come to meet goes back. */
    private List<Strike> deal(Random random) {
        synchronized (pack) {
            if (pack.isEmpty()) {
                pack.addAll(Strike.all(random, times.lease()));
            }
            return pack.poll();
        }
    }

    private synchronized void startNodes(Random random, Function<Random, List<Strike>> strikes,
            UnaryOperator<Program> change) throws IOException, InterruptedException {
        boolean together = random.nextBoolean();
        for (int node = 0; node < NODES; node++) {
            Random own = new Random(random.nextLong());
            int name = node;
            if (alive.stream().filter(run -> run.node() == name && !run.frozen()).count() >= MOST_RUNS_OF_A_NODE) {
                count("not started, as two runs of its node are still there");
                note("node " + node + " has two runs already");
                continue;
            }
            NodeRun run = new NodeRun(this, runs.size(), node, weChat, servers(node),
                    calm ? List.of() : strikes.apply(own));
            Program process = Program.against(weChat, folder)
                .with("STORM_SECRET", SECRET)
                .with("SPRING_DATASOURCE_USERNAME", "storm")
                .with("SPRING_DATASOURCE_PASSWORD", PASSWORD)
                .with("WX_API_CONNECTTIMEOUT", "1s")
                .with("WX_API_READTIMEOUT", (times.lease().toMillis() - 2000) + "ms")
                .with("WX_REFRESH_LEASE", times.lease().toSeconds() + "s")
                .with("WX_REFRESH_AFTER", times.after().toSeconds() + "s")
                .with("WX_REFRESH_BEFORE", "5s")
                .with("WX_REFRESH_REQUESTINTERVAL", times.requestInterval().toSeconds() + "s")
                .with("WX_PROBE_INTERVAL", times.probe().toSeconds() + "s")
                .with("WX_METRICS_TEXTFILE", folder.resolve("metrics.prom").toString())
                .with("WX_RUN_TIMEOUT", "30s");
            if (!merciless) {
                mirrors.writtenBy(process);
            }
            if (own.nextInt(6) == 0) {
                LOGGERS.forEach(logger -> process.with("LOGGING_LEVEL_" + logger, "trace"));
            }
            if (wrongClock != null && CLOCKS.get(node) != 0) {
                process.with("LD_PRELOAD", wrongClock.toString()).with("CLOCK_OFF", String.valueOf(CLOCKS.get(node)));
                count("clock off by " + CLOCKS.get(node) + " s");
            }
            runs.add(run);
            alive.add(run);
            run.start(change.apply(process), database.url().replace("user=root", "user=storm"));
            run.meetAfter(Duration.ofMillis(300 + own.nextInt(2500)));
            if (!together) {
                Thread.sleep(times.interval().toMillis() / NODES);
            }
        }
    }

    /** Each node has another one first. */
    private List<URI> servers(int node) {
        List<URI> servers = new ArrayList<>(database.members()
            .stream()
            .map(server -> URI.create(server.url().substring("jdbc:".length())))
            .toList());
        Collections.rotate(servers, -node);
        return servers;
    }

    /** A process has ended, as it would or as it was made to. */
    void ended(NodeRun run, Started process, String how, Duration took) {
        alive.remove(run);
        count("run: " + how);
        String text = process.text();
        searchForLeaks("what " + process.output() + " holds", text);
        searchForLeaks("the arguments of a process", run.commandLine());
        count("takeover",
                (int) text.lines()
                    .filter(line -> line.contains(" refreshed: ") && line.contains(Verdict.LAPSED_CLAIM.reason()))
                    .count());
        count("probe said dead", (int) text.lines().filter(line -> line.contains("(" + Verdict.DEAD.reason())).count());
        synchronized (counts) {
            longestRun = took == null || took.compareTo(longestRun) < 0 ? longestRun : took;
        }
        synchronized (pack) {
            run.unmet().ifPresent(pack::add);
        }
    }

    /** Strikes if the rows can afford it: see above. */
    boolean affords(Strike strike) {
        boolean affords = !calm && (merciless || allLiveFor(times.recovery(longestRun())));
        count(affords ? "fault: " + strike : "spared");
        return affords;
    }

    private void restartDatabase(String what, boolean kill) throws Exception {
        whenAffordable(what, () -> {
            alive.forEach(NodeRun::losesDatabase);
            database.restart(kill);
        });
    }

    /**
     * Kills a member, which comes back some time later, or cuts it off the others, and
     * then lets it come back.
     */
    private void strikeMember(Random random, boolean kill) throws Exception {
        int member = random.nextInt(readers.size());
        String name = String.valueOf(member + 1);
        whenAffordable("a member is " + (kill ? "killed" : "cut off"), () -> {
            alive.forEach(NodeRun::losesDatabase);
            readers.get(member).out(true);
            TestDatabase.cluster(kill ? "kill" : "cut", name);
            Thread.sleep(OUT.toMillis());
            note("member " + name + " comes back");
            TestDatabase.comesBack(name, kill);
            note("member " + name + " is back");
            readers.get(member).out(false);
        });
    }

    private void whenAffordable(String what, Work work) throws Exception {
        if (await(() -> calm || allLiveFor(times.recovery(longestRun()).plus(times.run())), times.grace()) && !calm) {
            count("fault: " + what);
            note(what);
            work.run();
            note("done: " + what);
        }
    }

    void note(String what) {
        events.add(new Event(System.currentTimeMillis(), what));
    }

    /** What happened in the minute before. */
    String before(Reader.DeadTime dead) {
        Stream<Event> issues = weChat.issues(dead.appId)
            .stream()
            .map(issue -> new Event(issue.at(), "WeChat issues "
                    + (issue.value().equals(dead.value) ? "what is dead later" : "a token") + " of row " + dead.rowId));
        return Stream.concat(events.stream(), issues)
            .filter(event -> event.at() > dead.from - 60_000 && event.at() < dead.to + 1000)
            .sorted(Comparator.comparing(Event::at))
            .map(event -> "%tT.%<tL %s".formatted(event.at(), event.what()))
            .collect(Collectors.joining("\n"));
    }

    /**
     * Each busy account's in turn, so that it is left in peace for longer than the grace.
     */
    private void requestRefresh() throws SQLException {
        if (!calm) {
            long turn = lasted().toMillis() / times.grace().dividedBy(BUSY.size() - 1).plusSeconds(2).toMillis();
            sql("UPDATE wx_token SET refresh_requested = 1 WHERE type = 'access_token' AND app_id = '"
                    + BUSY.get((int) (turn % BUSY.size())) + "'");
        }
    }

    private void writeAsTheSource() throws SQLException {
        String token = weChat.issueElsewhere(StandIn.APP_ID);
        try {
            sql("UPDATE wx_token SET expire = UNIX_TIMESTAMP(), value = '" + token + "' WHERE id = 1");
        }
        catch (SQLException e) {
            elsewhere.add(token); // fetched, and not written: as a foreign refresher's
            throw e;
        }
    }

    /** And does not write the row: only the probe can tell. */
    private void refreshElsewhere() {
        elsewhere.add(weChat.issueElsewhere(QUIET));
    }

    private void sql(String statement) throws SQLException {
        try (var connection = database.connect(); var sql = connection.createStatement()) {
            sql.executeUpdate(statement);
        }
    }

    void count(String what) {
        count(what, 1);
    }

    private void count(String what, int times) {
        synchronized (counts) {
            counts.merge(what, times, Integer::sum);
        }
    }

    private String tables() throws SQLException {
        StringBuilder text = new StringBuilder();
        try (var connection = database.connect(); var statement = connection.createStatement()) {
            List<String> tables = new ArrayList<>();
            try (var names = statement.executeQuery("SHOW TABLES")) {
                while (names.next()) {
                    tables.add(names.getString(1));
                }
            }
            for (String table : tables) {
                try (var rows = statement.executeQuery("SELECT * FROM " + table)) {
                    while (rows.next()) {
                        for (int column = 1; column <= rows.getMetaData().getColumnCount(); column++) {
                            if (!rows.getMetaData().getColumnName(column).equals("value")) {
                                text.append(rows.getString(column)).append('\n');
                            }
                        }
                    }
                }
            }
        }
        return text.toString();
    }

    private void searchFiles() throws IOException {
        try (var files = Files.walk(folder)) {
            for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
                searchForLeaks(file + "", Files.readString(file, StandardCharsets.ISO_8859_1));
            }
        }
    }

    private void searchForLeaks(String where, String text) {
        boolean leak = text.contains(StandIn.SECRET) || text.contains(SECRET) || text.contains(PASSWORD)
                || TOKEN.matcher(text).find();
        if (leak) {
            synchronized (leaks) {
                leaks.add(where);
            }
        }
    }

    StandIn weChat() {
        return weChat;
    }

    List<Reader> readers() {
        return readers;
    }

    MirrorReader mirrors() {
        return mirrors;
    }

    Times times() {
        return times;
    }

    Map<String, Integer> counts() {
        synchronized (counts) {
            return new TreeMap<>(counts);
        }
    }

    List<String> leaks() {
        synchronized (leaks) {
            return List.copyOf(leaks);
        }
    }

    /** Of those that nothing was done to, and at least what is expected. */
    Duration longestRun() {
        synchronized (counts) {
            return longestRun;
        }
    }

    boolean restartable() {
        return database.restartable();
    }

    Duration lasted() {
        return Duration.ofNanos(System.nanoTime() - begun);
    }

    /**
     * Why a token died that only the probe can see; null when the protocol answers for
     * it.
     */
    String onlyTheProbeSees(Reader.DeadTime dead) {
        StandIn.Issue killer = weChat.issuedAfter(dead.appId, dead.value).orElse(null);
        if (killer == null) {
            return null;
        }
        if (elsewhere.contains(killer.value())) {
            return "foreign refresher";
        }
        return runs.stream()
            .anyMatch(run -> run.askedFrom(killer.askedFrom()) && run.late(dead.rowId, killer.at(), times.lease()))
                    ? "late fetcher that died" : null;
    }

    @Override
    public void close() throws Exception {
        clock.shutdownNow();
        workers.shutdownNow();
        alive.forEach(NodeRun::end);
        for (Reader reader : readers) {
            reader.close();
        }
        mirrors.close();
        weChat.close();
    }

}
