package io.wxtoken.job;

import java.util.List;

import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobExecutionException;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.launch.JobOperator;

import io.wxtoken.ExitCode;

/** One run of the job. */
public final class RefreshRun {

    /**
     * What a run is asked to do beyond the schedule.
     *
     * @param force refresh access_tokens whether they are due or not
     * @param appId only this account; null for all
     */
    public record Options(boolean force, String appId) {

        /** The schedule's run. */
        public static final Options NONE = new Options(false, null);
    }

    private final JobOperator operator;

    private final Job job;

    RefreshRun(JobOperator operator, Job job) {
        this.operator = operator;
        this.job = job;
    }

    /**
     * Runs the job to its end.
     *
     * @throws RuntimeException what made it fail as a whole, such as the database
     */
    public ExitCode run() throws JobExecutionException {
        JobExecution execution = operator.start(job, new JobParameters());
        if (execution.getStatus() == BatchStatus.STOPPED) {
            return ExitCode.STOPPED;
        }
        List<Throwable> failures = execution.getAllFailureExceptions();
        if (!failures.isEmpty()) {
            throw new IllegalStateException("the job failed", failures.get(0));
        }
        String exitStatus = execution.getExitStatus().getExitCode();
        return exitStatus.equals(ExitStatus.COMPLETED.getExitCode()) ? ExitCode.OK : ExitCode.valueOf(exitStatus);
    }
}
