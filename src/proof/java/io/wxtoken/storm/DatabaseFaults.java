package io.wxtoken.storm;

import java.time.Duration;
import java.util.List;
import java.util.Random;

import io.wxtoken.fixtures.Cluster;
import io.wxtoken.fixtures.TestDatabase;

/** What happens to the database itself: restarts, and members of a cluster that go. */
final class DatabaseFaults {

    /**
     * How long a member of a cluster is gone: long enough for the others to replace it.
     */
    private static final Duration OUT = Duration.ofSeconds(20);

    private final TestDatabase database;

    private final List<Reader> readers;

    private final Nodes nodes;

    private final FaultBudget budget;

    private final StormLog log;

    /**
     * @param readers one for each member
     */
    DatabaseFaults(TestDatabase database, List<Reader> readers, Nodes nodes, FaultBudget budget, StormLog log) {
        this.database = database;
        this.readers = readers;
        this.nodes = nodes;
        this.budget = budget;
        this.log = log;
    }

    /**
     * @param kill as kill -9 does, else as an operator would
     */
    void restart(boolean kill) throws Exception {
        String what = "database " + (kill ? "killed" : "stopped") + ", and started again";
        budget.whenAffordable(what, () -> {
            nodes.loseDatabase();
            database.restart(kill);
        });
    }

    /**
     * Kills a member, which comes back some time later, or cuts it off the others, and
     * then lets it come back.
     */
    void strikeMember(Random random, boolean kill) throws Exception {
        int member = random.nextInt(readers.size());
        String name = String.valueOf(member + 1);
        budget.whenAffordable("a member is " + (kill ? "killed" : "cut off"), () -> {
            nodes.loseDatabase();
            readers.get(member).out(true);
            Cluster.script(kill ? "kill" : "cut", name);
            Thread.sleep(OUT.toMillis());
            log.note("member " + name + " comes back");
            Cluster.bringBack(name, kill);
            log.note("member " + name + " is back");
            readers.get(member).out(false);
        });
    }

}
