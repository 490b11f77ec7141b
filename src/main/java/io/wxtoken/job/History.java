package io.wxtoken.job;

import java.time.Duration;
import java.time.LocalDateTime;
import java.util.List;

import javax.sql.DataSource;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.JobExecutionListener;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Keeps Spring Batch's tables from growing: executions that are older than {@code wx.history.keep} are deleted, with all
 * that hangs on them, and those that a kill left STARTED are closed. (Spring Batch's own way deletes one at a time, 55 ms
 * each, and two nodes that do so collide.) One run in {@value #EVERY} does it, after its work, in statements that are bounded
 * and committed one by one; what one run leaves, or dies over, the next finds. It fails nobody.
 */
final class History implements JobExecutionListener {

    static final int EVERY = 20;

    /** More than {@link #EVERY}, so that a backlog melts. */
    static final int BITE = 200;

    /** The columns hold each node's local time: this is older in every time zone, and no run takes so long. */
    private static final Duration SURELY_DEAD = Duration.ofHours(27);

    private static final Logger log = LoggerFactory.getLogger(History.class);

    private final JdbcClient jdbc;

    private final Duration keep;

    History(DataSource dataSource, Duration keep) {
        this.jdbc = JdbcClient.create(dataSource);
        this.keep = keep;
    }

    @Override
    public void afterJob(JobExecution execution) {
        if (execution.getId() % EVERY == 0) {
            clean(LocalDateTime.now());
        }
    }

    void clean(LocalDateTime now) {
        try {
            close(now);
            delete(now.minus(keep));
        }
        catch (DataAccessException e) { // another node cleans at this moment, or the database has other trouble, which is told elsewhere
            log.debug("history is left to a later run", e);
        }
    }

    private void close(LocalDateTime now) {
        List<Long> left = jdbc.sql("SELECT JOB_EXECUTION_ID FROM BATCH_JOB_EXECUTION WHERE END_TIME IS NULL AND CREATE_TIME < :dead ORDER BY JOB_EXECUTION_ID LIMIT " + BITE)
            .param("dead", now.minus(SURELY_DEAD)).query(Long.class).list();
        if (!left.isEmpty()) {
            jdbc.sql("UPDATE BATCH_STEP_EXECUTION SET STATUS = 'FAILED', EXIT_CODE = 'FAILED', END_TIME = :now WHERE JOB_EXECUTION_ID IN (:ids) AND END_TIME IS NULL")
                .param("now", now).param("ids", left).update();
            jdbc.sql("""
                    UPDATE BATCH_JOB_EXECUTION SET STATUS = 'FAILED', EXIT_CODE = 'FAILED', EXIT_MESSAGE = 'did not end: killed, or its node died',
                           END_TIME = :now
                     WHERE JOB_EXECUTION_ID IN (:ids)
                    """).param("now", now).param("ids", left).update();
        }
    }

    private record Execution(long id, long instance, LocalDateTime createTime) {
    }

    private void delete(LocalDateTime before) {
        // By id, not by time: the oldest come first without an index on the time.
        List<Execution> oldest = jdbc.sql("SELECT JOB_EXECUTION_ID AS id, JOB_INSTANCE_ID AS instance, CREATE_TIME FROM BATCH_JOB_EXECUTION WHERE END_TIME IS NOT NULL ORDER BY JOB_EXECUTION_ID LIMIT " + BITE)
            .query(Execution.class).list().stream()
            .filter(execution -> execution.createTime().isBefore(before)).toList();
        if (oldest.isEmpty()) {
            return;
        }
        List<Long> ids = oldest.stream().map(Execution::id).toList();
        delete("BATCH_STEP_EXECUTION_CONTEXT WHERE STEP_EXECUTION_ID IN (SELECT STEP_EXECUTION_ID FROM BATCH_STEP_EXECUTION WHERE JOB_EXECUTION_ID IN (:ids))", ids);
        delete("BATCH_STEP_EXECUTION WHERE JOB_EXECUTION_ID IN (:ids)", ids);
        delete("BATCH_JOB_EXECUTION_CONTEXT WHERE JOB_EXECUTION_ID IN (:ids)", ids);
        delete("BATCH_JOB_EXECUTION_PARAMS WHERE JOB_EXECUTION_ID IN (:ids)", ids);
        delete("BATCH_JOB_EXECUTION WHERE JOB_EXECUTION_ID IN (:ids)", ids);
        // Up to the last of these: older ones without an execution were left by a run that died here.
        jdbc.sql("""
                DELETE FROM BATCH_JOB_INSTANCE
                 WHERE JOB_INSTANCE_ID <= :last AND JOB_INSTANCE_ID NOT IN (SELECT JOB_INSTANCE_ID FROM BATCH_JOB_EXECUTION WHERE JOB_INSTANCE_ID <= :last)
                """).param("last", oldest.stream().mapToLong(Execution::instance).max().orElseThrow()).update();
    }

    private void delete(String from, List<Long> ids) {
        jdbc.sql("DELETE FROM " + from).param("ids", ids).update();
    }
}
