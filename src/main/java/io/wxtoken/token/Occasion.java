package io.wxtoken.token;

/** Why a row is looked at. */
public enum Occasion {

    /** A run came by. */
    SCHEDULE,

    /** This run's own publish was fenced: it knows that the row is doomed. */
    FENCED,

    /** WeChat has just said that the row's value is dead. */
    DEAD,

    /** An operator wants it now. */
    FORCED
}
