package io.wxtoken.job;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.UUID;

import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobExecutionException;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.launch.JobOperator;

import io.wxtoken.ExitCode;

/** One run of the job, under a name that no other run has. */
public final class RefreshRun {

    /**
     * Names a run: in {@code claimed_by}, and as the job's only parameter, since simultaneous launches with the same
     * parameters would be one job instance.
     *
     * @param value at most 64 characters: host, process id, and 8 random digits, as process ids come again
     */
    public record Id(String value) {

        static Id unique() {
            String host;
            try {
                host = InetAddress.getLocalHost().getHostName();
            }
            catch (UnknownHostException e) {
                host = "unknown-host";
            }
            return new Id("%.40s-%d-%.8s".formatted(host, ProcessHandle.current().pid(), UUID.randomUUID()));
        }
    }

    private final JobOperator operator;

    private final Job job;

    private final Id id;

    RefreshRun(JobOperator operator, Job job, Id id) {
        this.operator = operator;
        this.job = job;
        this.id = id;
    }

    /**
     * Runs the job to its end.
     *
     * @throws RuntimeException what made it fail as a whole, such as the database
     */
    public ExitCode run() throws JobExecutionException {
        JobExecution execution = operator.start(job, new JobParametersBuilder().addString("run", id.value()).toJobParameters());
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
