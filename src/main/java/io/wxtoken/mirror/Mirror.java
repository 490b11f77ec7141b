package io.wxtoken.mirror;

import java.util.Map;
import java.util.Set;

import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;

/** One copy of the rows' values. It follows the rows and never leads them: nothing is ever read from it into a row. */
interface Mirror {

    /**
     * Writes what differs.
     *
     * @param rows of the configured accounts, null where one is missing; only values that live are copied
     * @param failures gets a line for the operator, without tokens, for each thing that can't be written
     * @return whether anything was written, or may have been. If so, the rows may have moved on meanwhile, and another run may
     * have been faster: read them again, and call this again
     */
    boolean bringTo(Map<TokenRows.Key, TokenRow> rows, Set<String> failures) throws InterruptedException;
}
