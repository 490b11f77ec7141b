package io.wxtoken.storm;

import java.time.Duration;
import java.util.List;
import java.util.Random;

import io.wxtoken.standin.Fault;
import io.wxtoken.storm.Tap.Step;

/**
 * What is done to a run, once.
 *
 * @param step at which; null: at a moment that has nothing to do with the protocol
 * @param after the step's answer came, and before the run gets it; else before the step gets to the other side
 * @param pause SIGSTOP, and SIGCONT after this time
 * @param fault what WeChat does to the request
 */
record Strike(Kind kind, Step step, boolean after, Duration pause, Fault fault) {

    enum Kind {
        KILL, PAUSE, CUT, WECHAT
    }

    /** Of these, all may happen to one run, in this order. */
    static List<Strike> draw(Random random, Duration lease) {
        int dice = random.nextInt(100);
        if (dice < 25) {
            return List.of();
        }
        if (dice < 35) {
            return List.of(new Strike(random.nextBoolean() ? Kind.KILL : Kind.PAUSE, null, false, pause(random, lease), null));
        }
        if (dice < 55) {
            return List.of(new Strike(Kind.WECHAT, Step.FETCH, false, null, fault(random, lease)));
        }
        // REPORT is seldom reached by itself: a run that is paused for longer than its lease may have to say so.
        Step step = List.of(Step.CLAIM, Step.FETCH, Step.PUBLISH).get(random.nextInt(3));
        Strike strike = new Strike(List.of(Kind.KILL, Kind.PAUSE, Kind.PAUSE, Kind.CUT).get(random.nextInt(4)), step,
                random.nextBoolean(), pause(random, lease), null);
        boolean goesOn = strike.kind() == Kind.PAUSE && strike.pause().compareTo(lease) > 0;
        return !goesOn ? List.of(strike)
                : List.of(strike, new Strike(List.of(Kind.KILL, Kind.PAUSE, Kind.CUT).get(random.nextInt(3)), Step.REPORT,
                        random.nextBoolean(), pause(random, lease), null));
    }

    /** Half of them are longer than a lease. */
    private static Duration pause(Random random, Duration lease) {
        return random.nextBoolean() ? Duration.ofMillis(200 + random.nextInt(1500)) : lease.plusMillis(1200 + random.nextInt(6000));
    }

    /** Those that a run may meet at any time; the long holds that WeChat can ask for are {@code AccountRefresherIT}'s. */
    private static Fault fault(Random random, Duration lease) {
        return switch (random.nextInt(13)) {
            case 0 -> new Fault.Hang();
            case 1 -> new Fault.Delay(Duration.ofMillis(200 + random.nextInt(1500)));
            case 2 -> new Fault.Delay(lease);
            case 3 -> new Fault.IssueLate(lease.minusMillis(700));
            case 4 -> new Fault.CutBefore();
            case 5 -> new Fault.CutAfter();
            case 6 -> new Fault.CutInside();
            case 7 -> new Fault.Trickle();
            case 8 -> new Fault.Body("<html><h1>504 Gateway Time-out</h1></html>");
            case 9 -> new Fault.Status(List.of(301, 400, 500, 502, 503).get(random.nextInt(5)));
            case 10 -> new Fault.Refuse(-1, "system error");
            case 11 -> new Fault.NullToken();
            default -> new Fault.Redirect("http://127.0.0.1:9/");
        };
    }

    /** For the table of figures. */
    @Override
    public String toString() {
        String what = switch (kind) {
            case KILL -> "kill -9";
            case PAUSE -> "SIGSTOP";
            case CUT -> "connection cut";
            case WECHAT -> "WeChat: " + fault.getClass().getSimpleName();
        };
        return what + (kind == Kind.WECHAT ? "" : step == null ? " at any moment" : (after ? " after " : " before ") + step);
    }
}
