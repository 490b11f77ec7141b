package io.wxtoken.token;

import java.time.Duration;
import java.util.Optional;

import io.wxtoken.settings.Account;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Answer.Reach;
import io.wxtoken.wechat.WeChatClient;

/**
 * Fetches an access_token for somebody else than the row, which kills the row's: so the row is claimed meanwhile, as for any
 * fetch ({@link Refresher}), and its refresh is requested when one was, or may have been, issued. Whoever dies on the way
 * leaves a claim that lapses, and a lapsed claim is due.
 */
public final class UnstoredFetch {

    private final TokenRows rows;

    private final WeChatClient weChat;

    private final WxProperties wx;

    private final Node me;

    public UnstoredFetch(TokenRows rows, WeChatClient weChat, WxProperties wx, Node me) {
        this.rows = rows;
        this.weChat = weChat;
        this.wx = wx;
        this.me = me;
    }

    /**
     * @param row of the account's access_token, as just read
     * @return what WeChat answered; empty when it was not asked, as another run is at work on the row
     * @throws org.springframework.dao.DataAccessException when the database fails; nobody was asked, or the claim is left to lapse
     */
    public Optional<Answer> fetch(Account account, TokenRow row) {
        boolean held = new RefreshPolicy(wx.refresh()).judge(row, account.ageCounts(row.type()), Occasion.FORCED, me, account.appId()) == Verdict.HELD;
        long begun = System.nanoTime();
        Optional<Claim> claimed = held ? Optional.empty() : rows.claim(row, me.run(), wx.refresh().lease());
        if (claimed.isEmpty()) {
            return Optional.empty();
        }
        Claim claim = claimed.get();
        Duration leaseLeft = wx.refresh().lease().minusNanos(System.nanoTime() - begun);
        Answer answer = leaseLeft.compareTo(weChat.requestTimeout()) < 0 ? new Answer.Unknown("paused for too long after the claim", Reach.NOT_SENT)
                : weChat.fetchToken(account, false);
        if (answer instanceof Answer.Refused || answer instanceof Answer.Unknown notSent && notSent.reach() == Reach.NOT_SENT) {
            asItWas(claim);
        }
        else {
            rows.requestAfterFence(row.id());
            if (answer instanceof Answer.Unknown unknown && unknown.reach() == Reach.IN_FLIGHT) {
                rows.leaveToLapse(claim, "for wx-token fetch: " + unknown.reason());
            }
            else { // WeChat grants calls: what it refused before is no reason for the refresh to wait
                rows.giveBack(claim, 0, 0, "", "");
            }
        }
        return Optional.of(answer);
    }

    private void asItWas(Claim claim) {
        TokenRow seen = claim.seen();
        if (seen.refreshRequested() == TokenRow.REQUESTED_BY_FENCED_RUN) {
            rows.requestAfterFence(seen.id());
        }
        else if (seen.refreshRequested() != 0) {
            rows.requestFor(seen.id(), seen.value());
        }
        // Last, as whoever dies before it leaves a claim that lapses.
        rows.giveBack(claim, seen.failures(), Math.max(0, seen.retryAfter() - seen.now()), seen.failedBy(), seen.lastError());
    }
}
