package io.wxtoken.outside;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.fixtures.Program.Ended;
import io.wxtoken.fixtures.Program.Started;

/** What must work on every server of the matrix: see {@code .ci/run}. */
@ParameterizedClass(allowZeroInvocations = true)
@MethodSource("io.wxtoken.fixtures.ServerMatrix#servers")
class ServerProof extends DatabaseFixture {

    private static final int NODES = 6;

    /** What was tried on each server, for the README's table. */
    private static final Map<String, Set<String>> SEEN = new LinkedHashMap<>();

    private void seen(String what) {
        String version = database.jdbc()
            .sql("SELECT VERSION()")
            .query(String.class)
            .single()
            .replaceFirst("-(log|MariaDB).*|-\\d.*", "");
        SEEN.computeIfAbsent(
                (database.jdbc().sql("SELECT @@version").query(String.class).single().contains("MariaDB") ? "MariaDB "
                        : "MySQL ") + version
                        + (server.toString().endsWith(", strict") ? ", GTIDs, lower_case_table_names=1" : ""),
                server -> new TreeSet<>())
            .add(what);
    }

    @AfterAll
    static void tell() throws IOException {
        if (SEEN.isEmpty()) {
            return;
        }
        List<String> columns = List.of("empty database", "MyISAM adopted", "six at once", "three roles", "settings",
                "read-only");
        StringBuilder table = new StringBuilder("Tried on " + LocalDate.now() + ".\n\n| server | "
                + String.join(" | ", columns) + " |\n|---|---|---|---|---|---|---|\n");
        SEEN.forEach((server, seen) -> table.append("| ")
            .append(server)
            .append(" | ")
            .append(columns.stream()
                .map(column -> seen.contains(column) ? "yes" : "no")
                .collect(Collectors.joining(" | ")))
            .append(" |\n"));
        Files.writeString(Path.of("target", "matrix.md"), table);
        System.out.println(table);
    }

    private String variable(String name) {
        return database.jdbc()
            .sql("SHOW VARIABLES LIKE '" + name + "'")
            .query((row, number) -> row.getString(2))
            .optional()
            .orElse("");
    }

    @Test
    void anEmptyDatabaseIsMigratedAndEachCommandWorks() {
        run().ended(ExitCode.OK).saying("2 rows: 2 refreshed");
        assertThat(run().ended(ExitCode.OK).text()).isEmpty();
        run("status").ended(ExitCode.OK).saying("access_token", "fresh");
        run("migrate").ended(ExitCode.OK).saying("is at version 9");
        run("token").ended(ExitCode.OK).saying(weChat.lastIssued());
        run("history").ended(ExitCode.OK).saying("access_token  refreshed");
        run("refresh", "--force").ended(ExitCode.OK).saying("1 refreshed");
        assertThat(value()).isEqualTo(weChat.lastIssued());
        assertThat(weChat.tokenCalls()).isEqualTo(2);
        seen("empty database");
    }

    @Test
    void theTableOf2015IsAdopted() {
        String token = makeTableOf2015(600);
        run().ended(ExitCode.OK).saying("1 refreshed, 1 fresh");
        assertThat(value()).isEqualTo(token);
        makeDue();
        run().ended(ExitCode.OK).saying("access_token refreshed");
        assertThat(value()).isEqualTo(weChat.lastIssued());
        seen("MyISAM adopted");
    }

    @Test
    void sixRunsThatStartTogetherFetchOnce() {
        run("migrate").ended(ExitCode.OK);
        List<Started> started = Stream.generate(() -> program().start()).limit(NODES).toList();
        for (Ended node : started.stream().map(Started::end).toList()) {
            // Exit code 1 says that the row is held, and that there never was a token.
            assertThat(node.exitCode()).as(node.text()).isIn(0, 1);
            assertThat(node.text()).doesNotContain("\tat ");
        }
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        assertThat(value()).isEqualTo(weChat.lastIssued());
        seen("six at once");
    }

    @Test
    void theThreeUsersOfConfigMysqlDoTheirWork() throws Exception {
        String schema = database.schema();
        boolean tls = variable("have_ssl").equals("YES") && !variable("tls_version").matches("|TLSv1,TLSv1.1")
                || variable("have_ssl").isEmpty();
        String users = Files.readString(Path.of("config/mysql/users.sql"));
        administer(tls ? users : users.replaceAll(".*REQUIRE SSL.*", ""), schema);
        try {
            as("wx_migrator", "change-me-1", schema, tls, "migrate").ended(ExitCode.OK).saying("is at version 9");
            administer(Files.readString(Path.of("config/mysql/grants.sql")), schema);
            as("wx_token", "change-me-2", schema, tls).ended(ExitCode.OK).saying("2 rows: 2 refreshed");
            as("wx_token", "change-me-2", schema, tls, "refresh", "--force").ended(ExitCode.OK);
            as("wx_reader", "change-me-3", schema, tls, "status").ended(ExitCode.OK).saying("fresh");
            if (tls) {
                as("wx_token", "change-me-2", schema, false).ended(ExitCode.DATABASE).saying("REQUIRE SSL").inOneLine();
            }
            seen("three roles");
        }
        finally {
            List.of("wx_migrator", "wx_token", "wx_reader")
                .forEach(user -> database.jdbc()
                    .sql("DROP USER " + user.substring(0, 4) + schema.substring(2) + "@'%'")
                    .update());
        }
    }

