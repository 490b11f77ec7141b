package io.wxtoken.token;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

import javax.sql.DataSource;

import org.springframework.dao.DataAccessResourceFailureException;

/**
 * A repository that a test disturbs: an event happens right before or right after a
 * statement. An event that throws is the end of the statement; before it, the statement
 * is not executed.
 */
public class FaultyRepository extends SteppedRepository {

    private static final Runnable NOTHING = () -> {
    };

    private final Map<Step, Runnable> before = new EnumMap<>(Step.class);

    private final Map<Step, Runnable> after = new EnumMap<>(Step.class);

    FaultyRepository(DataSource dataSource) {
        super(dataSource, new TokenRepository(dataSource));
    }

    /** The protocol without step 5: a run that was fenced tells nobody. */
    public static TokenRepository withoutReport(DataSource dataSource) {
        return new FaultyRepository(dataSource) {

            @Override
            public void requestAfterFence(int id) {
                // this is what is left out
            }
        };
    }

    FaultyRepository before(Step step, Runnable event) {
        before.put(step, event);
        return this;
    }

    FaultyRepository after(Step step, Runnable event) {
        after.put(step, event);
        return this;
    }

    /** The event, which happens the first time only. */
    static Runnable once(Runnable event) {
        AtomicBoolean happened = new AtomicBoolean();
        return () -> {
            if (happened.compareAndSet(false, true)) {
                event.run();
            }
        };
    }

    /** Throws what a statement throws whose connection breaks. */
    static void breakConnection() {
        throw new DataAccessResourceFailureException("the connection is gone");
    }

    @Override
    <T> T at(Step step, Supplier<T> statement) {
        before.getOrDefault(step, NOTHING).run();
        T result = statement.get();
        after.getOrDefault(step, NOTHING).run();
        return result;
    }

}
