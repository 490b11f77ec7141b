package io.wxtoken.token;

/** Stands for the death of a run's process: nothing of the run happens after it. */
final class ProcessDeath extends Error {

    static void now() {
        throw new ProcessDeath();
    }

}
