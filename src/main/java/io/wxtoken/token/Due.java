package io.wxtoken.token;

import java.time.Duration;
import java.util.Map;

import io.wxtoken.settings.Account;
import io.wxtoken.settings.WxProperties;

/**
 * Whether a run has anything to do, by the rules that it then goes by: known from the rows alone, before anything is
 * started for it.
 */
public final class Due {

    private static final Node NOBODY = new Node("", "");

    private final RefreshPolicy policy;

    private final Duration probeInterval;

    public Due(WxProperties wx) {
        this.policy = new RefreshPolicy(wx.refresh());
        this.probeInterval = wx.probe().interval();
    }

    /**
     * A run over the account's rows would neither write nor ask WeChat, and end well.
     *
     * @param rows as {@link TokenRows#find} gives them: a missing one is null
     */
    public boolean nothing(Account account, Map<TokenRows.Key, TokenRow> rows) {
        return AccountRefresher.types(account).stream().allMatch(type -> nothing(account, type, rows.get(new TokenRows.Key(account.appId(), type))));
    }

    private boolean nothing(Account account, String type, TokenRow row) {
        return row != null && row.live() && switch (policy.judge(row, account.ageCounts(type), Occasion.SCHEDULE, NOBODY, account.appId())) {
            // What WeChat refused is said by each run. A token that waits to be asked for again may have to be probed all the same.
            case FRESH, ON_HOLD -> row.failures() == 0 && (!type.equals(AccountRefresher.ACCESS_TOKEN) || !RefreshPolicy.probeDue(row, probeInterval));
            case HELD -> true;
            default -> false;
        };
    }
}
