package io.wxtoken.token;

import java.util.EnumSet;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.token.Search.Tally;

/** All of the {@link Interleavings} that are searched. */
@ParameterizedClass
@MethodSource("databases")
class InterleavingsProof extends Interleavings {

    private static final Map<Search, Tally> ON_H2 = Map.of(new Search(2, 1, EnumSet.of(Trouble.OTHER_PROGRAM)),
            new Tally(690, 0), new Search(2, 2, EnumSet.range(Trouble.DEATH, Trouble.REQUEST)), new Tally(6650, 34),
            new Search(2, 3, EnumSet.of(Trouble.LAPSE, Trouble.TIMEOUT, Trouble.ERROR)), new Tally(10268, 104),
            new Search(3, 1, ANY), new Tally(21524, 0));

    /** A server's commits are too slow for all of these. */
    private static final Map<Search, Tally> ON_SERVERS = Map.of(new Search(2, 1, ANY), new Tally(1108, 0),
            new Search(2, 2, EnumSet.of(Trouble.DEATH, Trouble.LAPSE)), new Tally(560, 10), new Search(3, 0, ANY),
            new Tally(132, 0));

    private static final Map<Search, Tally> OF_AUTHORIZER_ON_H2 = Map.of(new Search(1, 2, ANY_OF_AUTHORIZER, true),
            new Tally(2690, 0), new Search(2, 1, ANY_OF_AUTHORIZER, true), new Tally(2650, 0),
            new Search(2, 2, EnumSet.of(Trouble.DEATH, Trouble.LAPSE), true), new Tally(3008, 64));

    private static final Map<Search, Tally> OF_AUTHORIZER_ON_SERVERS = Map.of(
            new Search(2, 1, EnumSet.of(Trouble.DEATH, Trouble.REAUTHORIZATION), true), new Tally(900, 0),
            new Search(1, 1, ANY_OF_AUTHORIZER, true), new Tally(124, 0));

    @Test
    void p1ToP5HoldInEverySchedule() {
        assertHolds(database.isH2() ? ON_H2 : ON_SERVERS);
    }

    @Test
    void anAuthorizersRefreshTokenIsUsableInEverySchedule() {
        assertHolds(database.isH2() ? OF_AUTHORIZER_ON_H2 : OF_AUTHORIZER_ON_SERVERS);
    }

}