    private void administer(String script, String schema) {
        for (String statement : script.replaceAll("(?m)--.*$", "")
            .replace("wx.", schema + ".")
            .replaceAll("(wx_\\w)\\w*@", "$1" + schema.substring(2) + "@")
            .split(";")) {
            if (!statement.isBlank()) {
                database.jdbc().sql(statement).update();
            }
        }
    }

    private CapturedRun as(String user, String password, String schema, boolean tls, String... arguments) {
        return runAt(
                database.url()
                    .replaceAll("\\?.*", tls ? "?sslMode=REQUIRED" : "?sslMode=DISABLED&allowPublicKeyRetrieval=true"),
                Stream.concat(Stream.of(arguments),
                        Stream.of("--spring.datasource.username=" + user.substring(0, 4) + schema.substring(2),
                                "--spring.datasource.password=" + password))
                    .toArray(String[]::new));
    }

    @Test
    void theJobWorksWithOtherPeoplesServerSettings() {
        Map<String, String> settings = new LinkedHashMap<>(Map.of("autocommit", "0", "default_storage_engine", "MyISAM",
                "sql_safe_updates", "1", "character_set_server", "latin1", "collation_server", "latin1_swedish_ci",
                "binlog_format", "STATEMENT", "sql_require_primary_key", "1", "innodb_force_primary_key", "1"));
        settings.keySet()
            .removeIf(name -> variable(name).isEmpty()
                    || name.equals("binlog_format") && !variable("log_bin").equals("ON"));
        for (String mode : List.of("", "ANSI_QUOTES,PIPES_AS_CONCAT", "TRADITIONAL,ONLY_FULL_GROUP_BY")) {
            settings.put("sql_mode", mode);
            Map<String, String> before = new LinkedHashMap<>();
            settings.forEach((name, value) -> before.put(name, set(name, value)));
            try {
                database.close();
                database = server.fresh();
                String token = makeTableOf2015(600);
                run().ended(ExitCode.OK).saying("1 refreshed, 1 fresh");
                assertThat(value()).isEqualTo(token);
                run("refresh", "--force").ended(ExitCode.OK).saying("1 refreshed");
                assertThat(value()).isEqualTo(weChat.lastIssued());
                assertThat(run("status").ended(ExitCode.OK).text()).contains("fresh");
                assertThat(database.jdbc()
                    .sql("SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema = DATABASE()")
                    .query(String.class)
                    .list()).containsExactly("InnoDB");
            }
            finally {
                before.forEach(this::set);
            }
        }
        seen("settings");
    }

    /**
     * On a replica, or on a primary that was replaced, the job writes nothing, even as a
     * user who could.
     */
    @Test
    void aReadOnlyServerIsReportedAndNothingIsFetched() {
        run().ended(ExitCode.OK);
        makeDue();
        String user = "ro" + System.nanoTime() % 1_000_000_000;
        database.jdbc().sql("CREATE USER " + user + "@'%' IDENTIFIED BY 'x'").update();
        database.jdbc().sql("GRANT SELECT, UPDATE ON " + database.schema() + ".* TO " + user + "@'%'").update();
        String before = set("read_only", "1");
        try {
            for (String who : List.of("user=root",
                    "user=" + user + "&password=x&allowPublicKeyRetrieval=true&sslMode=DISABLED")) {
                String url = database.url().replace("user=root", who);
                runAt(url).ended(ExitCode.DATABASE)
                    .saying("no server of spring.datasource.url takes writes", "is read-only",
                            "name a server that does")
                    .inOneLine();
                runAt(url, "refresh", "--force").ended(ExitCode.DATABASE).inOneLine();
                runAt(url, "status").ended(ExitCode.DATABASE)
                    .saying("access_token", "due", "these rows are a read-only server's");
            }
        }
        finally {
            set("read_only", before);
            database.jdbc().sql("DROP USER " + user + "@'%'").update();
        }
        assertThat(weChat.tokenCalls()).isEqualTo(1);
        run().ended(ExitCode.OK).saying("access_token refreshed");
        seen("read-only");
    }

    /**
     * @return the value before
     */
    private String set(String name, String value) {
        String before = database.jdbc().sql("SELECT @@GLOBAL." + name).query(String.class).single();
        database.jdbc()
            .sql("SET GLOBAL " + name + " = " + (value.matches("[0-9]+") ? value : "'" + value + "'"))
            .update();
        return before;
    }

}
