package io.wxtoken.status;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import com.fasterxml.jackson.annotation.JsonValue;

import io.wxtoken.settings.InvalidSettingsException;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.Authorizers;
import io.wxtoken.token.Fingerprint;
import io.wxtoken.token.RefreshPolicy;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.RowSet;
import io.wxtoken.token.RunId;
import io.wxtoken.token.TokenRepository;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.Trigger;
import io.wxtoken.token.Verdict;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;

/**
 * The state of the rows, judged by the rules that a run uses.
 *
 * @param readAt when the rows were read, by the database's clock
 * @param usable whether every row exists that the job is expected to keep fresh, and its
 * value has not expired
 */
public record Status(boolean usable, Instant readAt, List<Row> rows) {

    /**
     * The state of a row. When several apply, it is the one that matters most to an
     * operator.
     */
    public enum State {

        /** Nothing is due. */
        FRESH,

        /** The next run refreshes it; its value is usable until then. */
        DUE,

        /**
         * A run holds it; its value is usable.
         */
        HELD,

        /** The last refresh failed; its value is still usable. */
        FAILING,

        /**
         * Its value has expired, or there is none.
         */
        DEAD,

        /**
         * Its account no longer authorizes the third-party platform, as WeChat said
         * within the last day.
         */
        UNAUTHORIZED,

        /**
         * It belongs to no configured account, and the job leaves it alone.
         */
        NOT_CONFIGURED;

        /** Whether the job is expected to keep the row fresh. */
        boolean expected() {
            return this != UNAUTHORIZED && this != NOT_CONFIGURED;
        }

        /**
         * The state's name in the table and in JSON.
         */
        @JsonValue
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }

    }

    /**
     * One row.
     *
     * @param name what people call the account; null without a name
     * @param ageSeconds seconds since the value was obtained; null without a value, or if
     * nobody can tell
     * @param secondsLeft seconds that the value still lives; 0 or less when it has
     * expired; null without a value
     * @param nextRefresh when a run refreshes the row, if nobody requests it earlier;
     * null when no run will
     * @param dueSeconds for how many seconds the row has been due by its age or its end;
     * 0 when it is not
     * @param claimedBy the run that holds the row, or null
     * @param failures how many refreshes in a row failed
     * @param note the last error, or why the row is due, on one line
     * @param fingerprint of the value, as in the logs
     */
    public record Row(String appId, String name, String type, State state, boolean usable, Long ageSeconds,
            Long secondsLeft, Instant nextRefresh, long dueSeconds, String claimedBy, int failures, String note,
            String fingerprint) {
    }

    /**
     * Reads the rows.
     * @param wx the settings; if they name no account, all rows are judged
     * @param wanted the account whose rows are read, by its app id or its name; null for
     * all rows
     * @throws io.wxtoken.settings.InvalidSettingsException when there is no such account
     * @throws SQLException when the database can't be reached, or refuses
     */
    public static Status read(Connection connection, WxProperties wx, String wanted, RunId me) throws SQLException {
        boolean unknown = wx.allAccounts().isEmpty();
        List<Account> accounts = unknown ? List.of() : wanted == null ? Authorizers.withConfigured(connection, wx)
                : List.of(Authorizers.find(connection, wx, wanted));
        RowSet read = RowSet.of(wanted == null ? TokenRepository.readAll(connection)
                : TokenRepository.read(connection, unknown ? List.of(unknown(wanted)) : accounts), accounts);
        if (wanted != null && unknown && read.all().isEmpty()) {
            throw new InvalidSettingsException(
                    "--app-id=" + wanted + " has no row in wx_token, and no account is configured: see wx.app-id");
        }
        RefreshPolicy policy = new RefreshPolicy(wx.refresh(), wx.probe());
        List<Row> rows = new ArrayList<>();
        for (Account account : accounts) {
            boolean unauthorized = policy.isUnauthorized(account, read.configured().get(RowKey.token(account)));
            for (RowKey key : RowKey.of(account)) {
                TokenRow row = read.configured().get(key);
                rows.add(row == null ? missing(account, key)
                        : unauthorized ? row(row, account, State.UNAUTHORIZED, null, 0, null, row.lastRefresh().error())
                                : of(row, account, policy, me));
            }
        }
        for (RowSet.Unused unused : read.unused(accounts)) {
            TokenRow row = unused.row();
            rows.add(accounts.isEmpty() ? of(row, unknown(row.appId()), policy, me) : row(row, unknown(row.appId()),
                    State.NOT_CONFIGURED, null, 0, null, "row " + row.id() + " is left alone: " + unused.reason()));
        }
        boolean usable = rows.stream().allMatch(row -> row.usable() || !row.state().expected());
        Instant readAt = read.all().isEmpty() ? Instant.now() : Instant.ofEpochSecond(read.all().get(0).now());
        return new Status(usable && !rows.isEmpty(), readAt, rows);
    }

    /** An account that is not configured. WeCom's app ids alone have a colon. */
    private static Account unknown(String appId) {
        return new Account(appId, null, appId.contains(":") ? Endpoint.WECOM : Endpoint.TOKEN, List.of(), false);
    }

    private static Row missing(Account account, RowKey key) {
        return new Row(key.appId(), nameOf(account), key.type(), State.DEAD, false, null, null, null, 0, null, 0,
                "no row yet", null);
    }

    private static String nameOf(Account account) {
        return account.name().isEmpty() ? null : account.name();
    }

    private static Row of(TokenRow row, Account account, RefreshPolicy policy, RunId me) {
        Verdict verdict = policy.judge(row, account, Trigger.SCHEDULE, me);
        boolean held = verdict == Verdict.HELD && !row.leftToLapse();
        boolean failing = row.lastRefresh().failures() > 0;
        State state = !row.live() ? State.DEAD
                : held ? State.HELD : failing ? State.FAILING : verdict.due() ? State.DUE : State.FRESH;
        String note = failing && !held ? row.lastRefresh().error() : verdict.due() ? verdict.reason()
                : verdict == Verdict.ON_HOLD ? "a refresh waits for wx.refresh.request-interval" : "";
        return row(row, account, state, Instant.ofEpochSecond(policy.dueAt(row, account, me)),
                policy.dueFor(row, account), held ? row.claim().by() : null, note);
    }

    private static Row row(TokenRow row, Account account, State state, Instant nextRefresh, long dueSeconds,
            String claimedBy, String note) {
        boolean none = row.value().isEmpty();
        Long age = none || row.obtainedAt() == 0 || row.obtainedAt() > row.now() ? null : Long.valueOf(row.age());
        return new Row(account.appId(), nameOf(account), row.type(), state, row.live(), age,
                none ? null : row.timeLeft(), nextRefresh, dueSeconds, claimedBy, row.lastRefresh().failures(),
                note.replaceAll("\\p{C}", " "), none ? null : Fingerprint.shortOf(row.value()));
    }
}
