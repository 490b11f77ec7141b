package io.wxtoken.token;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

import io.wxtoken.ExitCode;
import io.wxtoken.token.Authorizers.VerifyTicket;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.ErrorCode;
import io.wxtoken.wechat.WeChatClient;

/**
 * Fetches a platform's component_access_token with the ticket that its web application
 * stored last.
 */
record ComponentFetcher(Account account, Authorizers authorizers, WeChatClient weChat) implements TokenFetcher {

    @Override
    public String blockedBecause(TokenRow row, Verdict why) {
        return null;
    }

    @Override
    public Answer fetch(TokenRow row, Verdict why, Runnable asking) {
        Optional<VerifyTicket> ticket = authorizers.verifyTicket(account);
        if (ticket.isEmpty()) {
            return new Answer.Unknown("wx_component has no verify_ticket of this platform: see that its web application"
                    + " stores each ticket that WeChat pushes there", Answer.Reach.NOT_SENT, ExitCode.ACT);
        }
        asking.run();
        Answer answer = weChat.fetchComponentToken(account, ticket.get().value());
        return answer instanceof Answer.Refused refused
                && ErrorCode.of(refused.errcode(), account.endpoint()).concernsVerifyTicket()
                        ? refused.because("the newest came " + sinceWhen(ticket.get())) : answer;
    }

    private static String sinceWhen(VerifyTicket ticket) {
        return "%s, %d min ago".formatted(Instant.ofEpochSecond(ticket.receivedAt()),
                Duration.ofSeconds(ticket.now() - ticket.receivedAt()).toMinutes());
    }

    @Override
    public FetchedValue fetched(TokenRow seen, Answer.Issued given) {
        return new FetchedValue(given.value(), 0, given.expiresIn());
    }

}
