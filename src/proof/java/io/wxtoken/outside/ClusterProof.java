package io.wxtoken.outside;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.Cluster;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.fixtures.Program.Ended;
import io.wxtoken.fixtures.Program.Started;
import io.wxtoken.fixtures.Program;
import io.wxtoken.fixtures.TestDatabase;

/**
 * Does what an operator does with a cluster of three. No member may leave the cluster
 * because of it, and each run ends in a way that the README describes.
 */
@ParameterizedClass(allowZeroInvocations = true)
@MethodSource("io.wxtoken.fixtures.Cluster#each")
class ClusterProof extends DatabaseFixture {

    private static final int ROUNDS = Integer.getInteger("cluster.rounds", 5);

    private boolean singlePrimary() {
        return server.toString().startsWith("group-single");
    }

    private Program at(TestDatabase member) {
        return program().on(member);
    }

    /** All hosts, this one first. */
    private String urlFrom(int first) {
        List<String> hosts = new ArrayList<>(database.members().stream().map(TestDatabase::toString).toList());
        Collections.rotate(hosts, -first);
        return database.url().replaceFirst("//[^/]+/", "//" + String.join(",", hosts) + "/");
    }

    private void assertAllThereAndAlike() throws Exception {
        List<String> seen = new ArrayList<>();
        for (int attempt = 0; attempt < 50; attempt++) { // members apply a moment later
            seen.clear();
            for (TestDatabase member : database.members()) {
                try (var connection = DriverManager.getConnection(member.url());
                        var statement = connection.createStatement();
                        var row = statement.executeQuery(
                                "SELECT GROUP_CONCAT(CONCAT_WS(' ', id, type, `value`, version) ORDER BY id) FROM"
                                        + " wx_token")) {
                    row.next();
                    seen.add(row.getString(1));
                }
                catch (SQLException notYet) {
                    seen.add(notYet.getMessage());
                }
            }
            if (seen.stream().distinct().count() == 1) {
                break;
            }
            Thread.sleep(100);
        }
        assertThat(seen.stream().distinct()).as("%s", seen).hasSize(1);
        assertThat(Cluster.script("status").lines()).as("members")
            .hasSize(3)
            .allMatch(line -> line.matches("\\d (ONLINE|Synced).* 3"));
    }

