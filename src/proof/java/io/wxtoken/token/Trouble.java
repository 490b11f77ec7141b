package io.wxtoken.token;

/** What may happen to the runs of a {@link Schedule}. */
enum Trouble {

    /** The process ends between two steps. */
    DEATH,

    /**
     * The lease runs out while its holder is dead, or is paused and does not know it.
     */
    LAPSE,

    /**
     * The run is paused after its claim for too long to fetch, and sees it by its own
     * clock.
     */
    PAUSE,

    /**
     * The run's last statement ends in an error, whether it was executed or not. (An
     * error of any other statement ends the run, as a death does.)
     */
    ERROR,

    /** WeChat refuses this node. */
    REFUSAL,

    /** The request times out; WeChat serves it all the same, at once or later. */
    TIMEOUT,

    /** An application that got 40001 asks for a refresh. */
    REQUEST,

    /** The 2015 class fetches a token somewhere, and writes it into the row. */
    OTHER_PROGRAM,

    /**
     * The account authorizes the platform again, and the web application stores its new
     * refresh token at once or later.
     */
    REAUTHORIZATION,

    /** The account withdraws, and the web application deletes it at once or later. */
    WITHDRAWAL

}
