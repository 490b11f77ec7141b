package io.wxtoken.token;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;

import io.wxtoken.ExitCode;
import io.wxtoken.metrics.Meters;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Answer;
import io.wxtoken.wechat.Answer.Reach;
import io.wxtoken.wechat.ErrorCode;

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
 * claim to lapse, and a lapsed claim is due; if it is not ours any more, this is step 5 again. What may be over in a moment
 * is asked again at once, twice at most, while the lease lasts; but not while the first request may still be under way.
 * </ol>
 * A process that dies anywhere leaves either a claim that lapses or a finished row.
 */
public final class Refresher {

    private static final Logger log = LoggerFactory.getLogger("io.wxtoken");

    private static final int RESTARTS = 3;

    private static final int TRIES = 3;

    private final TokenRows rows;

    private final WxProperties.Refresh settings;

    private final RefreshPolicy policy;

    private final Duration requestTimeout;

    private final Node me;

    private final LongSupplier nanoTime;

    private final BooleanSupplier stopping;

    private final Consumer<RefreshEvent> listener;

    /**
     * @param requestTimeout the longest that one request takes
     * @param nanoTime a monotonic clock, in nanoseconds
     * @param stopping when true, nothing new is claimed
     * @param listener is told after the row was written; it must not throw
     */
    public Refresher(TokenRows rows, WxProperties.Refresh settings, Duration requestTimeout, Node me, LongSupplier nanoTime,
            BooleanSupplier stopping, Consumer<RefreshEvent> listener) {
        this.rows = rows;
        this.settings = settings;
        this.policy = new RefreshPolicy(settings);
        this.requestTimeout = requestTimeout;
        this.me = me;
        this.nanoTime = nanoTime;
        this.stopping = stopping;
        this.listener = listener;
    }

    /**
     * Refreshes the row if it is due.
     *
     * @param row as just read
     * @throws DataAccessException when the database fails; a claim may then be left to lapse
     */
    Result refresh(TokenRow row, Source source, Occasion occasion) {
        Verdict verdict = judge(row, source, occasion);
        for (int restart = 0; verdict.due(); restart++) {
            if (stopping.getAsBoolean()) {
                return new Result(row, Outcome.STOPPED, verdict.reason(), ExitCode.STOPPED);
            }
            String obstacle = source.obstacle(row, verdict);
            if (obstacle != null) {
                return new Result(row, Outcome.FAILED, obstacle, ExitCode.RETRY);
            }
            long begun = nanoTime.getAsLong();
            Optional<Claim> claimed = rows.claim(row, me.run(), settings.lease());
            if (claimed.isEmpty()) {
                Meters.lostClaim(source.appId(), row.type());
                return Result.fineIfLive(row, Outcome.LOST, verdict.reason());
            }
            Claim claim = claimed.get();
            if (leaseLeft(begun).compareTo(requestTimeout) < 0) {
                String text = "paused for too long after the claim";
                giveBackUnasked(claim, text);
                tellFailure(row, source, verdict, null, text);
                return new Result(row, Outcome.FAILED, "paused for " + since(begun).toSeconds()
                        + " s after the claim, too long to fetch within wx.refresh.lease; the next run goes on", ExitCode.RETRY);
            }
            long asked = nanoTime.getAsLong();
            Answer answer = fetch(source, row, verdict);
            for (int attempt = 1; attempt < TRIES && row.failures() == 0 && mayBeOverInAMoment(answer); attempt++) {
                Duration pause = Duration.ofMillis((long) (250 * Math.pow(4, attempt - 1) * ThreadLocalRandom.current().nextDouble(0.5, 1.5)));
                if (stopping.getAsBoolean() || leaseLeft(begun).compareTo(pause.plus(requestTimeout)) < 0 || !sleep(pause)) {
                    break;
                }
                asked = nanoTime.getAsLong();
                answer = fetch(source, row, verdict);
            }
            if (!(answer instanceof Answer.Issued given)) {
                return failed(claim, source, verdict, answer);
            }
            Source.Times times = source.times(row, given);
            long age = since(asked).toSeconds();
            if (publish(claim, source, verdict, given, times.obtainedAgo() + age, times.timeLeft() - age)) {
                return published(row, source, given, times.obtainedAgo() + age, times.timeLeft() - age, verdict);
            }
            Meters.fencedPublish(source.appId(), row.type());
            rows.requestAfterFence(row.id());
            listener.accept(RefreshEvent.of(source.appId(), row, RefreshEvent.Kind.FENCED, verdict, given.value()));
            Optional<TokenRow> now = rows.read(row.id());
            if (now.isEmpty() || restart == RESTARTS || !now.get().appId().isEmpty() && !now.get().appId().equals(source.appId())) {
                return new Result(now.orElse(row), Outcome.FAILED, restart == RESTARTS
                        ? "others wrote the row during each of " + (RESTARTS + 1) + " fetches; a refresh stays requested"
                        : "its row was deleted or given to another account meanwhile", ExitCode.RETRY);
            }
            row = now.get();
            verdict = judge(row, source, Occasion.FENCED);
            verdict = occasion == Occasion.FORCED && verdict.due() ? Verdict.FORCED : verdict;
        }
        return notDue(row, verdict);
    }

