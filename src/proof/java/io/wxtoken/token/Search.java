package io.wxtoken.token;

import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;

/**
 * Plays all schedules of a few runs, from a row that is due and from one that was never
 * filled.
 *
 * @param runs that begin together
 * @param troubles how many there are at most, no two of a kind
 * @param of of which kinds
 * @param authorizer whether the account authorized a platform
 */
record Search(int runs, int troubles, Set<Trouble> of, boolean authorizer) {

    /** A search for an account with a secret. */
    Search(int runs, int troubles, Set<Trouble> of) {
        this(runs, troubles, of, false);
    }

    /**
     * @param schedules how many were played
     * @param blind how many of them ended with a dead token that only the probe sees
     */
    record Tally(int schedules, int blind) {
    }

    /**
     * @param test has the row
     * @param statements of the runs
     * @throws AssertionError from the first schedule that breaks a rule
     */
    Tally play(RowTest test, TokenRepository statements, Executor threads) {
        int schedules = 0;
        int blind = 0;
        for (boolean filled : List.of(true, false)) {
            Choices choices = new Choices();
            do {
                schedules++;
                blind += new Schedule(choices, test, statements, filled, this, threads).play() ? 1 : 0;
            }
            while (choices.next());
        }
        return new Tally(schedules, blind);
    }
}
