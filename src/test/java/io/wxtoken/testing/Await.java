package io.wxtoken.testing;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Waits for a condition, and no longer than a test can wait. */
public final class Await {

    private static final Duration PAUSE = Duration.ofMillis(20);

    private Await() {
    }

    /**
     * Waits until the condition holds.
     * @throws AssertionError when it does not hold within this time
     */
    public static void until(String condition, BooleanSupplier holds, Duration patience) throws InterruptedException {
        if (!holds(holds, patience)) {
            throw new AssertionError("not within " + patience + ": " + condition);
        }
    }

    /**
     * Waits until the condition holds, or this time is over.
     * @return whether it holds
     */
    public static boolean holds(BooleanSupplier condition, Duration patience) throws InterruptedException {
        long end = System.nanoTime() + patience.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() >= end) {
                return false;
            }
            Thread.sleep(PAUSE.toMillis());
        }
        return true;
    }

}
