package io.wxtoken.testing;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

/** A schema on a cluster. Its URL names all members. */
public final class Cluster extends TestDatabase {

    private final List<TestDatabase> members;

    private Cluster(String name, List<String> hosts, String schema) {
        super(name, memberUrl(String.join(",", hosts), schema), null);
        this.members = hosts.stream().map(host -> {
            String url = memberUrl(host, schema);
            return new TestDatabase(host, url, url);
        }).toList();
    }

    /**
     * Each kind of cluster that {@code WX_TEST_CLUSTERS} names, as
     * {@code src/test/servers/cluster} knows them, with a space between, and flags of the
     * members after a comma. One is up at a time, with a new schema.
     */
    public static Stream<TestDatabase> each() {
        String kinds = System.getenv("WX_TEST_CLUSTERS");
        return kinds == null || kinds.isBlank() ? Stream.empty() : Stream.of(kinds.strip().split("\\s+")).map(kind -> {
            String hosts = ServerScript.CLUSTER.run(Stream.concat(Stream.of("up"), Stream.of(kind.split(","))));
            return new Cluster(kind, Stream.of(hosts.split("\\s+")).map(host -> host + ":3306").toList(), "wx_test")
                .fresh();
        });
    }

    private static String memberUrl(String hosts, String schema) {
        return "jdbc:mysql://" + hosts + "/" + schema
                + "?user=root&allowPublicKeyRetrieval=true&connectTimeout=2000&socketTimeout=8000";
    }

    /** Runs {@code src/test/servers/cluster}. */
    public static String script(String... arguments) {
        return ServerScript.CLUSTER.run(arguments);
    }

    /**
     * Brings a member back that was killed or cut off. A group that is still changing may
     * not take it at the first attempt.
     */
    public static void bringBack(String member, boolean killed) {
        try {
            script(killed ? "start" : "rejoin", member);
        }
        catch (IllegalStateException e) {
            script("rejoin", member);
        }
    }

    @Override
    public List<TestDatabase> members() {
        return members;
    }

    @Override
    public boolean isCluster() {
        return true;
    }

    /** Connects to any member that takes writes. */
    @Override
    public Connection connect() throws SQLException {
        List<TestDatabase> shuffled = new ArrayList<>(members);
        Collections.shuffle(shuffled);
        SQLException refused = new SQLException("no member takes writes");
        for (TestDatabase member : shuffled) {
            try {
                Connection connection = DriverManager.getConnection(member.url());
                try (var statement = connection.createStatement();
                        var row = statement.executeQuery("SELECT @@global.read_only")) {
                    row.next();
                    if (row.getInt(1) == 0) {
                        return connection;
                    }
                }
                connection.close();
            }
            catch (SQLException e) {
                refused.addSuppressed(e);
            }
        }
        throw refused;
    }

    @Override
    public TestDatabase fresh() {
        String schema = newSchemaName();
        try (var connection = connect(); var statement = connection.createStatement()) {
            statement.execute("CREATE DATABASE " + schema);
        }
        catch (SQLException e) {
            throw new IllegalStateException(this + " can't make a database", e);
        }
        return new Cluster(toString(), members.stream().map(TestDatabase::toString).toList(), schema);
    }

}
