package io.wxtoken.storm;

import java.time.Duration;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.standin.Fault;
import io.wxtoken.storm.NodeFault.Kind;
import io.wxtoken.storm.StepProxy.Step;

/**
 * Twenty seconds of the storm. Its tokens live for two hours and their grace is half an
 * hour, so that no machine is too slow for a reader to see a live token: what counts is
 * that in the end each row holds the token that was issued last.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class StormIT {

    private static final Times LONG_LIVES = new Times(Duration.ofHours(2), Duration.ofMinutes(30),
            Duration.ofMinutes(50), Duration.ofSeconds(5), Duration.ofSeconds(4), Duration.ofSeconds(2),
            Duration.ofMinutes(5), Duration.ofSeconds(4), Duration.ofSeconds(8));

    @Parameter
    TestDatabase server;

    @Test
    void afterFaultsOfAllKindsEachRowHoldsTheTokenThatWasIssuedLast() throws Exception {
        StormProof.assertNoHarm(server, LONG_LIVES, Duration.ofSeconds(20), StormIT::unlessOnlyTheProbeSees);
    }

    /**
     * Leaves out what the protocol can't see: the probe can't see it either while the
     * grace lasts.
     */
    private static boolean unlessOnlyTheProbeSees(NodeFault fault) {
        boolean diesBeforeItsReport = fault.kind() == Kind.KILL && fault.step() == Step.REPORT;
        return !diesBeforeItsReport && !(fault.fault() instanceof Fault.IssueLate);
    }

}
