package io.wxtoken.token;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

import org.springframework.dao.DataAccessException;

import io.wxtoken.ExitCode;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Answer.Reach;
import io.wxtoken.wechat.ErrorCode;
import io.wxtoken.wechat.Lifetimes;

/**
 * The row protocol, for one row. The row must hold the token that WeChat issued
 * <em>last</em>, and fetching a token kills the one before it: so a run claims the row,
 * and only the claimant asks WeChat. Each step is one statement, committed at once; no
 * transaction is open while WeChat is asked; nothing waits for another run.
 * <ol>
 * <li>Read the row, and judge it ({@link RefreshPolicy}).
 * <li>Claim the row, if it still is what was read: for the length of a lease others leave
 * it alone.
 * <li>Fetch, if enough of the lease is left for the request's own timeout, measured from
 * before the claim.
 * <li>Publish, if the claim is still this run's and the value still what was read.
 * <li>If not (fenced): this fetch may have killed what the row now holds. Request a
 * refresh, and start over, 3 times at most.
 * <li>If WeChat refused: release the claim, and store WeChat's message. If nobody knows
 * whether a token was issued: leave the claim to lapse, which makes the row due. If the
 * claim is no longer this run's in either case: request a refresh, as in step 5. After a
 * failure that may be over in a moment, WeChat is asked again at once, twice at most,
 * while the lease lasts; but not while the first request may still be under way.
 * </ol>
 * A process that dies anywhere leaves either a claim that lapses or a finished row.
 */
public final class Refresher {

    private static final int RESTARTS = 3;

    private static final int TRIES = 3;

    /**
     * Seconds until the next fetch when WeChat is about to issue another value: soon, but
     * not by each node in each run.
     */
    private static final long SOON = 60;

    private final TokenRepository rows;

    private final WxProperties.Refresh settings;

    private final RefreshPolicy policy;

    private final Duration requestTimeout;

    private final RunId me;

    private final LongSupplier nanoTime;

    private final BooleanSupplier stopping;

    private final RefreshListener listener;

    /**
     * @param requestTimeout the longest that one request takes
     * @param nanoTime a monotonic clock, in nanoseconds
     * @param stopping when true, nothing new is claimed
     */
    public Refresher(TokenRepository rows, RefreshPolicy policy, WxProperties.Refresh settings, Duration requestTimeout,
            RunId me, LongSupplier nanoTime, BooleanSupplier stopping, RefreshListener listener) {
        this.rows = rows;
        this.policy = policy;
        this.settings = settings;
        this.requestTimeout = requestTimeout;
        this.me = me;
        this.nanoTime = nanoTime;
        this.stopping = stopping;
        this.listener = listener;
    }

    /**
     * Refreshes the row if it is due.
     * @param row as just read
     * @throws DataAccessException when the database fails; a claim may then be left to
     * lapse
     */
    Result refresh(TokenRow row, TokenFetcher fetcher, Trigger trigger) {
        Verdict verdict = policy.judge(row, fetcher.account(), trigger, me);
        for (int restart = 0; verdict.due(); restart++) {
            if (stopping.getAsBoolean()) {
                return Result.left(row);
            }
            String blocked = fetcher.blockedBecause(row, verdict);
            if (blocked != null) {
                return new Result(row, Outcome.FAILED, blocked, ExitCode.RETRY);
            }
            Optional<ClaimedFetch> claim = ClaimedFetch.claim(rows, row, me, settings.lease(), requestTimeout,
                    nanoTime);
            if (claim.isEmpty()) {
                listener.claimLost(key(row, fetcher));
                return Result.okIfLive(row, Outcome.LOST, verdict.reason());
            }
            ClaimedFetch claimed = claim.get();
            Answer answer = ask(claimed, row, fetcher, verdict);
            if (!(answer instanceof Answer.Issued given)) {
                return failed(claimed, row, fetcher, verdict, (Answer.NoValue) answer);
            }
            FetchedValue fetched = fetcher.fetched(row, given).after(claimed.secondsSinceAsked());
            if (publish(claimed, row, fetcher, verdict, fetched)) {
                return published(row, fetcher, verdict, fetched);
            }
            listener.publishFenced(key(row, fetcher));
            rows.requestAfterFence(row.id());
            notifyListener(row, fetcher, RefreshEvent.Kind.FENCED, verdict, fetched.value());
            Optional<TokenRow> now = rows.read(row.id());
            if (now.isEmpty() || restart == RESTARTS || isOfAnotherAccount(now.get(), fetcher)) {
                return new Result(now.orElse(row), Outcome.FAILED,
                        restart == RESTARTS
                                ? "others wrote the row during each of " + (RESTARTS + 1)
                                        + " fetches; a refresh stays requested"
                                : "its row was deleted or given to another account meanwhile",
                        ExitCode.RETRY);
            }
            row = now.get();
            verdict = policy.judge(row, fetcher.account(), Trigger.FENCED, me);
            verdict = trigger == Trigger.FORCED && verdict.due() ? Verdict.FORCED : verdict;
        }
        return notDue(row, fetcher, verdict);
    }

