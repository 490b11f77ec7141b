package io.wxtoken.token;

import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Answer.Reach;
import io.wxtoken.wechat.ProbeResult;
import io.wxtoken.wechat.Ticket;
import io.wxtoken.wechat.WeChatClient;

/** Fetches an account's ticket with the account's live access_token. */
final class TicketFetcher implements TokenFetcher {

    private final Account account;

    private final Ticket ticket;

    private final TokenRow accessToken;

    private final WeChatClient weChat;

    private final long before;

    private final RefreshListener listener;

    private boolean tokenDead;

    /**
     * @param accessToken the row of the account's access_token, as just seen or published
     * @param before {@code wx.refresh.before} in seconds
     */
    TicketFetcher(Account account, Ticket ticket, TokenRow accessToken, WeChatClient weChat, long before,
            RefreshListener listener) {
        this.account = account;
        this.ticket = ticket;
        this.accessToken = accessToken;
        this.weChat = weChat;
        this.before = before;
        this.listener = listener;
    }

    @Override
    public Account account() {
        return account;
    }

    @Override
    public String blockedBecause(TokenRow row, Verdict why) {
        return accessToken.live() ? null : "needs a live access_token";
    }

    /**
     * A ticket's request may call the access_token dead although it lives. So only a
     * probe's word condemns the token; otherwise the ticket alone has failed, and is
     * asked for again after a wait that grows.
     */
    @Override
    public Answer fetch(TokenRow row, Verdict why, Runnable asking) {
        asking.run();
        Answer answer = weChat.fetchTicket(account, ticket, accessToken.value());
        if (!(answer instanceof Answer.TokenDead refused)) {
            return answer;
        }
        ProbeResult probed = weChat.probe(account, accessToken.value());
        listener.probed(account.appId(), probed);
        tokenDead = probed == ProbeResult.DEAD;
        return tokenDead ? refused
                : new Answer.Unknown("the call for the ticket answers errcode %d, %s, although the access_token %s"
                    .formatted(refused.errcode(), refused.errmsg(),
                            probed == ProbeResult.ALIVE ? "lives" : "was not found dead"),
                        Reach.ANSWERED);
    }

    /** Whether the last fetch showed that the access_token is dead. */
    boolean tokenDead() {
        return tokenDead;
    }

    @Override
    public FetchedValue fetched(TokenRow seen, Answer.Issued given) {
        return FetchedValue.perhapsRepeated(seen, given, before);
    }

}
