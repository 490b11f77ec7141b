package io.wxtoken.token;

/** What a run did with a row. */
public enum Outcome {

    /** A new token was fetched and published. */
    REFRESHED("refreshed"),

    /**
     * Nothing was due, or the stable endpoint answered with the token that the row
     * already holds.
     */
    FRESH("fresh"),

    /** Another run holds the row. */
    HELD("held"),

    /** Another run, or an application, was faster. */
    LOST("lost the claim"),

    /** The row was due and was not refreshed; its value is unchanged. */
    FAILED("failed"),

    /**
     * The row is due, but the run was told to stop, or its time was nearly up, before it
     * came to this row.
     */
    LEFT("left to the next run");

    private final String text;

    Outcome(String text) {
        this.text = text;
    }

    @Override
    public String toString() {
        return text;
    }

}
