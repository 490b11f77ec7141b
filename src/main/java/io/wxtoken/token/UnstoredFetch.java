package io.wxtoken.token;

import java.util.Optional;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Answer.Reach;
import io.wxtoken.wechat.WeChatClient;

/**
 * Fetches an access_token that is not stored, which kills the row's token. So the row is
 * claimed during the fetch, as for every fetch, and its refresh is requested when a token
 * was issued or may have been issued. A process that dies meanwhile leaves a claim that
 * lapses, which makes the row due.
 */
public final class UnstoredFetch {

    private final TokenRepository rows;

    private final WeChatClient weChat;

    private final WxProperties wx;

    private final RunId me;

    private final RefreshListener listener;

    public UnstoredFetch(TokenRepository rows, WeChatClient weChat, WxProperties wx, RunId me,
            RefreshListener listener) {
        this.rows = rows;
        this.weChat = weChat;
        this.wx = wx;
        this.me = me;
        this.listener = listener;
    }

    /**
     * @param row the row of the account's access_token, as just read
     * @return WeChat's answer; empty when WeChat was not asked, because another run is at
     * work on the row
     * @throws org.springframework.dao.DataAccessException when the database fails; then
     * WeChat was not asked, or the claim is left to lapse
     */
    public Optional<Answer> fetch(Account account, TokenRow row) {
        RefreshPolicy policy = new RefreshPolicy(wx.refresh(), wx.probe());
        if (policy.judge(row, account, Trigger.FORCED, me) == Verdict.HELD) {
            return Optional.empty();
        }
        return ClaimedFetch.claim(rows, row, me, wx.refresh().lease(), weChat.requestTimeout(), System::nanoTime)
            .map(claimed -> fetch(account, row, claimed));
    }

    private Answer fetch(Account account, TokenRow row, ClaimedFetch claimed) {
        Answer answer = claimed.ask(() -> {
            listener.fetching(RowKey.token(account));
            return weChat.fetchToken(account, false);
        });
        if (answer instanceof Answer.Refused
                || answer instanceof Answer.Unknown notSent && notSent.reach() == Reach.NOT_SENT) {
            releaseUnchanged(row, claimed);
            return answer;
        }
        rows.requestAfterFence(row.id());
        if (answer instanceof Answer.Unknown unknown && unknown.reach() == Reach.IN_FLIGHT) {
            claimed.leaveToLapse("for wx-token fetch: " + unknown.text());
        }
        else {
            // WeChat answers this account's calls, so an earlier refusal is no reason for
            // the refresh to wait
            claimed.release(Failure.NONE);
        }
        return answer;
    }

    /**
     * Releases the claim and leaves the row as it was. The claim cleared the row's
     * request, so the request is made again. That is done before the release, so that a
     * crash between the two leaves a claim that lapses.
     */
    private void releaseUnchanged(TokenRow row, ClaimedFetch claimed) {
        if (row.doomed() == TokenRow.MAYBE_KILLED) {
            rows.requestAfterFence(row.id());
        }
        else if (row.refreshWanted()) {
            rows.requestFor(row.id(), row.value());
        }
        claimed.release(Failure.storedIn(row));
    }

}
