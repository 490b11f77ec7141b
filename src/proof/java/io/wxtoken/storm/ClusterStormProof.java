package io.wxtoken.storm;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.fixtures.TestDatabase;

/**
 * The storm on clusters of three: each node has all members in its URL and another one
 * first, there is a reader on each member, and members are killed and cut off from the
 * others, and come back.
 */
@ParameterizedClass(allowZeroInvocations = true)
@MethodSource("io.wxtoken.fixtures.Cluster#each")
class ClusterStormProof {

    @Parameter
    TestDatabase cluster;

    @Test
    void noFaultOfAMembersLetsAReaderOnTheOthersSeeADeadToken() throws Exception {
        StormProof.assertNoHarm(cluster);
    }

}