    private static Answer fetch(Source source, TokenRow row, Verdict why) {
        Meters.fetch(source.appId(), row.type());
        return source.fetch(row, why);
    }

    private Verdict judge(TokenRow row, Source source, Occasion occasion) {
        return policy.judge(row, source.ageCounts(), occasion, me, source.appId());
    }

    private static Result notDue(TokenRow row, Verdict verdict) {
        if (verdict == Verdict.HELD) {
            return Result.fineIfLive(row, Outcome.HELD, "by " + row.claimedBy() + " for " + (row.claimedUntil() - row.now())
                    + " s at most");
        }
        if (verdict == Verdict.FRESH) {
            return new Result(row, Outcome.FRESH, "", ExitCode.OK);
        }
        String wait = "WeChat is asked again in " + (row.retryAfter() - row.now()) + " s";
        return row.failures() == 0 ? Result.fineIfLive(row, Outcome.FRESH, wait)
                : new Result(row, Outcome.FAILED, row.lastError() + "; " + wait,
                        ErrorCode.in(row.lastError()).map(error -> error.kind().exitCode()).orElse(ExitCode.RETRY));
    }

    private boolean publish(Claim claim, Source source, Verdict why, Answer.Issued given, long obtainedAgo, long timeLeft) {
        boolean more = given.value().equals(claim.seen().value()) || timeLeft <= settings.before().toSeconds();
        try {
            return stillOurs(claim, () -> rows.publish(claim, source.appId(), given.value(), obtainedAgo, timeLeft, spacing(more)));
        }
        catch (DataAccessException e) {
            listener.accept(RefreshEvent.of(source.appId(), claim.seen(), RefreshEvent.Kind.FENCED, why, given.value()));
            throw e;
        }
    }

    private boolean stillOurs(Claim claim, BooleanSupplier statement) {
        try {
            return statement.getAsBoolean();
        }
        catch (DataAccessException e) {
            // Nobody knows whether it was executed, nor whether the claim was still ours: then others must refresh.
            rows.requestAfterFence(claim.seen().id());
            throw e;
        }
    }

    /** @param more WeChat is about to issue another: it is asked for soon, but not by each node in each run */
    private long spacing(boolean more) {
        long spacing = Math.min(settings.requestInterval().toSeconds(), settings.after().toSeconds());
        return more ? Math.min(spacing, 60) : spacing;
    }

    private Result published(TokenRow row, Source source, Answer.Issued given, long obtainedAgo, long timeLeft, Verdict verdict) {
        boolean same = given.value().equals(row.value());
        if (!same) {
            warnIfLate(row, source, verdict);
        }
        if (!same || row.failures() > 0) {
            listener.accept(RefreshEvent.of(source.appId(), row, same ? RefreshEvent.Kind.RECOVERED : RefreshEvent.Kind.REFRESHED, verdict,
                    given.value()));
        }
        return new Result(row.published(given.value(), obtainedAgo, timeLeft), same ? Outcome.FRESH : Outcome.REFRESHED,
                same ? "WeChat goes on with this one" : verdict.reason(), ExitCode.OK);
    }

