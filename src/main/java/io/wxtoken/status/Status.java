package io.wxtoken.status;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import com.fasterxml.jackson.annotation.JsonValue;

import io.wxtoken.settings.Account;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.Fingerprint;
import io.wxtoken.token.Node;
import io.wxtoken.token.Occasion;
import io.wxtoken.token.RefreshPolicy;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;
import io.wxtoken.token.Verdict;

/**
 * How the rows are, by the rules that a run goes by.
 *
 * @param readAt by the database's clock
 * @param usable every row holds a value whose time is not over, and there is one for whatever is configured
 */
public record Status(boolean usable, Instant readAt, List<Row> rows) {

    /** What an operator wants to know of a row first. */
    public enum State {

        /** Nothing is due. */
        FRESH,

        /** The next run refreshes it; its value is usable until then. */
        DUE,

        /** A run is at work on it; its value is usable. */
        HELD,

        /** The last refresh failed; its value is still usable. */
        FAILING,

        /** Its value is dead, or there is none. */
        DEAD,

        /** It is of no configured account, and left alone. */
        NOT_CONFIGURED;

        /** As people and machines read it. */
        @JsonValue
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }
    }

    /**
     * @param ageSeconds since the value was obtained; null without one
     * @param secondsLeft that the value has; 0 or less when it is dead; null without one
     * @param nextRefresh when a run refreshes it, if nobody asks for it earlier; null when none will
     * @param claimedBy the run that is at work on it, or null
     * @param failures in a row
     * @param note the last error, or why it is due; on one line
     * @param fingerprint of the value, as in the logs
     */
    public record Row(String appId, String type, State state, boolean usable, Long ageSeconds, Long secondsLeft, Instant nextRefresh,
            String claimedBy, int failures, String note, String fingerprint) {
    }

    /**
     * @param wx without accounts, all rows are looked at
     * @throws SQLException when the database can't be reached, or refuses
     */
    public static Status read(Connection connection, WxProperties wx, Node me) throws SQLException {
        List<TokenRow> all = TokenRows.readAll(connection);
        List<Account> accounts = wx.allAccounts();
        RefreshPolicy policy = new RefreshPolicy(wx.refresh());
        List<Row> rows = new ArrayList<>();
        Map<TokenRows.Key, TokenRow> configured = TokenRows.find(all, accounts, AccountRefresher::types);
        for (Account account : accounts) {
            for (String type : AccountRefresher.types(account)) {
                TokenRow row = configured.get(new TokenRows.Key(account.appId(), type));
                rows.add(row == null ? new Row(account.appId(), type, State.DEAD, false, null, null, null, null, 0, "no row yet", null)
                        : of(row, account.appId(), policy, account.ageCounts(type), me));
            }
        }
        for (TokenRow row : all) {
            if (accounts.isEmpty()) {
                rows.add(of(row, row.appId(), policy, true, me));
            }
            else if (!configured.containsValue(row)) {
                rows.add(notConfigured(row));
            }
        }
        boolean usable = rows.stream().allMatch(row -> row.usable() || row.state() == State.NOT_CONFIGURED);
        Instant readAt = all.isEmpty() ? Instant.now() : Instant.ofEpochSecond(all.get(0).now());
        return new Status(usable && !rows.isEmpty(), readAt, rows);
    }

    private static Row of(TokenRow row, String appId, RefreshPolicy policy, boolean ageCounts, Node me) {
        Verdict verdict = policy.judge(row, ageCounts, Occasion.SCHEDULE, me, appId);
        boolean held = verdict == Verdict.HELD;
        State state = !row.live() ? State.DEAD : held ? State.HELD : row.failures() > 0 ? State.FAILING : verdict.due() ? State.DUE : State.FRESH;
        String note = row.failures() > 0 && !held ? row.lastError() : verdict.due() ? verdict.reason()
                : verdict == Verdict.ON_HOLD ? "asked for again, and waits for wx.refresh.request-interval" : "";
        return row(row, appId, state, Instant.ofEpochSecond(policy.dueAt(row, ageCounts, me, appId)), held ? row.claimedBy() : null, note);
    }

    private static Row notConfigured(TokenRow row) {
        return row(row, row.appId(), State.NOT_CONFIGURED, null, null, "row " + row.id() + " is left alone");
    }

    private static Row row(TokenRow row, String appId, State state, Instant nextRefresh, String claimedBy, String note) {
        boolean none = row.value().isEmpty();
        return new Row(appId, row.type(), state, row.live(), none ? null : row.age(), none ? null : row.timeLeft(), nextRefresh, claimedBy,
                row.failures(), note.replaceAll("\\p{C}", " "), none ? null : Fingerprint.shortOf(row.value()));
    }
}
