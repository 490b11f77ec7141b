package io.wxtoken.token;

import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;

import io.wxtoken.settings.Account;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.WeChatClient;

/** An account's access_token, from its endpoint. */
class AccessTokenSource implements Source {

    /** Of forced refreshes on the stable endpoint WeChat allows 20 a day, 30 s apart. */
    private static final int FORCED_A_DAY = 20;

    private static final long FORCED_APART = 30;

    private static final ZoneId SHANGHAI = ZoneId.of("Asia/Shanghai");

    private final Account account;

    private final WeChatClient weChat;

    private final TokenRows rows;

    private boolean counted;

    AccessTokenSource(Account account, WeChatClient weChat, TokenRows rows) {
        this.account = account;
        this.weChat = weChat;
        this.rows = rows;
    }

    @Override
    public String appId() {
        return account.appId();
    }

    private boolean stable() {
        return account.endpoint() == Endpoint.STABLE_TOKEN;
    }

    @Override
    public boolean ageCounts() {
        return account.ageCounts(AccountRefresher.ACCESS_TOKEN);
    }

    @Override
    public String obstacle(TokenRow row, Verdict why) {
        if (!stable() || why != Verdict.FORCED) {
            return null;
        }
        long wait = row.forcedAt() + FORCED_APART - row.now();
        return wait > 0 ? "forced less than 30 s ago: WeChat would give the same token; again in " + wait + " s"
                : forcedToday(row) >= FORCED_A_DAY ? "WeChat's 20 forced refreshes a day are used up until 00:00 in Shanghai" : null;
    }

    /**
     * On the stable endpoint an operator's force is one of WeChat's; a token that WeChat calls dead is forced only if the
     * plain call brings that very token back.
     */
    @Override
    public Answer fetch(TokenRow row, Verdict why) {
        if (!stable()) {
            return weChat.fetchToken(account, false);
        }
        if (why == Verdict.FORCED) {
            return force(row);
        }
        Answer answer = weChat.fetchToken(account, false);
        boolean sameDeadToken = why == Verdict.DEAD && answer instanceof Answer.Issued token && token.value().equals(row.value());
        return sameDeadToken && (counted || obstacle(row, Verdict.FORCED) == null) ? force(row) : answer;
    }

    private Answer force(TokenRow row) {
        counted = counted || rows.countForced(row, forcedToday(row) + 1); // once, if it is asked again in the same run
        return counted ? weChat.fetchToken(account, true)
                : new Answer.Unknown("another run forces a refresh at this moment", Answer.Reach.NOT_SENT);
    }

    private static int forcedToday(TokenRow row) {
        return day(row.forcedAt()).equals(day(row.now())) ? row.forcedCount() : 0;
    }

    private static LocalDate day(long unixSeconds) {
        return Instant.ofEpochSecond(unixSeconds).atZone(SHANGHAI).toLocalDate();
    }

    /** The stable endpoint may give a token that has lived for a while: it is as old as its life is used. */
    @Override
    public Times times(TokenRow seen, Answer.Issued given) {
        long used = stable() ? Math.max(0, WxProperties.TOKEN_LIFE.toSeconds() - given.expiresIn()) : 0;
        return new Times(used, given.expiresIn());
    }
}
