package io.wxtoken.storm;

import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;

import io.wxtoken.fixtures.Await;

/**
 * Decides whether the rows can afford a fault: the storm goes as far as the protocol's
 * promise and not beyond. It strikes as long as what the rows hold lives long enough for
 * one more lease, interval and run, and leaves every third attempt in a row alone, after
 * which the job pauses. So a dead read is the program's fault.
 */
final class FaultBudget {

    private final Times times;

    private final List<Reader> readers;

    private final Predicate<Duration> authorizersLiveFor;

    private final StormLog log;

    private volatile boolean calm;

    private volatile boolean merciless;

    private Duration longestRun;

    /**
     * @param authorizersLiveFor whether the rows of the platform's accounts are live for
     * so long
     */
    FaultBudget(Times times, List<Reader> readers, Predicate<Duration> authorizersLiveFor, StormLog log) {
        this.times = times;
        this.readers = readers;
        this.authorizersLiveFor = authorizersLiveFor;
        this.log = log;
        this.longestRun = times.run();
    }

    interface Fault {

        void happen() throws Exception;

    }

    /** From now on every strike is affordable, until {@link #calm}. */
    void none() {
        merciless = true;
    }

    /** From now on no fault is affordable. */
    void calm() {
        calm = true;
    }

    boolean isCalm() {
        return calm;
    }

    /** Whether a run may be struck now. */
    boolean affords(NodeFault strike) {
        boolean affords = !calm && (merciless || allLiveFor(times.recovery(longestRun())));
        log.count(affords ? "fault: " + strike : "spared");
        return affords;
    }

    /**
     * Waits until the rows can afford it, and lets the fault happen; in vain when that
     * takes too long.
     */
    void whenAffordable(String what, Fault fault) throws Exception {
        if (Await.holds(() -> calm || allLiveFor(times.recovery(longestRun()).plus(times.run())), times.grace())
                && !calm) {
            log.count("fault: " + what);
            log.note(what);
            fault.happen();
            log.note("done: " + what);
        }
    }

    /** On each server that is part of its cluster. */
    private boolean allLiveFor(Duration time) {
        return readers.stream().filter(reader -> !reader.isOut()).allMatch(reader -> reader.allLiveFor(time))
                && authorizersLiveFor.test(time);
    }

    /** A run that nothing was done to took so long. */
    synchronized void took(Duration run) {
        longestRun = run.compareTo(longestRun) < 0 ? longestRun : run;
    }

    /** Of those that nothing was done to, and at least what is expected. */
    synchronized Duration longestRun() {
        return longestRun;
    }

}
