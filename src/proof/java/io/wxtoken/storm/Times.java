package io.wxtoken.storm;

import java.time.Duration;

/**
 * A storm's times: about a tenth of the real ones, and a token's life a sixtieth.
 *
 * @param run what a run takes at worst, unless one took longer
 */
record Times(Duration life, Duration grace, Duration after, Duration lease, Duration interval, Duration requestInterval,
        Duration probe, Duration cache, Duration run) {

    /** What it takes to put a lost fetch right, and until a reader knows. */
    Duration recovery(Duration longestRun) {
        return lease.plusSeconds(1).plus(interval).plus(longestRun).plus(cache);
    }

    /** How long a token may be dead that only the probe can see. */
    Duration probed(Duration longestRun) {
        return probe.plus(interval).plus(longestRun);
    }
}
