package io.wxtoken.storm;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import io.wxtoken.fixtures.Program.Started;
import io.wxtoken.fixtures.Program;
import io.wxtoken.standin.StandIn;
import io.wxtoken.storm.StepProxy.Step;

/** One process of a node, which is watched and struck through its connections. */
final class NodeRun implements StepProxy.Watch {

    private static final Pattern ACCOUNT = Pattern.compile("appid=(\\w+)");

    private static final Pattern ROW = Pattern.compile("WHERE id = (\\d+)");

    private static final Set<Step> TELLING = EnumSet.of(Step.PUBLISH, Step.REPORT, Step.GIVE_UP);

    private final Nodes nodes;

    private final FaultBudget budget;

    private final StormLog log;

    private final int node;

    private final StandIn weChat;

    private final List<NodeFault> inStore;

    private final Deque<NodeFault> strikes;

    private final List<StepProxy> toDatabase = new ArrayList<>();

    private final StepProxy toWeChat;

    private final Set<Integer> ports = ConcurrentHashMap.newKeySet();

    /** When it claimed each row, in Unix ms. */
    private final Map<Integer, Long> claimed = new ConcurrentHashMap<>();

    /** When it wrote into each row that it published, was fenced or gave up. */
    private final Map<Integer, Long> told = new ConcurrentHashMap<>();

    private final long begun = System.nanoTime();

    private final int number;

    private volatile Started process;

    private volatile String commandLine = "";

    private volatile boolean killed;

    private volatile boolean lostDatabase;

    private volatile boolean struck;

    private volatile boolean frozen;

    private volatile long endedAt = Long.MAX_VALUE;

    NodeRun(Nodes nodes, FaultBudget budget, StormLog log, int number, int node, StandIn weChat, List<URI> servers,
            List<NodeFault> strikes) throws IOException {
        this.nodes = nodes;
        this.budget = budget;
        this.log = log;
        this.number = number;
        this.node = node;
        this.weChat = weChat;
        this.inStore = strikes;
        this.strikes = new ArrayDeque<>(strikes);
        for (URI server : servers) {
            toDatabase.add(new StepProxy(server, this));
        }
        this.toWeChat = new StepProxy(URI.create(weChat.baseUrl()), this);
    }

    /**
     * The URL with the taps in it, and without TLS, with which they would see nothing.
     */
    static String through(List<StepProxy> taps, String url) {
        return url.replaceFirst("//[^/]+/",
                "//" + taps.stream().map(StepProxy::address).collect(Collectors.joining(",")) + "/")
                + "&sslMode=DISABLED&allowPublicKeyRetrieval=true";
    }

    /**
     * @param url of the database itself, as JDBC has it
     */
    void start(Program program, String url) {
        process = program.with("SPRING_DATASOURCE_URL", through(toDatabase, url))
            .with("WX_API_BASEURL", "http://" + toWeChat.address())
            .start();
        commandLine = process.process().info().commandLine().orElse("");
        note("started, node " + node);
        process.process().onExit().thenRun(this::ended);
    }

    private void ended() {
        endedAt = System.currentTimeMillis();
        try {
            for (StepProxy tap : toDatabase) {
                tap.close();
            }
            toWeChat.close();
        }
        catch (IOException e) {
            throw new IllegalStateException(e);
        }
        note("ended: " + (killed ? "killed" : "exit code " + process.process().exitValue()));
        nodes.ended(this, process, killed ? "killed" : "exit code " + process.process().exitValue(),
                struck ? null : Duration.ofNanos(System.nanoTime() - begun));
    }

    @Override
    public boolean before(Step step, String message, int port) {
        if (step == Step.FETCH) {
            ports.add(port);
        }
        boolean passes = meet(step, false);
        note(about(step, message) + (passes ? "" : " is lost"));
        if (passes && step == Step.CLAIM) {
            claimed.put(row(message), System.currentTimeMillis());
        }
        return passes;
    }

    private static String about(Step step, String message) {
        Matcher account = ACCOUNT.matcher(message);
        return step + (step == Step.FETCH ? " of " + (account.find() ? account.group(1) : "?")
                : row(message) == 0 ? "" : " of row " + row(message));
    }

    private void note(String what) {
        log.note("run " + number + " " + what);
    }

