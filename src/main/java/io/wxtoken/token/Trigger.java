package io.wxtoken.token;

/** Why a run looks at a row. */
public enum Trigger {

    /** The run is a scheduled one. */
    SCHEDULE,

    /** This run's own publish was fenced, so it knows that the row's value is doomed. */
    FENCED,

    /** WeChat has just said that the row's value is dead. */
    DEAD,

    /** An operator wants the row refreshed now. */
    FORCED

}
