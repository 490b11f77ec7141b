package io.wxtoken.status;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import com.fasterxml.jackson.annotation.JsonValue;

import io.wxtoken.settings.WxProperties;
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
 * @param usable whether every configured row exists and its value has not expired
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
         * It belongs to no configured account, and the job leaves it alone.
         */
        NOT_CONFIGURED;

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
     * @param ageSeconds seconds since the value was obtained; null without a value
     * @param secondsLeft seconds that the value still lives; 0 or less when it has
     * expired; null without a value
     * @param nextRefresh when a run refreshes the row, if nobody requests it earlier;
     * null when no run will
     * @param claimedBy the run that holds the row, or null
     * @param failures how many refreshes in a row failed
     * @param note the last error, or why the row is due, on one line
     * @param fingerprint of the value, as in the logs
     */
    public record Row(String appId, String type, State state, boolean usable, Long ageSeconds, Long secondsLeft,
            Instant nextRefresh, String claimedBy, int failures, String note, String fingerprint) {
    }

    /**
     * Reads the rows.
     * @param wx the settings; if they name no account, all rows are judged
     * @throws SQLException when the database can't be reached, or refuses
     */
    public static Status read(Connection connection, WxProperties wx, RunId me) throws SQLException {
        List<Account> accounts = wx.allAccounts();
        RowSet read = RowSet.of(TokenRepository.readAll(connection), accounts);
        RefreshPolicy policy = new RefreshPolicy(wx.refresh(), wx.probe());
        List<Row> rows = new ArrayList<>();
        for (Account account : accounts) {
            for (RowKey key : RowKey.of(account)) {
                TokenRow row = read.configured().get(key);
                rows.add(row == null ? missing(key) : of(row, account, policy, me));
            }
        }
        for (RowSet.Unused unused : read.unused(accounts)) {
            TokenRow row = unused.row();
            rows.add(accounts.isEmpty()
                    ? of(row, new Account(row.appId(), null, Endpoint.TOKEN, List.of(), false), policy, me)
                    : row(row, row.appId(), State.NOT_CONFIGURED, null, null,
                            "row " + row.id() + " is left alone: " + unused.reason()));
        }
        boolean usable = rows.stream().allMatch(row -> row.usable() || row.state() == State.NOT_CONFIGURED);
        Instant readAt = read.all().isEmpty() ? Instant.now() : Instant.ofEpochSecond(read.all().get(0).now());
        return new Status(usable && !rows.isEmpty(), readAt, rows);
    }

    private static Row missing(RowKey key) {
        return new Row(key.appId(), key.type(), State.DEAD, false, null, null, null, null, 0, "no row yet", null);
    }

    private static Row of(TokenRow row, Account account, RefreshPolicy policy, RunId me) {
        Verdict verdict = policy.judge(row, account, Trigger.SCHEDULE, me);
        boolean held = verdict == Verdict.HELD && !row.leftToLapse();
        boolean failing = row.lastRefresh().failures() > 0;
        State state = !row.live() ? State.DEAD
                : held ? State.HELD : failing ? State.FAILING : verdict.due() ? State.DUE : State.FRESH;
        String note = failing && !held ? row.lastRefresh().error() : verdict.due() ? verdict.reason()
                : verdict == Verdict.ON_HOLD ? "a refresh was requested and waits for wx.refresh.request-interval" : "";
        return row(row, account.appId(), state, Instant.ofEpochSecond(policy.dueAt(row, account, me)),
                held ? row.claim().by() : null, note);
    }

    private static Row row(TokenRow row, String appId, State state, Instant nextRefresh, String claimedBy,
            String note) {
        boolean none = row.value().isEmpty();
        return new Row(appId, row.type(), state, row.live(), none ? null : row.age(), none ? null : row.timeLeft(),
                nextRefresh, claimedBy, row.lastRefresh().failures(), note.replaceAll("\\p{C}", " "),
                none ? null : Fingerprint.shortOf(row.value()));
    }
}
