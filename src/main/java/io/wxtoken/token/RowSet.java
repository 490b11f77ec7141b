package io.wxtoken.token;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import io.wxtoken.wechat.Account;

/**
 * Rows of {@code wx_token} as they were read, and which of them belong to which
 * configured account. An account's row is the first by id that carries its app id. The
 * first account also takes over a row without an app id, such as rows 1 and 2 of the 2015
 * class, if it has no row of its own.
 *
 * @param all the rows that were read: at least all of these accounts, each account's by
 * id
 * @param configured the rows that the accounts use, in the accounts' order
 * @param missing the rows that the accounts want and that are not in the table
 */
public record RowSet(List<TokenRow> all, Map<RowKey, TokenRow> configured, List<RowKey> missing) {

    /** Why the job leaves a row alone. */
    public enum Reason {

        /** The account uses a row with a smaller id for the same purpose. */
        DUPLICATE("the account uses another row of this type"),

        /** The row has no app id. */
        NO_APP_ID("it has no app_id"),

        /** No configured account has its app id. */
        OTHER_APP_ID("its app_id is not configured"),

        /** The account does not want this ticket. */
        UNWANTED_TYPE("its account does not want this type");

        private final String text;

        Reason(String text) {
            this.text = text;
        }

        /** The reason as a clause about the row, for people. */
        @Override
        public String toString() {
            return text;
        }

    }

    /** A row that the job leaves alone. */
    public record Unused(TokenRow row, Reason reason) {
    }

    /** No rows, for a table that can't be read. */
    public static final RowSet EMPTY = new RowSet(List.of(), Map.of(), List.of());

    /**
     * @param all at least all rows with the accounts' app ids, each account's by id, and
     * those without an app id if the first account is among them
     */
    public static RowSet of(List<TokenRow> all, List<Account> accounts) {
        Map<RowKey, TokenRow> byKey = new HashMap<>();
        all.forEach(row -> byKey.putIfAbsent(row.key(), row));
        Map<RowKey, TokenRow> configured = new LinkedHashMap<>();
        List<RowKey> missing = new ArrayList<>();
        for (Account account : accounts) {
            for (RowKey key : RowKey.of(account)) {
                TokenRow row = byKey.getOrDefault(key, account.first() ? byKey.get(new RowKey("", key.type())) : null);
                if (row == null) {
                    missing.add(key);
                }
                else {
                    configured.put(key, row);
                }
            }
        }
        return new RowSet(all, configured, missing);
    }

    /**
     * The rows that the job leaves alone, by id.
     * @param accounts all configured accounts
     */
    public List<Unused> unused(List<Account> accounts) {
        Set<Integer> used = new HashSet<>();
        configured.values().forEach(row -> used.add(row.id()));
        Set<String> appIds = new HashSet<>();
        accounts.forEach(account -> appIds.add(account.appId()));
        List<Unused> unused = new ArrayList<>();
        for (TokenRow row : all) {
            if (!used.contains(row.id())) {
                unused.add(new Unused(row,
                        configured.containsKey(row.key()) ? Reason.DUPLICATE : row.appId().isEmpty() ? Reason.NO_APP_ID
                                : appIds.contains(row.appId()) ? Reason.UNWANTED_TYPE : Reason.OTHER_APP_ID));
            }
        }
        return unused;
    }
}
