package io.wxtoken.storm;

import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.wxtoken.standin.StandIn;
import io.wxtoken.storm.Strike.Kind;
import io.wxtoken.storm.Tap.Step;
import io.wxtoken.testing.Program;
import io.wxtoken.testing.Program.Started;

/** One process of a node's, seen and struck through its connections. */
final class NodeRun implements Tap.Watch {

    private static final Pattern ROW = Pattern.compile("WHERE id = (\\d+)");

    private final Storm storm;

    private final int node;

    private final StandIn weChat;

    private final List<Strike> inStore;

    private final Deque<Strike> strikes;

    private final Tap toDatabase;

    private final Tap toWeChat;

    private final Set<Integer> ports = ConcurrentHashMap.newKeySet();

    /** When it claimed each row, and when it last wrote there that it published or was fenced. Unix ms. */
    private final Map<Integer, Long> claimed = new ConcurrentHashMap<>();

    private final Map<Integer, Long> told = new ConcurrentHashMap<>();

    private final long begun = System.nanoTime();

    private volatile Started process;

    private volatile String commandLine = "";

    private volatile boolean killed;

    private volatile boolean paused;

    private volatile long endedAt = Long.MAX_VALUE;

    NodeRun(Storm storm, int node, StandIn weChat, URI database, List<Strike> strikes) throws IOException {
        this.storm = storm;
        this.node = node;
        this.weChat = weChat;
        this.inStore = strikes;
        this.strikes = new ArrayDeque<>(strikes);
        this.toDatabase = new Tap(database, this);
        this.toWeChat = new Tap(URI.create(weChat.baseUrl()), this);
    }

    /** @param url of the database itself, as JDBC has it; without TLS, or the tap would see nothing */
    void start(Program program, String url) {
        process = program.with("SPRING_DATASOURCE_URL", url.replaceFirst("//[^/]+/", "//" + toDatabase.address() + "/") + "&sslMode=DISABLED")
            .with("WX_API_BASEURL", "http://" + toWeChat.address())
            .start();
        commandLine = process.process().info().commandLine().orElse("");
        process.process().onExit().thenRun(this::ended);
    }

    private void ended() {
        endedAt = System.currentTimeMillis();
        try {
            toDatabase.close();
            toWeChat.close();
        }
        catch (IOException e) {
            throw new IllegalStateException(e);
        }
        storm.ended(this, process, killed ? "killed" : "exit code " + process.process().exitValue(),
                paused || killed ? null : Duration.ofNanos(System.nanoTime() - begun));
    }

    @Override
    public boolean before(Step step, String message, int port) {
        if (step == Step.FETCH) {
            ports.add(port);
        }
        boolean passes = meet(step, false);
        Matcher row = ROW.matcher(message);
        if (passes && row.find()) {
            (step == Step.CLAIM ? claimed : told).put(Integer.valueOf(row.group(1)), System.currentTimeMillis());
        }
        return passes;
    }

    /** The server's OK packet: 4 bytes of header, 0, and how many rows the statement matched. */
    @Override
    public boolean after(Step step, byte[] answer) {
        if (step != Step.FETCH && answer.length > 5 && answer[4] == 0) {
            storm.count(step + (answer[5] == 0 ? ", none matched" : ""));
        }
        return meet(step, true);
    }

    private boolean meet(Step step, boolean after) {
        Strike strike;
        synchronized (strikes) {
            strike = strikes.peek();
            if (strike == null || strike.step() != step || strike.after() != after) {
                return true;
            }
            strikes.poll();
        }
        return meet(strike);
    }

    /** After so long, what has nothing to do with the protocol's steps. */
    void meetAfter(Duration time) {
        if (!strikes.isEmpty() && strikes.peek().step() == null) {
            Strike strike = strikes.poll();
            CompletableFuture.delayedExecutor(time.toMillis(), TimeUnit.MILLISECONDS, work -> new Thread(work).start()).execute(() -> {
                if (process.process().isAlive()) {
                    meet(strike);
                }
            });
        }
    }

    private boolean meet(Strike strike) {
        if (!storm.affords(strike)) {
            synchronized (strikes) {
                strikes.addFirst(strike); // for another time, or another run
            }
            return true;
        }
        try {
            switch (strike.kind()) {
                case KILL -> {
                    killed = true;
                    process.process().destroyForcibly().waitFor();
                    return false;
                }
                case PAUSE -> {
                    paused = true;
                    signal("STOP");
                    Thread.sleep(strike.pause().toMillis());
                    signal("CONT");
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

    private void signal(String signal) throws InterruptedException {
        try {
            new ProcessBuilder("kill", "-" + signal, String.valueOf(process.process().pid())).start().waitFor();
        }
        catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Ends the process without mercy, when the storm is over. */
    void end() {
        killed = true;
        if (process != null) {
            process.process().destroyForcibly();
        }
    }

    /** What was in store for the run, if it met nothing of it. */
    Optional<List<Strike>> unmet() {
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

    boolean askedFrom(int port) {
        return ports.contains(port);
    }

    /**
     * WeChat issued a token to it after its claim of the row was over, and it could not tell any more: it was killed, or
     * had given up the request. Only the probe sees that.
     *
     * @param issued Unix ms
     */
    boolean late(int row, long issued, Duration lease) {
        Long since = claimed.get(row);
        long toldAt = told.getOrDefault(row, 0L);
        return since != null && issued > since + lease.toMillis() && toldAt < issued && (killed || endedAt < issued || toldAt > since);
    }
}