    /** How long the row was due before a run came tells the schedule's interval. */
    private void warnIfLate(TokenRow row, Source source, Verdict verdict) {
        long late = verdict == Verdict.OLD ? row.age() - settings.after().toSeconds()
                : verdict == Verdict.NEAR_EXPIRY ? settings.before().toSeconds() - row.timeLeft() : 0;
        long worst = late + settings.lease().plus(requestTimeout).toSeconds();
        if (worst > WxProperties.GRACE.toSeconds()) {
            log.warn("{} {} was due for {} s before a run came: with wx.refresh.lease and a request that makes {} s, more than"
                    + " WeChat's grace of {} s, so that a crash would cost readers their token. Start the job every minute",
                    source.appId(), row.type(), late, worst, WxProperties.GRACE.toSeconds());
        }
    }

    private static boolean mayBeOverInAMoment(Answer answer) {
        return answer instanceof Answer.Refused refused ? ErrorCode.of(refused.errcode()).kind() == ErrorCode.Kind.TRANSIENT
                : answer instanceof Answer.Unknown unknown && unknown.reach() != Reach.IN_FLIGHT;
    }

    private Result failed(Claim claim, Source source, Verdict verdict, Answer answer) {
        TokenRow row = claim.seen();
        if (answer instanceof Answer.Refused refused) {
            ErrorCode error = ErrorCode.of(refused.errcode());
            String text = ErrorCode.text(refused);
            giveBack(claim, row.failures() + 1, error.holdFor(row.now(), row.failures() + 1),
                    error.concernsOneNode() ? me.as(source.appId()) : "", text);
            tellFailure(row, source, verdict, refused.errcode(), text);
            return new Result(row, Outcome.FAILED, text, error.kind().exitCode());
        }
        if (answer instanceof Answer.TokenDead dead) {
            String text = "the access_token is dead (errcode " + dead.errcode() + ", " + dead.errmsg() + ")";
            giveBackUnasked(claim, text);
            tellFailure(row, source, verdict, dead.errcode(), text);
            return new Result(row, Outcome.FAILED, text, ExitCode.RETRY);
        }
        Answer.Unknown unknown = (Answer.Unknown) answer;
        if (unknown.reach() == Reach.NOT_SENT) {
            giveBackUnasked(claim, unknown.reason());
            tellFailure(row, source, verdict, null, unknown.reason());
            return new Result(row, Outcome.FAILED, unknown.reason() + "; the next run tries again", ExitCode.RETRY);
        }
        if (!stillOurs(claim, () -> rows.leaveToLapse(claim, unknown.reason()))) {
            rows.requestAfterFence(row.id());
        }
        tellFailure(row, source, verdict, null, unknown.reason());
        return new Result(row, Outcome.FAILED, unknown.reason() + "; a run tries again after "
                + (settings.lease().toSeconds() + ErrorCode.backOff(row.failures() + 1)) + " s", ExitCode.RETRY);
    }

    /**
     * Tells a failure, unless it is the same as the one before. An errcode says what it is: WeChat's message has a request id in it,
     * or the address of the node that asked.
     */
    private void tellFailure(TokenRow row, Source source, Verdict verdict, Integer errcode, String text) {
        boolean goesOn = row.failures() > 0 && (errcode == null ? row.lastError().equals(TokenRows.fit(text))
                : ErrorCode.codeIn(row.lastError()).equals(Optional.of(errcode)));
        if (!goesOn) {
            listener.accept(RefreshEvent.failed(source.appId(), row, verdict, errcode, text));
        }
    }

    /** When it is not ours any more, an attempt of ours may have killed what another run published, for all we know. */
    private void giveBack(Claim claim, int failures, long wait, String failedBy, String error) {
        if (!stillOurs(claim, () -> rows.giveBack(claim, failures, wait, failedBy, error))) {
            rows.requestAfterFence(claim.seen().id());
        }
    }

    /** WeChat did not get the last request: it cost no call, so it is no reason to wait, now or at the next failure. */
    private void giveBackUnasked(Claim claim, String error) {
        giveBack(claim, Math.max(1, claim.seen().failures()), 0, "", error);
    }

    private Duration since(long nanos) {
        return Duration.ofNanos(nanoTime.getAsLong() - nanos);
    }

    private Duration leaseLeft(long begun) {
        return settings.lease().minus(since(begun));
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
