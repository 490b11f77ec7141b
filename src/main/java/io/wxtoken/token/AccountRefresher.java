package io.wxtoken.token;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import io.wxtoken.ExitCode;
import io.wxtoken.metrics.Meters;
import io.wxtoken.settings.Account;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Ticket;
import io.wxtoken.wechat.WeChatClient;

/**
 * Refreshes what one account wants: its access_token first, then its tickets with it. A fresh token is probed now and then,
 * since somebody else who refreshes the same app id kills it unseen; a token that WeChat calls dead, to a probe or when a
 * ticket is asked for, is refreshed in the same run.
 */
public final class AccountRefresher {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    public static final String ACCESS_TOKEN = "access_token";

    private final TokenRows rows;

    private final Refresher refresher;

    private final WeChatClient weChat;

    private final Duration probeInterval;

    private final long before;

    public AccountRefresher(TokenRows rows, Refresher refresher, WeChatClient weChat, WxProperties wx) {
        this.rows = rows;
        this.refresher = refresher;
        this.weChat = weChat;
        this.probeInterval = wx.probe().interval();
        this.before = wx.refresh().before().toSeconds();
    }

    /** The types of the rows that an account wants, its access_token first. */
    public static List<String> types(Account account) {
        List<String> types = new ArrayList<>(List.of(ACCESS_TOKEN));
        account.tickets().forEach(ticket -> types.add(ticket.rowType()));
        return types;
    }

    /**
     * @param known the account's rows, as just read
     * @param force refresh the access_token whether it is due or not
     * @throws org.springframework.dao.DataAccessException when the database fails
     */
    public List<Result> refresh(Account account, Map<TokenRows.Key, TokenRow> known, boolean force) {
        TokenRow row = known.get(new TokenRows.Key(account.appId(), ACCESS_TOKEN));
        Result token = refreshToken(account, row, force);
        List<Result> tickets = new ArrayList<>();
        for (Ticket ticket : account.tickets()) {
            TokenRow ticketRow = known.get(new TokenRows.Key(account.appId(), ticket.rowType()));
            TicketSource source = new TicketSource(account, ticket, token.row(), weChat, before);
            Result result = refresher.refresh(ticketRow, source, Occasion.SCHEDULE);
            if (source.tokenDead()) {
                String dead = token.row().value();
                token = refreshDead(account, token.row());
                Optional<TokenRow> again = rows.read(ticketRow.id());
                if (!token.row().value().equals(dead) && again.isPresent()) {
                    result = refresher.refresh(again.get(), new TicketSource(account, ticket, token.row(), weChat, before),
                            Occasion.SCHEDULE);
                }
            }
            tickets.add(result);
        }
        List<Result> results = new ArrayList<>(List.of(token));
        results.addAll(tickets);
        return results;
    }

    private Result refreshToken(Account account, TokenRow row, boolean force) {
        if (row.foreign()) {
            log.warn("{} access_token: another program wrote this row, seen at {}: nobody can tell whose token came last, so it is"
                    + " fetched again. Find that program and let it only read", account.appId(), Instant.ofEpochSecond(row.now()));
        }
        Result result = refresher.refresh(row, new AccessTokenSource(account, weChat, rows), force ? Occasion.FORCED : Occasion.SCHEDULE);
        if (force && result.outcome() != Outcome.REFRESHED && result.exitCode() == ExitCode.OK) {
            return new Result(result.row(), Outcome.FAILED, "not forced, but " + result.outcome()
                    + (result.detail().isEmpty() ? "" : ": " + result.detail()) + "; force it again", ExitCode.RETRY);
        }
        return result.outcome() == Outcome.FRESH && row.live() ? probe(account, row, result) : result;
    }

    /** A token that somebody called dead, and that WeChat goes on with, is probed at once: only then may it be forced. */
    private Result probe(Account account, TokenRow row, Result fresh) {
        boolean doubted = row.refreshRequested() != 0 && fresh.row() != row;
        boolean due = !probeInterval.isZero() && (doubted || RefreshPolicy.probeDue(row, probeInterval));
        if (!due || !rows.claimProbe(row)) {
            return fresh;
        }
        WeChatClient.Life life = weChat.probe(row.value());
        Meters.probe(account.appId(), life);
        return switch (life) {
            case ALIVE -> new Result(fresh.row(), Outcome.FRESH, "probed: alive", ExitCode.OK);
            case UNKNOWN -> new Result(fresh.row(), Outcome.FRESH, "probed: no clear answer", ExitCode.OK);
            case DEAD -> refreshDead(account, fresh.row());
        };
    }

    /** @param dead the row whose value WeChat calls dead */
    private Result refreshDead(Account account, TokenRow dead) {
        boolean stillThere = rows.requestFor(dead.id(), dead.value());
        TokenRow now = rows.read(dead.id()).orElse(dead);
        if (stillThere && now.failures() == 0) { // else another run has replaced it, or lost one: it was no stranger
            warnOfStranger(account, dead);
        }
        Result result = refresher.refresh(now, new AccessTokenSource(account, weChat, rows), Occasion.DEAD);
        boolean stillDead = result.row().value().equals(dead.value()) && result.exitCode() == ExitCode.OK;
        return stillDead ? new Result(result.row(), Outcome.FAILED, "WeChat says that it is dead; " + result.detail(), ExitCode.RETRY)
                : result;
    }

    private static void warnOfStranger(Account account, TokenRow dead) {
        log.warn("{} access_token with fingerprint {} is dead {} s before its time, seen at {}: somebody else refreshes this app"
                + " id (staging, a second program). Find and stop it, or give it an app id of its own", account.appId(),
                Fingerprint.shortOf(dead.value()), dead.timeLeft(), Instant.ofEpochSecond(dead.now()));
    }
}
