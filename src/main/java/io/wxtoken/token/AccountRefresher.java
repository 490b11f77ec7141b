package io.wxtoken.token;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Supplier;

import org.springframework.dao.DataAccessException;

import io.wxtoken.ExitCode;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.ProbeResult;
import io.wxtoken.wechat.Ticket;
import io.wxtoken.wechat.WeChatClient;

/**
 * Refreshes the rows of one account: its access_token first, and with it the tickets. For
 * an account that authorized a platform, the platform's token comes before both. A fresh
 * token is probed every {@code wx.probe.interval}, because another program that refreshes
 * the same app id kills it unnoticed. A token that WeChat calls dead, in answer to a
 * probe or to a request for a ticket, is refreshed in the same run.
 */
public final class AccountRefresher {

    private final TokenRepository rows;

    private final Refresher refresher;

    private final RefreshPolicy policy;

    private final WeChatClient weChat;

    private final long before;

    private final RefreshListener listener;

    private final ComponentToken componentToken;

    /**
     * @param componentToken of the third-party platform; null without one
     * @param before {@code wx.refresh.before}
     */
    public AccountRefresher(TokenRepository rows, Refresher refresher, RefreshPolicy policy, WeChatClient weChat,
            ComponentToken componentToken, Duration before, RefreshListener listener) {
        this.rows = rows;
        this.componentToken = componentToken;
        this.refresher = refresher;
        this.policy = policy;
        this.weChat = weChat;
        this.before = before.toSeconds();
        this.listener = listener;
    }

    /**
     * @param known the account's rows, as just read, none of them missing
     * @param force whether to refresh the access_token even if it is not due
     * @param failed is called when the database fails for a row, and returns the row's
     * result; the other rows go on, unless it throws
     */
    public List<Result> refresh(Account account, Map<RowKey, TokenRow> known, boolean force,
            BiFunction<TokenRow, DataAccessException, Result> failed) {
        TokenRow tokenRow = known.get(RowKey.token(account));
        if (account.endpoint() == Endpoint.COMPONENT) {
            return List.of(orFailed(tokenRow, failed, () -> {
                Result result = componentToken.refreshed(force);
                return force ? orNotForced(result) : result;
            }));
        }
        List<Result> results = new ArrayList<>(
                List.of(orFailed(tokenRow, failed, () -> refreshToken(account, tokenRow, force))));
        for (Ticket ticket : account.tickets()) {
            TokenRow row = known.get(new RowKey(account.appId(), ticket.rowType()));
            results.add(orFailed(row, failed, () -> {
                TicketFetcher fetcher = fetcher(account, ticket, results.get(0));
                Result result = refresher.refresh(row, fetcher, Trigger.SCHEDULE);
                if (!fetcher.tokenDead()) {
                    return result;
                }
                TokenRow dead = results.get(0).row();
                results.set(0, orFailed(dead, failed, () -> refreshDead(account, dead)));
                Optional<TokenRow> again = rows.read(row.id());
                return results.get(0).row().value().equals(dead.value()) || again.isEmpty() ? result
                        : refresher.refresh(again.get(), fetcher(account, ticket, results.get(0)), Trigger.SCHEDULE);
            }));
        }
        return results;
    }

    private static Result orFailed(TokenRow row, BiFunction<TokenRow, DataAccessException, Result> failed,
            Supplier<Result> work) {
        try {
            return work.get();
        }
        catch (DataAccessException e) {
            return failed.apply(row, e);
        }
    }

    private TicketFetcher fetcher(Account account, Ticket ticket, Result token) {
        return new TicketFetcher(account, ticket, token.row(), weChat, before, listener);
    }