    private static int row(String statement) {
        Matcher row = ROW.matcher(statement);
        return row.find() ? Integer.parseInt(row.group(1)) : 0;
    }

    /**
     * In the server's OK packet 4 bytes of header are followed by 0, and by how many rows
     * the statement matched.
     */
    @Override
    public boolean after(Step step, String message, byte[] answer) {
        note(about(step, message) + " is answered" + (step == Step.FETCH || answer.length < 6 ? "" : ": " + answer[5]));
        // In an error packet 0xff comes first, and then the two bytes of the error's
        // code.
        if (step != Step.FETCH && answer.length > 6 && answer[4] == (byte) 0xff) {
            log.count("error " + ((answer[5] & 0xff) | (answer[6] & 0xff) << 8) + " at " + step);
        }
        if (step != Step.FETCH && answer.length > 5 && answer[4] == 0) {
            log.count(step + (answer[5] == 0 ? ", none matched" : ""));
            if (answer[5] != 0 && TELLING.contains(step)) {
                told.put(row(message), System.currentTimeMillis());
            }
        }
        return meet(step, true);
    }

    private boolean meet(Step step, boolean after) {
        NodeFault strike;
        synchronized (strikes) {
            strike = strikes.peek();
            if (strike == null || strike.step() != step || strike.after() != after) {
                return true;
            }
            strikes.poll();
        }
        return meet(strike);
    }

    /**
     * After this time the strike comes that has nothing to do with the protocol's steps.
     */
    void meetAfter(Duration time) {
        if (!strikes.isEmpty() && strikes.peek().step() == null) {
            NodeFault strike = strikes.poll();
            CompletableFuture.delayedExecutor(time.toMillis(), TimeUnit.MILLISECONDS, work -> new Thread(work).start())
                .execute(() -> {
                    if (process.process().isAlive()) {
                        meet(strike);
                    }
                });
        }
    }

    private boolean meet(NodeFault strike) {
        if (!budget.affords(strike)) {
            synchronized (strikes) {
                strikes.addFirst(strike); // it may come later, or to another run
            }
            return true;
        }
        struck = true;
        note("is struck: " + strike + (strike.pause() == null ? "" : " for " + strike.pause().toMillis() + " ms"));
        try {
            switch (strike.kind()) {
                case KILL -> {
                    killed = true;
                    process.process().destroyForcibly().waitFor();
                    return false;
                }
                case PAUSE -> {
                    frozen = true;
                    signal("STOP", process.process());
                    Thread.sleep(strike.pause().toMillis());
                    signal("CONT", process.process());
                    frozen = false;
                    note("goes on");
                }
                case CUT -> {
                    return false;
                }
                case WECHAT -> weChat.next(strike.fault());
            }
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return true;
    }

    static void signal(String signal, Process process) {
        try {
            new ProcessBuilder("kill", "-" + signal, String.valueOf(process.pid())).start().onExit().join();
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Ends the process without budget, when the storm is over. */
    void end() {
        if (process != null) {
            process.process().destroyForcibly();
        }
    }

    /** The strikes that were dealt to the run, if it met none of them. */
    Optional<List<NodeFault>> unmet() {
        synchronized (strikes) {
            return inStore.isEmpty() || strikes.size() < inStore.size() ? Optional.empty() : Optional.of(inStore);
        }
    }

    String commandLine() {
        return commandLine;
    }

    int node() {
        return node;
    }

    /** The database is about to be restarted. */
    void losesDatabase() {
        lostDatabase = true;
    }

    /** It is stopped, and takes none of the machine's time. */
    boolean frozen() {
        return frozen;
    }

    boolean askedFrom(int port) {
        return ports.contains(port);
    }

    /**
     * WeChat issued a token to it after its claim of the row was over, and it could not
     * tell the row any more: it was killed, had given up the request, or the database was
     * restarted. Only the probe sees that; a connection that broke is no excuse.
     * @param issued Unix ms
     */
    boolean late(int row, long issued, Duration lease) {
        Long since = claimed.get(row);
        long toldAt = told.getOrDefault(row, 0L);
        boolean couldNotTell = killed || lostDatabase || endedAt < issued || since != null && toldAt > since;
        return since != null && issued > since + lease.toMillis() && toldAt < issued && couldNotTell;
    }

}
