package io.wxtoken.job;

import java.util.List;

import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobExecutionException;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.launch.JobOperator;

import io.wxtoken.ExitCode;

/** One run of the job. */
public final class RefreshRun {

    private final JobOperator operator;

    private final Job job;

    private final RunReport report;

    RefreshRun(JobOperator operator, Job job, RunReport report) {
        this.operator = operator;
        this.job = job;
        this.report = report;
    }

    /**
     * Runs the job to its end.
     * @throws RuntimeException when the job failed as a whole, for example because of the
     * database; its cause is the job's own exception
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
        return report.exitCode();
    }

}