    private static RowKey key(TokenRow row, TokenFetcher fetcher) {
        return new RowKey(fetcher.account().appId(), row.type());
    }

    private static boolean isOfAnotherAccount(TokenRow row, TokenFetcher fetcher) {
        return !row.appId().isEmpty() && !row.appId().equals(fetcher.account().appId());
    }

    private Answer ask(ClaimedFetch claimed, TokenRow row, TokenFetcher fetcher, Verdict verdict) {
        Supplier<Answer> request = () -> fetcher.fetch(row, verdict, () -> listener.fetching(key(row, fetcher)));
        Answer answer = claimed.ask(request);
        for (int attempt = 1; attempt < TRIES && row.lastRefresh().failures() == 0 && mayPassSoon(answer); attempt++) {
            Duration pause = Duration
                .ofMillis((long) (250 * Math.pow(4, attempt - 1) * ThreadLocalRandom.current().nextDouble(0.5, 1.5)));
            if (stopping.getAsBoolean() || !claimed.leaseOutlasts(pause) || !sleep(pause)) {
                break;
            }
            answer = claimed.ask(request);
        }
        return answer;
    }

    private static Result notDue(TokenRow row, TokenFetcher fetcher, Verdict verdict) {
        if (verdict == Verdict.HELD && !row.leftToLapse()) {
            return Result.okIfLive(row, Outcome.HELD,
                    "by " + row.claim().by() + " for " + (row.claim().until() - row.now()) + " s at most");
        }
        if (verdict == Verdict.FRESH) {
            return new Result(row, Outcome.FRESH, "", ExitCode.OK);
        }
        TokenRow.LastRefresh last = row.lastRefresh();
        String wait = "WeChat is asked again in "
                + (Math.max(last.retryAfter(), verdict == Verdict.HELD ? row.claim().until() + 1 : 0) - row.now())
                + " s";
        if (last.failures() == 0) {
            return Result.okIfLive(row, Outcome.FRESH, wait);
        }
        return new Result(row, Outcome.FAILED, last.error() + "; " + wait, last.errcode() == null ? ExitCode.RETRY
                : ErrorCode.of(last.errcode(), fetcher.account().endpoint()).kind().exitCode(), last.errcode());
    }

    private boolean publish(ClaimedFetch claimed, TokenRow row, TokenFetcher fetcher, Verdict verdict,
            FetchedValue fetched) {
        boolean same = fetched.value().equals(row.value());
        // the end of a value that was repeated may bring another one
        long soon = same ? Math.max(1, Math.min(SOON, fetched.timeLeft())) : SOON;
        boolean replacementExpected = same || fetched.timeLeft() <= settings.before().toSeconds();
        long spacing = policy.spacing();
        try {
            return claimed.publish(fetcher.account().appId(), fetched,
                    replacementExpected ? Math.min(spacing, soon) : spacing);
        }
        catch (DataAccessException e) {
            notifyListener(row, fetcher, RefreshEvent.Kind.FENCED, verdict, fetched.value());
            throw e;
        }
    }

