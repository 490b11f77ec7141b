package io.wxtoken.storm;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

import io.wxtoken.fixtures.Program.Started;
import io.wxtoken.fixtures.Program;
import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.standin.StandIn;
import io.wxtoken.token.Verdict;

/**
 * Three nodes, whose runs are processes of the packaged program. Their clocks are wrong
 * where there is a C compiler, and a run may log everything it can.
 */
final class Nodes {

    static final int COUNT = 3;

    /** The password of the nodes' user of the database. */
    static final String PASSWORD = "storm-password-0123456789";

    /** With more, the machine would be busy with runs that wait for each other. */
    private static final int MOST_RUNS_OF_A_NODE = 2;

    /** How far each node's clock is off, in seconds. */
    private static final List<Integer> CLOCKS = List.of(3600, -3600, 0);

    /** Each has a level of its own in the program's settings. */
    private static final List<String> LOGGERS = List.of("ROOT", "IO_WXTOKEN", "ORG_SPRINGFRAMEWORK",
            "ORG_SPRINGFRAMEWORK_BATCH", "COM_ZAXXER_HIKARI", "ORG_FLYWAYDB", "JDK");

    private final TestDatabase database;

    private final Path folder;

    private final Times times;

    private final StandIn weChat;

    private final FaultBudget budget;

    private final StormLog log;

    private final Leaks leaks;

    private final List<NodeRun> runs = new CopyOnWriteArrayList<>();

    private final Set<NodeRun> alive = ConcurrentHashMap.newKeySet();

    private final Deque<List<NodeFault>> pack = new ArrayDeque<>();

    private final Path wrongClock;

    /**
     * @param folder for what the processes say
     */
    Nodes(TestDatabase database, Path folder, Times times, StandIn weChat, FaultBudget budget, StormLog log,
            Leaks leaks) throws IOException, SQLException {
        this.database = database;
        this.folder = folder;
        this.times = times;
        this.weChat = weChat;
        this.budget = budget;
        this.log = log;
        this.leaks = leaks;
        this.wrongClock = wrongClock(folder);
        Program.install();
        try (var connection = database.connect(); var statement = connection.createStatement()) {
            statement.executeUpdate("CREATE USER IF NOT EXISTS storm@'%' IDENTIFIED BY '" + PASSWORD + "'");
            statement
                .executeUpdate("GRANT ALL ON " + database.url().replaceFirst(".*/([^?]*).*", "$1") + ".* TO storm@'%'");
        }
    }

    /**
     * @return null where there is no C compiler: then all clocks are right
     */
    private static Path wrongClock(Path folder) throws IOException {
        Path library = folder.resolve("clock.so");
        try (InputStream source = Nodes.class.getResourceAsStream("/storm/clock.c")) {
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

    /**
     * Deals a run its strikes, as from a pack of cards: what a run did not come to meet
     * goes back.
     * @param faults which are in the pack
     */
    List<NodeFault> deal(Random random, Predicate<NodeFault> faults) {
        synchronized (pack) {
            if (pack.isEmpty()) {
                NodeFault.all(random, times.lease())
                    .stream()
                    .filter(dealt -> dealt.stream().allMatch(faults))
                    .forEach(pack::add);
            }
            return pack.poll();
        }
    }

    /**
     * Starts a run of each node, all at once or one after the other.
     * @param strikes what each run is in for
     * @param change makes each program what it shall be
     */
    synchronized void startAll(Random random, Function<Random, List<NodeFault>> strikes, UnaryOperator<Program> change)
            throws IOException, InterruptedException {
        boolean together = random.nextBoolean();
        for (int node = 0; node < COUNT; node++) {
            Random own = new Random(random.nextLong());
            if (runsOf(node) >= MOST_RUNS_OF_A_NODE) {
                log.count("not started, as two runs of its node are still there");
                log.note("node " + node + " has two runs already");
                continue;
            }
            NodeRun run = new NodeRun(this, budget, log, runs.size(), node, weChat, servers(node),
                    budget.isCalm() ? List.of() : strikes.apply(own));
            Program process = change.apply(program(node, own));
            runs.add(run);
            alive.add(run);
            run.start(process, database.url().replace("user=root", "user=storm"));
            run.meetAfter(Duration.ofMillis(300 + own.nextInt(2500)));
            if (!together) {
                Thread.sleep(times.interval().toMillis() / COUNT);
            }
        }
    }

    private long runsOf(int node) {
        return alive.stream().filter(run -> run.node() == node && !run.frozen()).count();
    }

    private Program program(int node, Random random) {
        Program program = Program.against(weChat, folder)
            .with("STORM_SECRET", Storm.SECRET)
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
        if (random.nextInt(6) == 0) {
            LOGGERS.forEach(logger -> program.with("LOGGING_LEVEL_" + logger, "trace"));
        }
        if (wrongClock != null && CLOCKS.get(node) != 0) {
            program.with("LD_PRELOAD", wrongClock.toString()).with("CLOCK_OFF", String.valueOf(CLOCKS.get(node)));
            log.count("clock off by " + CLOCKS.get(node) + " s");
        }
        return program;
    }

    /** The members of the database; each node has another one first. */
    private List<URI> servers(int node) {
        List<URI> servers = new ArrayList<>(database.members()
            .stream()
            .map(server -> URI.create(server.url().substring("jdbc:".length())))
            .toList());
        Collections.rotate(servers, -node);
        return servers;
    }

    /**
     * A process has ended.
     * @param how by itself, or as it was made to
     * @param took null if something was done to it
     */
    void ended(NodeRun run, Started process, String how, Duration took) {
        alive.remove(run);
        log.count("run: " + how);
        String text = process.text();
        leaks.search("what " + process.output() + " holds", text);
        leaks.search("the arguments of a process", run.commandLine());
        log.count("takeover",
                (int) text.lines()
                    .filter(line -> line.contains(" refreshed: ") && line.contains(Verdict.LAPSED_CLAIM.reason()))
                    .count());
        log.count("probe said dead",
                (int) text.lines().filter(line -> line.contains("(" + Verdict.DEAD.reason())).count());
        if (took != null) {
            budget.took(took);
        }
        synchronized (pack) {
            run.unmet().ifPresent(pack::add);
        }
    }

    /** The database is about to be restarted, or a part of it to be lost. */
    void loseDatabase() {
        alive.forEach(NodeRun::losesDatabase);
    }

    /** Ends all processes without budget. */
    void endAll() {
        alive.forEach(NodeRun::end);
    }

    boolean allEnded() {
        return alive.isEmpty();
    }

    /**
     * A run got this token, for the row, after its lease was over, and could not tell any
     * more.
     */
    boolean issuedTooLate(StandIn.Issue issue, int row) {
        return runs.stream()
            .anyMatch(run -> run.askedFrom(issue.askedFrom()) && run.late(row, issue.at(), times.lease()));
    }

}
