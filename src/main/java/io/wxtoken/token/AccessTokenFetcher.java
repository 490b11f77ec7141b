package io.wxtoken.token;

import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;

import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Lifetimes;
import io.wxtoken.wechat.WeChatClient;

/** Fetches an account's access_token from the account's endpoint. */
class AccessTokenFetcher implements TokenFetcher {

    /**
     * On the stable endpoint WeChat allows 20 forced refreshes a day, at least 30 s apart
     * (WX/doc/service/api/base/api_getstableaccesstoken).
     */
    private static final int FORCED_A_DAY = 20;

    private static final long FORCED_APART = 30;

    private static final ZoneId SHANGHAI = ZoneId.of("Asia/Shanghai");

    private final Account account;

    private final WeChatClient weChat;

    private final TokenRepository rows;

    private boolean forceCounted;

    AccessTokenFetcher(Account account, WeChatClient weChat, TokenRepository rows) {
        this.account = account;
        this.weChat = weChat;
        this.rows = rows;
    }

    @Override
    public Account account() {
        return account;
    }

    /** Whether WeChat can be made to issue a token while the current one lives. */
    private boolean forcible() {
        return account.endpoint() == Endpoint.STABLE_TOKEN;
    }

    @Override
    public String blockedBecause(TokenRow row, Verdict why) {
        if (!forcible() || why != Verdict.FORCED) {
            return null;
        }
        long wait = row.forced().at() + FORCED_APART - row.now();
        if (wait > 0 && wait <= FORCED_APART) {
            return "forced less than 30 s ago, and WeChat would give the same token: force it again in " + wait + " s";
        }
        return forcedToday(row) >= FORCED_A_DAY
                ? "WeChat's 20 forced refreshes a day are used up until 00:00 in Shanghai" : null;
    }

    /**
     * On the stable endpoint an operator's force uses one of WeChat's forced refreshes. A
     * token that WeChat calls dead is forced only if the plain call brings that very
     * token back.
     */
    @Override
    public Answer fetch(TokenRow row, Verdict why, Runnable asking) {
        if (forcible() && why == Verdict.FORCED) {
            return force(row, asking);
        }
        asking.run();
        Answer answer = weChat.fetchToken(account, false);
        boolean sameDeadToken = forcible() && why == Verdict.DEAD && answer instanceof Answer.Issued token
                && token.value().equals(row.value());
        return sameDeadToken && (forceCounted || blockedBecause(row, Verdict.FORCED) == null) ? force(row, asking)
                : answer;
    }

    private Answer force(TokenRow row, Runnable asking) {
        // a run that repeats its request counts once
        forceCounted = forceCounted || rows.countForced(row, forcedToday(row) + 1);
        if (!forceCounted) {
            return new Answer.Unknown("another run is forcing a refresh at this moment", Answer.Reach.NOT_SENT);
        }
        asking.run();
        return weChat.fetchToken(account, true);
    }

    private static int forcedToday(TokenRow row) {
        return day(row.forced().at()).equals(day(row.now())) ? row.forced().count() : 0;
    }

    private static LocalDate day(long unixSeconds) {
        return Instant.ofEpochSecond(unixSeconds).atZone(SHANGHAI).toLocalDate();
    }

    /**
     * The stable endpoint may give a token that was issued a while ago, so its age is
     * computed from the life that is left. WeCom may do so, too, without saying what is
     * left.
     */
    @Override
    public FetchedValue fetched(TokenRow seen, Answer.Issued given) {
        if (account.isWeCom()) {
            return FetchedValue.perhapsRepeated(seen, given, Lifetimes.GRACE.toSeconds());
        }
        long used = account.endpoint().repeats() ? Math.max(0, Lifetimes.TOKEN.toSeconds() - given.expiresIn()) : 0;
        return new FetchedValue(given.value(), used, given.expiresIn());
    }

}
