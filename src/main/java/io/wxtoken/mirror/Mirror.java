package io.wxtoken.mirror;

import java.util.List;
import java.util.Map;
import java.util.Set;

import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;

/** A copy of the rows' values. Values go from the rows to the copy, never back. */
interface Mirror {

    /**
     * Writes the values that differ from the copy.
     * @param rows of the configured accounts; only live values are copied
     * @param failures gets a line for the operator, without tokens, for each thing that
     * can't be written
     * @return whether anything was written, or may have been. If so, the rows may have
     * changed meanwhile, or another run may have written a newer value before: read the
     * rows again, and call this again
     */
    boolean sync(Map<RowKey, TokenRow> rows, Set<String> failures) throws InterruptedException;

    /**
     * Tries whether the copy could be written, without writing it.
     * @param failures gets a line for the operator for each thing that can't be written
     */
    default void check(List<Account> accounts, Set<String> failures) throws InterruptedException {
        // by default there is nothing to try
    }

}