    private Result refreshToken(Account account, TokenRow row, boolean force) {
        if (row.foreign()) {
            listener.warning(RowKey.token(account), Verdict.FOREIGN_VALUE,
                    ("access_token: another program wrote this row, seen at %s: nobody can tell whose token came"
                            + " last, so it is fetched again. Find that program, and let it only read")
                        .formatted(Instant.ofEpochSecond(row.now())));
        }
        Result result = refresh(account, row, force ? Trigger.FORCED : Trigger.SCHEDULE);
        if (force && account.isWeCom() && result.outcome() == Outcome.FRESH) {
            listener.warning(RowKey.token(account), Verdict.FORCED,
                    "access_token: WeCom gave the same one again, as it does until its end; nothing makes it"
                            + " issue another before");
            return result;
        }
        if (force) {
            return orNotForced(result);
        }
        return result.outcome() == Outcome.FRESH && row.live() ? probe(account, row, result) : result;
    }

    private static Result orNotForced(Result result) {
        return result.outcome() == Outcome.REFRESHED || result.exitCode() != ExitCode.OK ? result
                : new Result(result.row(), Outcome.FAILED,
                        "not forced, but " + result.outcome()
                                + (result.detail().isEmpty() ? "" : ": " + result.detail()) + "; force it again",
                        ExitCode.RETRY);
    }

    private Result refresh(Account account, TokenRow row, Trigger trigger) {
        if (account.endpoint() != Endpoint.AUTHORIZER) {
            return refresher.refresh(row, new AccessTokenFetcher(account, weChat, rows), trigger);
        }
        AuthorizerFetcher fetcher = componentToken.fetcherFor(account);
        Result result = refresher.refresh(row, fetcher, trigger);
        if (!fetcher.componentTokenDead() || !componentToken.refreshDead(fetcher.componentToken())) {
            return result;
        }
        return refresher.refresh(rows.read(row.id()).orElse(row), componentToken.fetcherFor(account), trigger);
    }

    /**
     * If an application reported the token dead but WeChat returned the same one, it is
     * probed at once; a new one is forced only if the probe confirms that it is dead.
     */
    private Result probe(Account account, TokenRow row, Result fresh) {
        boolean reportedDead = row.refreshWanted() && fresh.row() != row;
        if (!policy.probesEnabled() || !reportedDead && !policy.probeDue(row) || !rows.claimProbe(row)) {
            return fresh;
        }
        ProbeResult result = weChat.probe(account, row.value());
        listener.probed(account.appId(), result);
        return switch (result) {
            case ALIVE -> new Result(fresh.row(), Outcome.FRESH, "probed: alive", ExitCode.OK);
            case UNKNOWN -> new Result(fresh.row(), Outcome.FRESH, "probed: no clear answer", ExitCode.OK);
            case DEAD -> refreshDead(account, fresh.row());
        };
    }

    /**
     * @param dead the row whose value WeChat calls dead
     */
    private Result refreshDead(Account account, TokenRow dead) {
        boolean stillStored = rows.requestFor(dead.id(), dead.value());
        TokenRow now = rows.read(dead.id()).orElse(dead);
        // otherwise another run replaced the token, or fetched one that it could not
        // publish
        if (stillStored && now.lastRefresh().failures() == 0) {
            warnOfOtherProgram(account, dead);
        }
        Result result = refresh(account, now, Trigger.DEAD);
        boolean stillDead = result.row().value().equals(dead.value()) && result.exitCode() == ExitCode.OK;
        return stillDead ? new Result(result.row(), Outcome.FAILED, "WeChat says that it is dead; " + result.detail(),
                ExitCode.RETRY) : result;
    }

    private void warnOfOtherProgram(Account account, TokenRow dead) {
        if (account.isWeCom()) {
            return; // no program can kill its token, but WeCom itself may end it early
        }
        listener.warning(RowKey.token(account), Verdict.DEAD,
                ("access_token with fingerprint %s is dead %d s before its time, seen at %s: "
                        + (account.endpoint() == Endpoint.AUTHORIZER
                                ? "the account authorized the platform again or withdrew, or another program refreshes"
                                        + " this app id for the platform"
                                : "somebody else refreshes this app id (staging, a second program). Find and stop that"
                                        + " program, or give it another app id"))
                    .formatted(Fingerprint.shortOf(dead.value()), dead.timeLeft(), Instant.ofEpochSecond(dead.now())));
    }

}
