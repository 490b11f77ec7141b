package io.wxtoken.job;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.wxtoken.ExitCode;

/**
 * Ends a run from outside: on SIGTERM, and when it takes too long.
 * <p>
 * SIGTERM sets a flag: the run claims nothing new and finishes what it has begun, and the
 * JVM waits up to 9 s for that. The JVM then ends with 143. (JobOperator.stop in a
 * shutdown hook would race with the step's own updates in Spring Batch 6.0.4.)
 * <p>
 * A run that takes too long is halted, whatever it waits for; the row protocol allows a
 * process to die anywhere.
 */
public final class RunGuard implements AutoCloseable {

    private static final long SECONDS_TO_FINISH = 9;

    /**
     * For the statement after a request, the mirrors, the history and the metrics. It is
     * less when the timeout leaves less.
     */
    private static final Duration AFTER_REQUESTS = Duration.ofSeconds(30);

    private final CountDownLatch finished = new CountDownLatch(1);

    private volatile boolean stopping;

    private volatile long claimsUntil = Long.MAX_VALUE;

    public RunGuard() {
        Runtime.getRuntime().addShutdownHook(new Thread(this::stop, "wx-token-stop"));
    }

    /**
     * Ends the process with {@link ExitCode#RETRY} if the run takes longer than the
     * timeout. So that it is not ended while it asks WeChat, it claims nothing new once
     * too little time is left for a request, and for what a run does after it.
     * @param request the longest that one request takes
     */
    public void limit(Duration timeout, Duration request) {
        Duration rest = timeout.minus(request).dividedBy(2);
        Duration claims = timeout.minus(request).minus(rest.compareTo(AFTER_REQUESTS) < 0 ? rest : AFTER_REQUESTS);
        claimsUntil = System.nanoTime() + claims.toNanos();
        Thread watchdog = new Thread(() -> {
            if (!awaitFinish(timeout)) {
                System.err.println("wx-token: the run took longer than wx.run.timeout = " + timeout.toSeconds()
                        + " s and is ended; the next run goes on. Look for a database or a host that hangs");
                Runtime.getRuntime().halt(ExitCode.RETRY.code());
            }
        }, "wx-token-watchdog");
        watchdog.setDaemon(true);
        watchdog.start();
    }

    /** Whether the process was told to stop. */
    public boolean stopping() {
        return stopping;
    }

    /**
     * Whether nothing new may be claimed, because the process was told to stop, or
     * because its time is nearly up.
     */
    public boolean ending() {
        return stopping || claimsUntil != Long.MAX_VALUE && System.nanoTime() - claimsUntil >= 0;
    }

    private void stop() {
        if (finished.getCount() > 0) {
            stopping = true;
            awaitFinish(Duration.ofSeconds(SECONDS_TO_FINISH));
        }
    }

    private boolean awaitFinish(Duration timeout) {
        try {
            return finished.await(timeout.toMillis(), TimeUnit.MILLISECONDS);
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }

    /**
     * Marks the run as over.
     */
    @Override
    public void close() {
        finished.countDown();
    }

}
