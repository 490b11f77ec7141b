package io.wxtoken.storm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

import io.wxtoken.fixtures.Await;
import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.standin.StandIn;

/**
 * Three {@link Nodes}, each started on its schedule as by cron, one database, one WeChat,
 * and the faults that are drawn from a seed. Of the <em>busy</em> accounts, applications
 * ask all the time for the refresh of one, and then of the next, so that a token that is
 * lost has the time to be seen dead; one application writes a row as the 2015 class does;
 * of the <em>quiet</em> account another program fetches tokens of its own. Fifty more
 * accounts authorize a {@link Platform}, and come and go.
 * <p>
 * {@link FaultBudget} says which faults the rows can afford, so that a dead read is the
 * program's fault, and {@link StormLog#before} tells what led to it.
 */
final class Storm implements AutoCloseable {

    private static final String SETTINGS = "config/application.yml";

    /** How long what must come about may take on a slow machine. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private static final String QUIET = "wxquiet0123456789";

    static final List<String> BUSY = List.of(StandIn.APP_ID, "wxbusy0123456789a", "wxbusy0123456789b");

    static final List<String> ACCOUNTS = Stream.concat(BUSY.stream(), Stream.of(QUIET)).toList();

    /** The app secret of all accounts but the stand-in's own. */
    static final String SECRET = "storm-secret-0123456789abcdef";

    private static final int AUTHORIZERS = Integer.getInteger("storm.authorizers", 50);

    private final TestDatabase database;

    private final Path folder;

    private final Times times;

    private final Random seeds;

    private final StandIn weChat;

    /** One for each server. */
    private final List<Reader> readers = new ArrayList<>();

    private final MirrorReader mirrors;

    private final Platform platform;

    private final AuthorizerReader authorizers;

    private final StormLog log = new StormLog();

    private final Leaks leaks = new Leaks(StandIn.SECRET, SECRET, Nodes.PASSWORD);

    private final FaultBudget budget;

    private final Nodes nodes;

    private final OtherPrograms others;

    private final DatabaseFaults databaseFaults;

    private final ScheduledExecutorService clock = Executors.newScheduledThreadPool(4);

    private final ExecutorService workers = Executors.newCachedThreadPool();

    private final long begun = System.nanoTime();

    /**
     * @param folder for what the processes say
     */
    Storm(TestDatabase database, long seed, Path folder, Times times) throws IOException, SQLException {
        this.database = database.migrated();
        this.folder = folder;
        this.times = times;
        this.seeds = new Random(seed);
        this.weChat = StandIn.start(0, times.life(), times.grace());
        addAccounts();
        // nine of ten have authorized it at a time
        this.platform = new Platform(weChat, database, log, AUTHORIZERS * 10 / 9);
        this.authorizers = new AuthorizerReader(weChat, database.url(), platform);
        this.budget = new FaultBudget(times, readers, authorizers::allLiveFor, log);
        this.nodes = new Nodes(database, folder, times, weChat, budget, log, leaks);
        this.others = new OtherPrograms(database, weChat);
        this.databaseFaults = new DatabaseFaults(database, readers, nodes, budget, log);
        for (TestDatabase server : database.members()) {
            readers.add(new Reader(weChat, server.url(), times.cache(), ACCOUNTS));
        }
        this.mirrors = new MirrorReader(weChat, folder.resolveSibling(folder.getFileName() + "-mirrors"), ACCOUNTS);
    }

    /** To the stand-in, and to the program's settings. */
    private void addAccounts() throws IOException {
        StringBuilder settings = new StringBuilder("wx:\n  accounts:\n");
        for (String appId : ACCOUNTS.subList(1, ACCOUNTS.size())) {
            weChat.addAccount(appId, SECRET);
            settings.append("    - { app-id: ")
                .append(appId)
                .append(", app-secret: \"${STORM_SECRET}\", tickets: [] }\n");
        }
        Files.createDirectories(folder.resolve(SETTINGS).getParent());
        Files.writeString(folder.resolve(SETTINGS), settings);
    }

