package io.wxtoken.token;

import java.util.Arrays;

import io.wxtoken.wechat.ProbeResult;

/**
 * Is notified of what happens to rows; a change is reported after the row was written.
 * Several threads may call a listener at once, and it must not throw: a listener decides
 * nothing, and no row depends on it.
 */
public interface RefreshListener {

    /** A listener that does nothing. */
    RefreshListener NONE = new RefreshListener() {
    };

    /** Returns a listener that notifies each of these listeners. */
    static RefreshListener all(RefreshListener... listeners) {
        return new RefreshListener() {

            @Override
            public void fetching(RowKey row) {
                Arrays.stream(listeners).forEach(listener -> listener.fetching(row));
            }

            @Override
            public void claimLost(RowKey row) {
                Arrays.stream(listeners).forEach(listener -> listener.claimLost(row));
            }

            @Override
            public void publishFenced(RowKey row) {
                Arrays.stream(listeners).forEach(listener -> listener.publishFenced(row));
            }

            @Override
            public void probed(String appId, ProbeResult result) {
                Arrays.stream(listeners).forEach(listener -> listener.probed(appId, result));
            }

            @Override
            public void warning(RowKey row, Verdict about, String text) {
                Arrays.stream(listeners).forEach(listener -> listener.warning(row, about, text));
            }

            @Override
            public void happened(RefreshEvent event) {
                Arrays.stream(listeners).forEach(listener -> listener.happened(event));
            }
        };
    }

    /** A request for a value is about to be sent to WeChat. */
    default void fetching(RowKey row) {
    }

    /** Another run, or an application, was faster with its claim. */
    default void claimLost(RowKey row) {
    }

    /** A fetched value came too late to be published. */
    default void publishFenced(RowKey row) {
    }

    /** WeChat was asked whether an account's access_token lives. */
    default void probed(String appId, ProbeResult result) {
    }

    /**
     * Something about a row should be mended, although its refresh goes on.
     * @param about the judgement of the row that led to it
     * @param text what is wrong and what to do, for people, on one line
     */
    default void warning(RowKey row, Verdict about, String text) {
    }

    /** A row was refreshed, or its failure changed. */
    default void happened(RefreshEvent event) {
    }

}
