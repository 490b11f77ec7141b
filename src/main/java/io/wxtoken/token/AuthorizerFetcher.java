package io.wxtoken.token;

import java.util.Optional;

import io.wxtoken.ExitCode;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.WeChatClient;

/**
 * Fetches the access_token of an account that authorized a platform. WeChat is asked with
 * the refresh token that is stored at that moment, when the row is claimed, and the
 * refresh token that it gives is published together with the token.
 */
final class AuthorizerFetcher implements TokenFetcher {

    private final Account account;

    private final Result component;

    private final Authorizers authorizers;

    private final WeChatClient weChat;

    private String used;

    private final boolean componentWasDead;

    private boolean componentTokenDead;

    /**
     * @param component what this run did with the platform's row
     * @param componentWasDead whether that was to replace a token that WeChat called dead
     */
    AuthorizerFetcher(Account account, Result component, boolean componentWasDead, Authorizers authorizers,
            WeChatClient weChat) {
        this.account = account;
        this.component = component;
        this.componentWasDead = componentWasDead;
        this.authorizers = authorizers;
        this.weChat = weChat;
    }

    @Override
    public Account account() {
        return account;
    }

    @Override
    public String blockedBecause(TokenRow row, Verdict why) {
        if (!component.row().live()) {
            return "needs a live component_access_token: " + component.detail();
        }
        return componentWasDead && component.outcome() != Outcome.REFRESHED
                ? "WeChat calls the component_access_token dead, and it is not replaced yet: " + component.detail()
                : null;
    }

    @Override
    public Answer fetch(TokenRow row, Verdict why, Runnable asking) {
        Optional<String> refreshToken = authorizers.refreshToken(account);
        if (refreshToken.isEmpty()) {
            return new Answer.Unknown("the account no longer authorizes the platform: its row in wx_authorizer is gone",
                    Answer.Reach.NOT_SENT, ExitCode.OK);
        }
        used = refreshToken.get();
        asking.run();
        Answer answer = weChat.fetchAuthorizerToken(account, component.row().value(), used);
        if (answer instanceof Answer.TokenDead dead && componentWasDead) {
            // it is the account's fault, and each run would fetch another token in vain
            return new Answer.Unknown(
                    "api_authorizer_token answers errcode %d, %s, with a new component_access_token, too"
                        .formatted(dead.errcode(), dead.errmsg()),
                    Answer.Reach.ANSWERED);
        }
        componentTokenDead = answer instanceof Answer.TokenDead;
        return answer;
    }

    /** The platform's row, with whose value WeChat is asked. */
    TokenRow componentToken() {
        return component.row();
    }

    /** Whether the last fetch showed that the platform's token is dead. */
    boolean componentTokenDead() {
        return componentTokenDead;
    }

    /** An answer without a refresh token leaves the one that is stored. */
    @Override
    public FetchedValue fetched(TokenRow seen, Answer.Issued given) {
        return new FetchedValue(given.value(), 0, given.expiresIn(), new Authorizers.Rotation(account.appId(), used,
                given.refreshToken() == null ? used : given.refreshToken()));
    }

}
