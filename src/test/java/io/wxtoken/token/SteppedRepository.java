package io.wxtoken.token;

import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;

import javax.sql.DataSource;

/**
 * Hands each statement of the protocol to {@link #at}, which decides when and whether it
 * is executed.
 */
abstract class SteppedRepository extends TokenRepository {

    private final TokenRepository statements;

    /**
     * @param statements executes what {@link #at} lets pass
     */
    SteppedRepository(DataSource dataSource, TokenRepository statements) {
        super(dataSource);
        this.statements = statements;
    }

    abstract <T> T at(Step step, Supplier<T> statement);

    @Override
    public Optional<TokenRow> read(int id) {
        return at(Step.READ, () -> statements.read(id));
    }

    @Override
    public Optional<Claim> claim(TokenRow seen, String run, Duration lease) {
        return at(Step.CLAIM, () -> statements.claim(seen, run, lease));
    }

    @Override
    public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
        return at(Step.PUBLISH, () -> statements.publish(claim, appId, fetched, notAgainFor));
    }

    @Override
    public void requestAfterFence(int id) {
        at(Step.REPORT, () -> {
            statements.requestAfterFence(id);
            return true;
        });
    }

    @Override
    public boolean release(Claim claim, Failure failure) {
        return at(Step.RELEASE, () -> statements.release(claim, failure));
    }

    @Override
    public boolean leaveToLapse(Claim claim, String error) {
        return at(Step.LEAVE_TO_LAPSE, () -> statements.leaveToLapse(claim, error));
    }

}
