package io.wxtoken.storm;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

import io.wxtoken.standin.Fault;
import io.wxtoken.storm.StepProxy.Step;

/**
 * A thing that is done to a run, once.
 *
 * @param step at which; null: at a moment that has nothing to do with the protocol
 * @param after the step's answer came, and before the run gets it; else before the step
 * gets to the other side
 * @param pause SIGSTOP, and SIGCONT after this time
 * @param fault what WeChat does to the request
 */
record NodeFault(Kind kind, Step step, boolean after, Duration pause, Fault fault) {

    enum Kind {

        KILL, PAUSE, CUT, WECHAT

    }

    /**
     * All that can be done to a run: the strikes of a list one after the other, and some
     * lists are empty.
     * @param random for the times
     */
    static List<List<NodeFault>> all(Random random, Duration lease) {
        List<List<NodeFault>> all = new ArrayList<>(Collections.nCopies(5, List.of()));
        all.add(List.of(new NodeFault(Kind.KILL, null, false, null, null)));
        all.add(List.of(new NodeFault(Kind.KILL, null, false, null, null)));
        for (Duration pause : pauses(random, lease)) {
            all.add(List.of(new NodeFault(Kind.PAUSE, null, false, pause, null)));
        }
        all.add(List.of(new NodeFault(Kind.PAUSE, Step.HISTORY, true, pauses(random, lease).get(1), null)));
        all.add(List.of(new NodeFault(Kind.CUT, Step.HISTORY, random.nextBoolean(), null, null)));
        faults(lease).forEach(fault -> all.add(List.of(new NodeFault(Kind.WECHAT, Step.FETCH, false, null, fault))));
        for (boolean after : new boolean[] { false, true }) {
            all.add(List.of(new NodeFault(Kind.KILL, Step.STORE, after, null, null)));
            all.add(List.of(new NodeFault(Kind.CUT, Step.STORE, after, null, null)));
            for (Step step : List.of(Step.CLAIM, Step.FETCH, Step.PUBLISH)) {
                all.add(List.of(new NodeFault(Kind.KILL, step, after, null, null)));
                all.add(List.of(new NodeFault(Kind.CUT, step, after, null, null)));
                for (Duration pause : pauses(random, lease)) {
                    all.add(List.of(new NodeFault(Kind.PAUSE, step, after, pause, null)));
                }
                // A run that is paused for longer than its lease may have to report it.
                for (Kind kind : List.of(Kind.KILL, Kind.PAUSE, Kind.CUT)) {
                    all.add(List.of(new NodeFault(Kind.PAUSE, step, after, pauses(random, lease).get(1), null),
                            new NodeFault(kind, Step.REPORT, random.nextBoolean(), pauses(random, lease).get(0),
                                    null)));
                }
            }
        }
        Collections.shuffle(all, random);
        return all;
    }

    /** A short one, and one in which the lease is over and another run takes over. */
    private static List<Duration> pauses(Random random, Duration lease) {
        return List.of(Duration.ofMillis(200 + random.nextInt(1500)),
                lease.multipliedBy(2).plusMillis(2000 + random.nextInt(6000)));
    }

    /**
     * Those that a run may meet at any time; the long holds that WeChat can ask for are
     * {@code DayQuotaProof}'s.
     */
    private static List<Fault> faults(Duration lease) {
        return List.of(new Fault.Hang(), new Fault.Delay(Duration.ofMillis(700)), new Fault.Delay(lease),
                new Fault.IssueLate(lease.minusMillis(700)), new Fault.CutBefore(), new Fault.CutAfter(),
                new Fault.CutInside(), new Fault.Trickle(),
                new Fault.Body("<html><h1>504 Gateway Time-out</h1></html>"), new Fault.Status(500),
                new Fault.Status(504), new Fault.Refuse(-1, "system error"), new Fault.NullToken());
    }

    /** The strike as the table of figures names it. */
    @Override
    public String toString() {
        String what = switch (kind) {
            case KILL -> "kill -9";
            case PAUSE -> "SIGSTOP";
            case CUT -> "connection cut";
            case WECHAT -> "WeChat: " + fault.getClass().getSimpleName();
        };
        return what + (kind == Kind.WECHAT ? ""
                : step == null ? " at any moment" : (after ? " after " : " before ") + step);
    }
}
