package io.wxtoken.token;

import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

import io.wxtoken.ExitCode;
import io.wxtoken.settings.Account;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.ErrorCode;
import io.wxtoken.wechat.WeChatClient;

/**
 * The row protocol, for one row. The row must hold the token that WeChat issued <em>last</em>, and fetching one kills
 * the one before: so a run claims the row, and only the claimant asks WeChat. Each step is one statement, committed at
 * once; no transaction is open while WeChat is asked; nothing waits for another run.
 * <ol>
 * <li>Read the row, and judge it ({@link RefreshPolicy}).
 * <li>Claim it, if it still is what was read: for the length of a lease others leave it alone.
 * <li>Fetch, if enough of the lease is left for the request's own timeout, measured from before the claim.
 * <li>Publish, if the claim is still ours and the value still what was read.
 * <li>If not (fenced): this fetch may have killed what the row now holds. Request a refresh, and start over, 3 times at
 * most.
 * <li>If WeChat refused: give the claim back, with what it said. If nobody knows whether a token was issued: leave the
 * claim to lapse, and a lapsed claim is due.
 * </ol>
 * A process that dies anywhere leaves either a claim that lapses or a finished row.
 */
public final class Refresher {

    private static final int RESTARTS = 3;

    private final TokenRows rows;

    private final RefreshPolicy policy;

    private final WeChatClient weChat;

    private final Duration lease;

    private final String run;

    private final LongSupplier nanoTime;

    private final BooleanSupplier stopping;

    /**
     * @param run unique for each process, at most 64 characters
     * @param nanoTime a monotonic clock, in nanoseconds
     * @param stopping when true, nothing new is claimed
     */
    public Refresher(TokenRows rows, RefreshPolicy policy, WeChatClient weChat, Duration lease, String run,
            LongSupplier nanoTime, BooleanSupplier stopping) {
        this.rows = rows;
        this.policy = policy;
        this.weChat = weChat;
        this.lease = lease;
        this.run = run;
        this.nanoTime = nanoTime;
        this.stopping = stopping;
    }

    /**
     * Refreshes the row if it is due.
     *
     * @param row as just read
     * @throws org.springframework.dao.DataAccessException when the database fails; a claim may then be left to lapse
     */
    public Result refresh(TokenRow row, Account account) {
        Verdict verdict = policy.judge(row, account.endpoint());
        for (int restart = 0; verdict.due(); restart++) {
            if (stopping.getAsBoolean()) {
                return Result.unchanged(row, Outcome.STOPPED, verdict.reason(), ExitCode.STOPPED);
            }
            long begun = nanoTime.getAsLong();
            Optional<Claim> claimed = rows.claim(row, run, lease);
            if (claimed.isEmpty()) {
                return Result.withOthers(row, Outcome.LOST, verdict.reason());
            }
            Claim claim = claimed.get();
            if (since(begun).plus(weChat.requestTimeout()).compareTo(lease) > 0) {
                return Result.unchanged(row, Outcome.FAILED, "paused for " + since(begun).toSeconds()
                        + " s after the claim: too little of wx.refresh.lease is left; the next run goes on", ExitCode.RETRY);
            }
            long asked = nanoTime.getAsLong();
            Answer answer = weChat.fetchToken(account);
            if (!(answer instanceof Answer.Issued token)) {
                return failed(claim, answer);
            }
            long age = since(asked).toSeconds();
            long lifeUsed = account.endpoint() == Endpoint.STABLE_TOKEN
                    ? Math.max(0, WxProperties.TOKEN_LIFE.toSeconds() - token.expiresIn()) : 0;
            if (rows.publish(claim, account, token, age, lifeUsed)) {
                return published(row, token, age + lifeUsed, token.expiresIn() - age, verdict);
            }
            rows.requestRefresh(row.id());
            Optional<TokenRow> now = rows.read(row.id());
            if (now.isEmpty() || restart == RESTARTS) {
                return Result.unchanged(now.orElse(row), Outcome.FAILED, now.isEmpty() ? "its row was deleted meanwhile"
                        : "others wrote the row during each of " + (RESTARTS + 1) + " fetches; a refresh stays requested",
                        ExitCode.RETRY);
            }
            row = now.get();
            verdict = policy.judgeAfterFence(row, account.endpoint(), run);
        }
        return switch (verdict) {
            case HELD -> Result.withOthers(row, Outcome.HELD, "by " + row.claimedBy() + " for "
                    + (row.claimedUntil() - row.now()) + " s at most");
            case ON_HOLD -> Result.unchanged(row, Outcome.FAILED, "asked again in " + (row.retryAfter() - row.now()) + " s; "
                    + row.lastError(), ErrorCode.in(row.lastError()).map(error -> error.kind().exitCode()).orElse(ExitCode.RETRY));
            default -> Result.unchanged(row, Outcome.FRESH, "", ExitCode.OK);
        };
    }

    private static Result published(TokenRow row, Answer.Issued token, long age, long timeLeft, Verdict verdict) {
        boolean same = token.value().equals(row.value());
        return new Result(row.type(), same ? Outcome.FRESH : Outcome.REFRESHED, age, timeLeft,
                Fingerprint.shortOf(token.value()),
                same ? "WeChat goes on with this token" : verdict.reason(), ExitCode.OK);
    }

    private Result failed(Claim claim, Answer answer) {
        TokenRow row = claim.seen();
        if (answer instanceof Answer.Refused refused) {
            ErrorCode error = ErrorCode.of(refused.errcode());
            String text = ErrorCode.text(refused);
            rows.giveBack(claim, error.retryAfter(row.now(), row.failures()), text);
            return Result.unchanged(row, Outcome.FAILED, text, error.kind().exitCode());
        }
        Answer.Unknown unknown = (Answer.Unknown) answer;
        String text = unknown.reason();
        if (unknown.sent()) {
            rows.leaveToLapse(claim, ErrorCode.backOff(row.now(), row.failures()), text + "; a token may have been issued");
        }
        else {
            rows.giveBack(claim, row.now(), text); // it cost no call: every run may try
        }
        return Result.unchanged(row, Outcome.FAILED, text + "; the next run tries again", ExitCode.RETRY);
    }

    private Duration since(long nanos) {
        return Duration.ofNanos(nanoTime.getAsLong() - nanos);
    }
}
