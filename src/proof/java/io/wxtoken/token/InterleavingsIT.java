package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.token.Authorizers.Rotation;
import io.wxtoken.token.Search.Tally;

/**
 * A sample of the {@link Interleavings}, and the protocol with a part left out, which
 * each of the searches must find. All of them are {@link InterleavingsProof}'s.
 */
@ParameterizedClass
@MethodSource("databases")
class InterleavingsIT extends Interleavings {

    private static final Search OF_ACCOUNT = new Search(2, 1, ANY);

    private static final Search OF_AUTHORIZER = new Search(2, 1, ANY_OF_AUTHORIZER, true);

    @Test
    void p1ToP5HoldWithOneTroubleAtAnyPointOfTwoRuns() {
        assertHolds(Map.of(OF_ACCOUNT, new Tally(1108, 0)));
    }

    @Test
    void anAuthorizersRefreshTokenIsUsableWithOneTroubleAtAnyPointOfARun() {
        assertHolds(Map.of(new Search(1, 1, ANY_OF_AUTHORIZER, true), new Tally(124, 0)));
    }

    // ---- A protocol that lacks a part is found out

    @Test
    void withTheClaimLeftOutADeadTokenIsFound() {
        assertFound("P1", new OptimisticUpdateOnly(database.dataSource()));
    }

    @Test
    void withTheFencedRunsReportLeftOutADeadTokenIsFound() {
        assertFound("P1", FaultyRepository.withoutReport(database.dataSource()));
    }

    @Test
    void withAPublishOverAnyValueAnOverwrittenTokenIsFound() {
        assertFound("P5", new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                Claim ofAnyValue = new Claim(row(), claim.version(), claim.run());
                return super.publish(ofAnyValue, appId, fetched, notAgainFor);
            }
        });
    }

    @Test
    void withAPublishThatClearsTheRequestALostRequestIsFound() {
        assertFound("request", faulty().after(Step.PUBLISH,
                () -> database.jdbc().sql("UPDATE wx_token SET refresh_requested = 0 WHERE id = 1").update()));
    }

    @Test
    void withARefreshTokenThatIsStoredOverAnyOtherALostOneIsFound() {
        assertFound("refresh token", OF_AUTHORIZER, new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                return super.publish(claim, appId, new FetchedValue(fetched.value(), 0, fetched.timeLeft(),
                        new Rotation(appId, storedRefreshToken(), fetched.rotation().next())), notAgainFor);
            }
        });
    }

    @Test
    void withTwoTransactionsAHalfOfAPublishIsFound() {
        assertFound("refresh token", OF_AUTHORIZER, new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                return super.publish(claim, appId, new FetchedValue(fetched.value(), 0, fetched.timeLeft()),
                        notAgainFor) && Authorizers.store(database.jdbc(), fetched.rotation());
            }
        });
    }

    private void assertFound(String rule, TokenRepository broken) {
        assertFound(rule, OF_ACCOUNT, broken);
    }

    private void assertFound(String rule, Search search, TokenRepository broken) {
        assertThatThrownBy(() -> search.play(this, broken, threads)).isInstanceOf(AssertionError.class)
            .hasMessageStartingWith("[" + rule);
    }

}