    private Result published(TokenRow row, TokenFetcher fetcher, Verdict verdict, FetchedValue fetched) {
        boolean same = fetched.value().equals(row.value());
        if (!same) {
            warnIfLate(row, fetcher, verdict);
        }
        if (!same || row.lastRefresh().failures() > 0) {
            notifyListener(row, fetcher, same ? RefreshEvent.Kind.RECOVERED : RefreshEvent.Kind.REFRESHED, verdict,
                    fetched.value());
        }
        return new Result(row.published(fetched), same ? Outcome.FRESH : Outcome.REFRESHED,
                same ? "WeChat repeated the stored value" : verdict.reason(), ExitCode.OK);
    }

    /**
     * Warns when the row was due for so long before a run started that the schedule must
     * start runs too rarely.
     */
    private void warnIfLate(TokenRow row, TokenFetcher fetcher, Verdict verdict) {
        long late = verdict == Verdict.OLD || verdict == Verdict.NEAR_EXPIRY ? policy.dueFor(row, fetcher.account())
                : 0;
        long worst = late + settings.lease().plus(requestTimeout).toSeconds();
        if (worst > Lifetimes.GRACE.toSeconds()) {
            listener.warning(key(row, fetcher), verdict,
                    ("%s was due for %d s before a run started. With wx.refresh.lease and a request this is %d s,"
                            + " more than WeChat's grace of %d s, so readers would have a dead token if a run"
                            + " crashed. Start the job every minute")
                        .formatted(row.type(), late, worst, Lifetimes.GRACE.toSeconds()));
        }
    }

    private static boolean mayPassSoon(Answer answer) {
        return answer instanceof Answer.Refused refused
                ? ErrorCode.of(refused.errcode(), refused.account().endpoint()).kind() == ErrorCode.Kind.TRANSIENT
                : answer instanceof Answer.Unknown unknown && unknown.reach() != Reach.IN_FLIGHT
                        && unknown.exitCode() == ExitCode.RETRY;
    }

    private Result failed(ClaimedFetch claimed, TokenRow row, TokenFetcher fetcher, Verdict verdict,
            Answer.NoValue answer) {
        int failures = row.lastRefresh().failures();
        String next = "";
        if (answer instanceof Answer.Refused refused) {
            Account account = fetcher.account();
            ErrorCode error = ErrorCode.of(refused.errcode(), account.endpoint());
            String caller = error.concernsOneNode() ? me.caller(account.appId())
                    : error.kind() == ErrorCode.Kind.AUTHORIZATION && account.authorization() != null
                            ? account.authorization().fingerprint() : "";
            claimed.release(new Failure(failures + 1, error.holdFor(row.now(), failures + 1), caller, answer.text(),
                    answer.code()));
        }
        else if (answer instanceof Answer.Unknown unknown && unknown.reach() != Reach.NOT_SENT) {
            claimed.leaveToLapse(answer.text());
            next = "; a run tries again after " + (settings.lease().toSeconds() + ErrorCode.backOff(failures + 1))
                    + " s";
        }
        else {
            // WeChat counted no call, so the failure is no reason to wait, now or after
            // the next one
            claimed.release(new Failure(Math.max(1, failures), 0, "", answer.text(), answer.code()));
            next = answer instanceof Answer.Unknown ? "; the next run tries again" : "";
        }
        if (!isRepeated(row.lastRefresh(), answer)) {
            listener.happened(RefreshEvent.failed(fetcher.account().appId(), row, verdict, answer));
        }
        return new Result(row, Outcome.FAILED, answer.text() + next, answer.exitCode(), answer.code());
    }

    /**
     * Whether the previous refresh failed in the same way. WeChat's message differs each
     * time (it holds a request id, or the address of the node that asked), so its error
     * code decides where there is one.
     */
    private static boolean isRepeated(TokenRow.LastRefresh last, Answer.NoValue answer) {
        return last.failures() > 0 && Objects.equals(last.errcode(), answer.code())
                && (answer.code() != null || last.error().equals(TokenRepository.cutToColumn(answer.text())));
    }

    private void notifyListener(TokenRow row, TokenFetcher fetcher, RefreshEvent.Kind kind, Verdict verdict,
            String valueAfter) {
        listener.happened(RefreshEvent.of(fetcher.account().appId(), row, kind, verdict, valueAfter));
    }

    private static boolean sleep(Duration pause) {
        try {
            Thread.sleep(pause.toMillis());
            return true;
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

}
