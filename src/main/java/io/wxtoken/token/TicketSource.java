package io.wxtoken.token;

import io.wxtoken.settings.Account;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Ticket;
import io.wxtoken.wechat.WeChatClient;

/** An account's ticket, for its live access_token. */
final class TicketSource implements Source {

    private final Account account;

    private final Ticket ticket;

    private final TokenRow accessToken;

    private final WeChatClient weChat;

    private final long before;

    private boolean tokenDead;

    /**
     * @param accessToken the row of the account's access_token, as just seen or published
     * @param before seconds; {@code wx.refresh.before}
     */
    TicketSource(Account account, Ticket ticket, TokenRow accessToken, WeChatClient weChat, long before) {
        this.account = account;
        this.ticket = ticket;
        this.accessToken = accessToken;
        this.weChat = weChat;
        this.before = before;
    }

    @Override
    public String appId() {
        return account.appId();
    }

    @Override
    public boolean ageCounts() {
        return account.ageCounts(ticket.rowType());
    }

    @Override
    public String obstacle(TokenRow row, Verdict why) {
        return accessToken.live() ? null : "needs a live access_token";
    }

    @Override
    public Answer fetch(TokenRow row, Verdict why) {
        Answer answer = weChat.fetchTicket(ticket, accessToken.value());
        tokenDead = answer instanceof Answer.TokenDead;
        return answer;
    }

    /** The last fetch showed that the access_token is dead. */
    boolean tokenDead() {
        return tokenDead;
    }

    /**
     * WeChat says 7200 s each time that it gives the same ticket, so an unchanged one keeps the end that it had when first
     * seen. One that WeChat still gives after that end has lived on: it is asked for again soon.
     */
    @Override
    public Times times(TokenRow seen, Answer.Issued given) {
        if (!given.value().equals(seen.value())) {
            return new Times(0, given.expiresIn());
        }
        return new Times(0, Math.min(given.expiresIn(), seen.timeLeft() > 0 ? seen.timeLeft() : before));
    }
}
