package io.wxtoken.token;

import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import java.util.function.Supplier;

import org.springframework.dao.DataAccessResourceFailureException;

import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;

/**
 * A run in a thread of its own, which stands still before each step until the schedule
 * lets it go. It is its own repository and fetcher, so that each step passes through it.
 */
final class ScheduledRun extends SteppedRepository implements TokenFetcher {

    /** A way to take a step: the process dies instead. */
    static final Function<Supplier<?>, Object> DIES = step -> {
        throw new ProcessDeath();
    };

    private final String name;

    private final RowTest test;

    private final Schedule schedule;

    private final Semaphore stands = new Semaphore(0);

    private final Semaphore goes = new Semaphore(0);

    /**
     * Its next step; null when it does not stand still: before its start, and after its
     * end.
     */
    private Step next;

    private Function<Supplier<?>, Object> how;

    private String publishes;

    private final boolean ofAuthorizer;

    /** As it was when the row was read; empty when the account had withdrawn. */
    private Optional<Account> account;

    private AuthorizerFetcher authorizerFetcher;

    private boolean stepwise;

    private boolean begun;

    private long nanos;

    private Throwable failure;

    /** An authorizer's refresh token was read, and WeChat would be asked next. */
    private static final class Asks extends RuntimeException {

    }

    /**
     * @param statements executes its statements
     * @param ofAuthorizer whether the account authorized a platform
     */
    ScheduledRun(String name, RowTest test, TokenRepository statements, Schedule schedule, boolean ofAuthorizer) {
        super(test.database.dataSource(), statements);
        this.name = name;
        this.test = test;
        this.schedule = schedule;
        this.ofAuthorizer = ofAuthorizer;
    }

    /** Starts it, and returns when it stands before its first step. */
    void start(Executor threads) {
        stepwise = true;
        threads.execute(() -> {
            try {
                refresh(Trigger.SCHEDULE);
            }
            catch (ProcessDeath | DataAccessResourceFailureException expected) {
                // these end a process
            }
            catch (Throwable e) {
                failure = e;
            }
            next = null;
            stands.release();
        });
        stands.acquireUninterruptibly();
    }

    /**
     * @return null when the account has withdrawn, so that a run has nothing to do with
     * it
     */
    Outcome refresh(Trigger trigger) {
        account = null;
        TokenRow row = read(1).orElseThrow();
        if (account.isEmpty()) {
            return null;
        }
        // Its clock stands still: a run is slowest when it is paused right after it
        // looked at the clock.
        return new Refresher(this, RowTest.POLICY, RowTest.SETTINGS, test.api().requestTimeout(), new RunId(name, name),
                () -> nanos, () -> false, test.listener())
            .refresh(row, this, trigger)
            .outcome();
    }

    /**
     * Takes its next step, if it has one, and returns when it stands before the one after
     * it, or has ended.
     */
    void go(Function<Supplier<?>, Object> how) {
        if (next != null) {
            this.how = how;
            this.begun = true;
            goes.release();
            stands.acquireUninterruptibly();
        }
    }

    /** Ended it, although no process would have ended there; null if nothing did. */
    Throwable failure() {
        return failure;
    }

    /** Null when it has ended. */
    Step next() {
        return next;
    }

    boolean begun() {
        return begun;
    }

    /** By its own clock a whole lease goes by. */
    void sleepsThroughItsLease() {
        nanos += RowTest.SETTINGS.lease().toNanos();
    }

    @Override
    @SuppressWarnings("unchecked")
    <T> T at(Step step, Supplier<T> execute) {
        Supplier<T> executed = () -> {
            if (account == null) {
                account = ofAuthorizer ? test.authorizer() : Optional.of(RowTest.ACCOUNT);
                authorizerFetcher = ofAuthorizer ? new AuthorizerFetcher(account.orElse(null), null, false,
                        new Authorizers(test.database.dataSource()), null) : null;
            }
            T result = execute.get();
            schedule.executed(this, step, result);
            return result;
        };
        if (!stepwise) {
            return executed.get();
        }
        next = step;
        stands.release();
        goes.acquireUninterruptibly();
        return (T) how.apply(executed);
    }

    @Override
    public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
        publishes = fetched.value();
        return super.publish(claim, appId, fetched, notAgainFor);
    }

    /** The value that it publishes, or published last. */
    String publishes() {
        return publishes;
    }

    @Override
    public Answer fetch(TokenRow row, Verdict why, Runnable asking) {
        Answer notAsked = ofAuthorizer ? at(Step.REFRESH_TOKEN, () -> readRefreshToken(row, why)) : null;
        return notAsked != null ? notAsked : at(Step.FETCH, () -> schedule.weChatAnswers(this));
    }

    private Answer readRefreshToken(TokenRow row, Verdict why) {
        try {
            return authorizerFetcher.fetch(row, why, () -> {
                throw new Asks();
            });
        }
        catch (Asks e) {
            return null;
        }
    }

    /** The refresh token that it asks WeChat with. */
    String refreshToken() {
        return authorizerFetcher.fetched(null, new Answer.Issued("", 1)).rotation().used();
    }

    @Override
    public Account account() {
        return account.orElseThrow();
    }

    @Override
    public String blockedBecause(TokenRow row, Verdict why) {
        return null;
    }

    @Override
    public FetchedValue fetched(TokenRow seen, Answer.Issued given) {
        return ofAuthorizer ? authorizerFetcher.fetched(seen, given)
                : new FetchedValue(given.value(), 0, given.expiresIn());
    }

    @Override
    public String toString() {
        return name;
    }

}