    /** On any member that takes writes. */
    @Override
    protected String value() {
        try (var connection = database.connect();
                var statement = connection.createStatement();
                var row = statement.executeQuery("SELECT `value` FROM wx_token WHERE id = 1")) {
            row.next();
            return row.getString(1);
        }
        catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private void change(String sql) throws SQLException {
        try (var connection = database.connect(); var statement = connection.createStatement()) {
            statement.executeUpdate(sql);
        }
    }

    private List<Ended> together(int ofEach) {
        List<Started> started = new ArrayList<>();
        for (int i = 0; i < ofEach; i++) {
            database.members().forEach(member -> started.add(at(member).start()));
        }
        return started.stream().map(Started::end).toList();
    }

    @Test
    void firstRunsOnAllMembersAtOnceMigrateOnceAndFetchOnce() throws Exception {
        for (int round = 0; round < ROUNDS; round++) {
            int before = weChat.tokenCalls();
            List<Ended> ended = together(1);
            for (int i = 0; i < ended.size(); i++) {
                Ended node = ended.get(i);
                assertThat(node.text()).doesNotContain("\tat ");
                if (node.exitCode() == 3) {
                    assertThat(singlePrimary()).as(node.text()).isTrue();
                    assertThat(node.text()).contains("no server of spring.datasource.url takes writes")
                        .contains("is read-only");
                }
                else {
                    assertThat(node.exitCode()).as(node.text()).isIn(0, 1);
                }
            }
            assertAllThereAndAlike();
            assertThat(weChat.tokenCalls() - before).as("%s", ended).isEqualTo(1);
            try (var connection = database.connect();
                    var statement = connection.createStatement();
                    var row = statement.executeQuery(
                            "SELECT GROUP_CONCAT(version ORDER BY installed_rank) FROM wx_token_schema_history WHERE"
                                    + " version IS NOT NULL AND success")) {
                row.next();
                assertThat(row.getString(1)).isEqualTo("1,2,3,5,6,7,8,9");
            }

            database = server.fresh();
        }
    }

    @Test
    void sixRunsOnADueRowFetchOnce() throws Exception {
        runAt(urlFrom(0)).ended(ExitCode.OK);
        for (int round = 0; round < 3; round++) {
            int before = weChat.tokenCalls();
            change("UPDATE wx_token SET expire = expire - 3000, retry_after = 0 WHERE id = 1");
            for (Ended node : together(2)) {
                assertThat(node.exitCode()).as(node.text())
                    .isIn(singlePrimary() ? new Object[] { 0, 3 } : new Object[] { 0 });
                assertThat(node.text()).doesNotContain("\tat ");
            }
            assertThat(weChat.tokenCalls() - before).isEqualTo(1);
            assertThat(value()).isEqualTo(weChat.lastIssued());
            assertAllThereAndAlike();
        }
    }

    @Test
    void aTableMadeByHandIsAdoptedByTheTwoStatements() throws Exception {
        String token = weChat.issueElsewhere();
        String url = urlFrom(0);
        TestDatabase first = database.members().stream().filter(this::takesWrites).findFirst().orElseThrow();
        String table = "CREATE TABLE wx_token (id int NOT NULL, type varchar(20) NOT NULL, expire varchar(16) NOT"
                + " NULL, value varchar(600) NOT NULL, PRIMARY KEY (id))" + " ENGINE=MyISAM DEFAULT CHARSET=utf8";
        String row = "INSERT INTO wx_token VALUES (1, 'access_token', UNIX_TIMESTAMP() - 600, '" + token + "')";
        // A MyISAM table in a group can get rows only before the server joins it.
        boolean withRows = !server.toString().startsWith("group");
        try (var connection = DriverManager.getConnection(first.url()); var statement = connection.createStatement()) {
            statement.execute(table);
            if (withRows) {
                statement.execute(row); // which stays on this member
            }
            CapturedRun refused = runAt(url).ended(ExitCode.ACT).saying("CREATE TABLE wx_token_new").inOneLine();
            String statements = refused.text().substring(refused.text().indexOf("CREATE TABLE wx_token_new"));
            for (String one : statements.split(";")) {
                if (!one.isBlank()) {
                    statement.execute(one);
                }
            }
        }
        runAt(url).ended(ExitCode.OK).saying(withRows ? "1 refreshed, 1 fresh" : "2 refreshed");
        assertThat(value()).isEqualTo(withRows ? token : weChat.lastIssued());
        assertAllThereAndAlike();
    }

    private boolean takesWrites(TestDatabase member) {
        try (var connection = DriverManager.getConnection(member.url());
                var statement = connection.createStatement();
                var row = statement.executeQuery("SELECT @@global.read_only")) {
            row.next();
            return row.getInt(1) == 0;
        }
        catch (SQLException e) {
            return false;
        }
    }

    @Test
    void aRunUsesTheNextMemberWhenTheFirstTakesNoWrites() throws Exception {
        for (int first = 0; first < 3; first++) {
            runAt(urlFrom(first), "refresh", "--force").ended(ExitCode.OK).saying("refreshed");
        }
        for (String kind : List.of("loadbalance:", "replication:")) {
            String url = urlFrom(0).replace("jdbc:mysql:", "jdbc:mysql:" + kind);
            runAt(url, "refresh", "--force").ended(ExitCode.OK).saying("refreshed");
        }
        runAt(urlFrom(0) + "&failOverReadOnly=true", "refresh", "--force").ended(ExitCode.OK).saying("refreshed");
        assertThat(value()).isEqualTo(weChat.lastIssued());

        String application = "app" + System.nanoTime() % 1_000_000_000;
        change("CREATE USER " + application + "@'%' IDENTIFIED BY 'x'");
        change("GRANT SELECT ON *.* TO " + application + "@'%'");
        Cluster.script("cut", "1");
        try {
            // By then the others have gone on without it.
            Thread.sleep(Duration.ofSeconds(25).toMillis());
            runAt(urlFrom(1), "refresh", "--force").ended(ExitCode.OK).saying("refreshed");
            assertThat(weChat.lastIssued()).isEqualTo(valueAt(1));
            System.out.printf("%s: a reader on the cut-off member gets %s%n", server, whatAReaderGets(application));
            CapturedRun withTheOthers = runAt(urlFrom(0), "refresh", "--force");
            System.out.printf("%s: a run with the cut-off member first: %s%n", server, withTheOthers.text());
            withTheOthers.ended(ExitCode.OK).saying("refreshed");
            // Group Replication's cut-off member lets a commit wait, and the row is
            // locked
            // meanwhile; a later run must not be held by that either
            runAt(urlFrom(0), "refresh", "--force").ended(ExitCode.OK).saying("refreshed");
            CapturedRun alone = runAt(database.members().get(0).url(), "refresh", "--force");
            System.out.printf("%s: a run with the cut-off member alone: %s%n", server, alone.text());
            alone.ended(server.toString().contains("galera") ? ExitCode.DATABASE : ExitCode.RETRY);
        }
        finally {
            Cluster.bringBack("1", false);
        }
        assertThat(value()).isEqualTo(weChat.lastIssued());
        assertAllThereAndAlike();
    }

    private String valueAt(int member) throws SQLException {
        try (var connection = DriverManager.getConnection(database.members().get(member).url());
                var statement = connection.createStatement();
                var row = statement.executeQuery("SELECT `value` FROM wx_token WHERE id = 1")) {
            row.next();
            return row.getString(1);
        }
    }

    private String whatAReaderGets(String user) {
        try (var connection = DriverManager.getConnection(database.members().get(0).url(user, "x"));
                var statement = connection.createStatement();
                var row = statement.executeQuery("SELECT `value` FROM wx_token WHERE id = 1")) {
            row.next();
            return row.getString(1).equals(weChat.lastIssued()) ? "the new row" : "the old row";
        }
        catch (SQLException e) {
            return "error " + e.getErrorCode() + ", " + e.getMessage().lines().collect(Collectors.joining(" "));
        }
    }

}