    /**
     * Blows on the program as it is for this time, and then waits until the rows have
     * recovered: each holds the token that was issued last.
     * @param faults which are dealt to the runs
     */
    Figures blow(Duration time, Predicate<NodeFault> faults) throws Exception {
        Random random = new Random(seeds.nextLong());
        if (!database.isCluster()) {
            startPlatform(new Random(seeds.nextLong()));
        }
        every(times.interval(), 0, () -> nodes.startAll(random, own -> nodes.deal(own, faults), mirrors::writtenBy));
        // each account is left in peace for longer than the grace, if there is time
        Duration turn = times.grace().dividedBy(BUSY.size() - 1).plusSeconds(2);
        Duration third = time.dividedBy(3);
        every(Duration.ofMillis(400), 3000, () -> requestRefresh(turn.compareTo(third) < 0 ? turn : third));
        every(Duration.ofSeconds(9), 8000, () -> budget.whenAffordable("row written as the 2015 class does",
                () -> others.writeAsThe2015Class(StandIn.APP_ID)));
        every(Duration.ofSeconds(130), 50000,
                () -> budget.whenAffordable("foreign refresher", () -> others.refreshElsewhere(QUIET)));
        every(Duration.ofMillis(50), 0, mirrors::read);
        every(times.life().multipliedBy(12), times.life().multipliedBy(12).toMillis(), weChat::newDay);
        if (database.restartable()) {
            every(Duration.ofSeconds(80), 20000, () -> databaseFaults.restart(true));
            every(Duration.ofSeconds(80), 60000, () -> databaseFaults.restart(false));
        }
        if (database.isCluster()) {
            AtomicInteger strikes = new AtomicInteger();
            every(Duration.ofSeconds(60), 15000,
                    () -> databaseFaults.strikeMember(random, strikes.getAndIncrement() % 2 == 0));
        }
        Thread.sleep(time.toMillis());
        Await.holds(() -> log.sum("fault: ") > 2 && log.sum("PUBLISH") > 2, PATIENCE);
        budget.calm();
        Await.holds(() -> readers.stream().noneMatch(Reader::isOut), Duration.ofMinutes(2));
        boolean recovered = Await.holds(this::recovered, PATIENCE);
        end();
        return new Figures(this, recovered);
    }

    private void startPlatform(Random random) throws IOException, SQLException {
        Files.writeString(folder.resolve(SETTINGS), Platform.settings(), StandardOpenOption.APPEND);
        platform.begin();
        every(Duration.ofSeconds(10), 10_000, platform::storeTicket);
        every(Duration.ofSeconds(1), 5000, () -> platform.goOn(random, !budget.isCalm()));
    }

    /**
     * Strikes each run of a program that lacks a part, without budget, until a token is
     * read dead.
     */
    Figures expose(Class<?> configuration, Function<Random, List<NodeFault>> strikes) throws Exception {
        budget.none();
        Random random = new Random(seeds.nextLong());
        every(times.interval(), 0, () -> nodes.startAll(random, strikes, process -> process.with(configuration)));
        Await.holds(() -> readers.get(0).deadReads() > 0, PATIENCE);
        end();
        return new Figures(this, false);
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
                log.count("an application's statement that the database did not answer");
            }
            catch (Exception e) {
                log.count("the storm's own failure: " + e);
            }
        }), firstAfterMillis, interval.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void requestRefresh(Duration turn) throws SQLException {
        if (!budget.isCalm()) {
            others.requestRefresh(BUSY, lasted().toMillis() / turn.toMillis());
        }
    }

    private boolean recovered() {
        return authorizers.recovered() && readers.stream()
            .allMatch(reader -> reader.allLiveFor(Duration.ofSeconds(1)) && ACCOUNTS.stream()
                .allMatch(appId -> reader.value(appId).equals(weChat.lastIssued(appId))
                        && mirrors.holds(appId, reader.value(appId))));
    }

    private void end() throws Exception {
        budget.calm();
        clock.shutdownNow();
        clock.awaitTermination(1, TimeUnit.MINUTES);
        workers.shutdown();
        workers.awaitTermination(1, TimeUnit.MINUTES);
        nodes.endAll();
        Await.holds(nodes::allEnded, Duration.ofMinutes(1));
        try {
            leaks.searchTables(database);
        }
        catch (SQLException e) { // another failure tells why the database is not there
            log.count("the storm's own failure: " + e);
        }
        for (Reader reader : readers) {
            leaks.search("last_error", String.join("\n", reader.errors()));
        }
        leaks.search("last_error", String.join("\n", authorizers.errors()));
        leaks.searchFiles(folder);
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
        if (others.leftUnwritten(killer.value())) {
            return "foreign refresher";
        }
        return nodes.issuedTooLate(killer, dead.rowId) ? "late fetcher that died" : null;
    }

    StandIn weChat() {
        return weChat;
    }

    List<Reader> readers() {
        return readers;
    }

    AuthorizerReader authorizers() {
        return authorizers;
    }

    MirrorReader mirrors() {
        return mirrors;
    }

    Times times() {
        return times;
    }

    StormLog log() {
        return log;
    }

    Leaks leaks() {
        return leaks;
    }

    /** Of the runs that nothing was done to, and at least what is expected. */
    Duration longestRun() {
        return budget.longestRun();
    }

    boolean restartable() {
        return database.restartable();
    }

    Duration lasted() {
        return Duration.ofNanos(System.nanoTime() - begun);
    }

    @Override
    public void close() throws Exception {
        clock.shutdownNow();
        workers.shutdownNow();
        nodes.endAll();
        for (Reader reader : readers) {
            reader.close();
        }
        authorizers.close();
        mirrors.close();
        weChat.close();
    }

}
