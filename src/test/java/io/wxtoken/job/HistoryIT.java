package io.wxtoken.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Timestamp;
import java.time.Duration;
import java.time.LocalDateTime;
import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.jdbc.core.JdbcTemplate;

import io.wxtoken.testing.TestDatabase;

/** Spring Batch's tables stop growing. */
@ParameterizedClass
@MethodSource("io.wxtoken.testing.TestDatabase#all")
class HistoryIT {

    private static final List<String> TABLES = List.of("BATCH_JOB_INSTANCE", "BATCH_JOB_EXECUTION", "BATCH_JOB_EXECUTION_PARAMS",
            "BATCH_JOB_EXECUTION_CONTEXT", "BATCH_STEP_EXECUTION", "BATCH_STEP_EXECUTION_CONTEXT");

    private static final LocalDateTime BEGIN = LocalDateTime.of(2026, 11, 1, 0, 0);

    @Parameter
    TestDatabase server;

    private TestDatabase database;

    private JdbcTemplate jdbc;

    @BeforeEach
    void start() {
        database = server.fresh().migrated();
        jdbc = new JdbcTemplate(database.dataSource());
        jdbc.update("CREATE TABLE numbers (n int PRIMARY KEY)");
        jdbc.batchUpdate("INSERT INTO numbers VALUES (?)", IntStream.range(0, 500).mapToObj(n -> new Object[] { n }).toList());
    }

    @AfterEach
    void stop() {
        database.close();
    }

    /** So many executions, as Spring Batch leaves them, at even distances within an hour. */
    private void ran(long from, int count, LocalDateTime begin, String status) {
        String id = from + " + n";
        String time = "TIMESTAMPADD(SECOND, n * " + 3600 / count + ", '" + Timestamp.valueOf(begin) + "')";
        String end = status.equals("STARTED") ? "NULL" : time;
        String some = " FROM numbers WHERE n < " + count;
        jdbc.update("INSERT INTO BATCH_JOB_INSTANCE (JOB_INSTANCE_ID, VERSION, JOB_NAME, JOB_KEY) SELECT " + id + ", 0, 'wx-token', CAST(" + id + " AS CHAR(20))" + some);
        jdbc.update("INSERT INTO BATCH_JOB_EXECUTION (JOB_EXECUTION_ID, VERSION, JOB_INSTANCE_ID, CREATE_TIME, START_TIME, END_TIME, STATUS, EXIT_CODE) SELECT "
                + String.join(", ", id, "2", id, time, time, end, "'" + status + "'", "'" + status + "'") + some);
        jdbc.update("INSERT INTO BATCH_JOB_EXECUTION_PARAMS (JOB_EXECUTION_ID, PARAMETER_NAME, PARAMETER_TYPE, PARAMETER_VALUE, IDENTIFYING) SELECT "
                + id + ", 'run', 'java.lang.String', 'node-1', 'Y'" + some);
        jdbc.update("INSERT INTO BATCH_JOB_EXECUTION_CONTEXT (JOB_EXECUTION_ID, SHORT_CONTEXT) SELECT " + id + ", '{}'" + some);
        jdbc.update("INSERT INTO BATCH_STEP_EXECUTION (STEP_EXECUTION_ID, VERSION, STEP_NAME, JOB_EXECUTION_ID, CREATE_TIME, START_TIME, END_TIME, STATUS, EXIT_CODE) SELECT "
                + String.join(", ", id, "3", "'refresh'", id, time, time, end, "'" + status + "'", "'" + status + "'") + some);
        jdbc.update("INSERT INTO BATCH_STEP_EXECUTION_CONTEXT (STEP_EXECUTION_ID, SHORT_CONTEXT) SELECT " + id + ", '{}'" + some);
    }

    private long rows(String table) {
        return jdbc.queryForObject("SELECT COUNT(*) FROM " + table, Long.class);
    }

    /** A month of one run a minute on 3 nodes, each of which has something to do (WeChat refuses all the time, say); on a server, a twentieth of them. */
    @Test
    void afterTheTimeToKeepAMonthsTablesGrowNoMore() {
        History history = new History(database.dataSource(), Duration.ofDays(7));
        int perHour = database.isH2() ? 180 : 9;
        long id = 1;
        long most = 0;
        for (int hour = 0; hour < 31 * 24; hour++) {
            LocalDateTime begin = BEGIN.plusHours(hour);
            ran(id, perHour, begin, "COMPLETED");
            id += perHour;
            history.clean(begin.plusHours(1)); // of three nodes' 180 runs an hour nine do so
            most = Math.max(most, rows("BATCH_JOB_EXECUTION"));
        }
        assertThat(id - 1).isEqualTo(31 * 24 * perHour);
        long kept = 7 * 24 * perHour;
        for (String table : TABLES) {
            assertThat(rows(table)).as(table).isBetween(kept, kept + History.BITE);
        }
        assertThat(most).isLessThanOrEqualTo(kept + History.BITE);
        System.out.printf("%s: %d executions in a month, at most %d at a time, %d at its end%n", database, id - 1, most, rows("BATCH_JOB_EXECUTION"));
    }

    @Test
    void aBacklogMeltsInBitesAndWhatARunLeftHalfDeletedGoesToo() {
        ran(1, 500, BEGIN, "COMPLETED");
        jdbc.update("DELETE FROM BATCH_STEP_EXECUTION_CONTEXT WHERE STEP_EXECUTION_ID <= 10");
        jdbc.update("DELETE FROM BATCH_JOB_EXECUTION_PARAMS WHERE JOB_EXECUTION_ID <= 3");
        jdbc.update("INSERT INTO BATCH_JOB_INSTANCE (JOB_INSTANCE_ID, VERSION, JOB_NAME, JOB_KEY) VALUES (0, 0, 'wx-token', 'its execution is gone')");
        History history = new History(database.dataSource(), Duration.ofDays(7));
        for (long left : new long[] { 300, 100, 0, 0 }) {
            history.clean(BEGIN.plusDays(8));
            for (String table : TABLES) {
                assertThat(rows(table)).as(table).isEqualTo(left);
            }
        }
    }

    @Test
    void whatAKillLeftStartedIsClosedWhenItIsSurelyDead() {
        ran(1, 1, BEGIN, "STARTED");
        ran(2, 1, BEGIN.plusHours(2), "STARTED");
        new History(database.dataSource(), Duration.ofDays(7)).clean(BEGIN.plusHours(28));
        assertThat(jdbc.queryForList("SELECT STATUS FROM BATCH_JOB_EXECUTION ORDER BY JOB_EXECUTION_ID", String.class)).containsExactly("FAILED", "STARTED");
        assertThat(jdbc.queryForList("SELECT STATUS FROM BATCH_STEP_EXECUTION ORDER BY STEP_EXECUTION_ID", String.class)).containsExactly("FAILED", "STARTED");
        assertThat(jdbc.queryForObject("SELECT END_TIME FROM BATCH_JOB_EXECUTION WHERE JOB_EXECUTION_ID = 1", LocalDateTime.class)).isEqualTo(BEGIN.plusHours(28));
    }
}
