package io.wxtoken;

/**
 * The exit codes, which tell the scheduler how the run ended. The README quotes this
 * table.
 */
public enum ExitCode {

    /**
     * Every token is usable: refreshed, fresh, or held by another run while the current
     * one lives.
     */
    OK(0),

    /**
     * Something failed that the next run may mend: the network, WeChat busy, a first
     * token not there yet, a mirror, the metrics file.
     */
    RETRY(1),

    /**
     * A person must act: a setting is missing or wrong, WeChat refuses the app id, its
     * secret or this address.
     */
    ACT(2),

    /** The database can't be reached, or refuses. */
    DATABASE(3),

    /** Stopped by SIGTERM: 128 + 15, as shells count. */
    STOPPED(143);

    private final int code;

    ExitCode(int code) {
        this.code = code;
    }

    public int code() {
        return code;
    }

    /**
     * Returns the graver of two outcomes of one run.
     */
    public ExitCode and(ExitCode other) {
        return compareTo(other) >= 0 ? this : other;
    }

}
