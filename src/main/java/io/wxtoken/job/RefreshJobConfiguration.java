package io.wxtoken.job;

import javax.sql.DataSource;

import org.springframework.batch.core.configuration.support.MapJobRegistry;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.launch.support.TaskExecutorJobOperator;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.repository.support.ResourcelessJobRepository;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.infrastructure.support.transaction.ResourcelessTransactionManager;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.task.SyncTaskExecutor;

import io.wxtoken.database.RunDatabase;
import io.wxtoken.database.Schema;
import io.wxtoken.history.RefreshHistory;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.Node;
import io.wxtoken.token.Refresher;
import io.wxtoken.token.TokenRows;
import io.wxtoken.wechat.WeChatClient;

/**
 * The job's wiring: one job, one step, over the rows. Spring Batch keeps its executions in memory (its
 * {@code ResourcelessJobRepository}, made for one job in a JVM of its own that is never restarted): what a run did is in the rows
 * and in {@code wx_token_history}, and nothing that others own is needed for it.
 */
@Configuration(proxyBeanMethods = false)
public class RefreshJobConfiguration {

    @Bean
    JobRepository jobRepository() {
        return new ResourcelessJobRepository();
    }

    /** Not as {@code DefaultBatchConfiguration} makes it, behind a proxy that begins a transaction: there is nothing to commit. */
    @Bean
    JobOperator jobOperator(JobRepository repository) {
        TaskExecutorJobOperator operator = new TaskExecutorJobOperator();
        operator.setJobRepository(repository);
        operator.setJobRegistry(new MapJobRegistry());
        operator.setTaskExecutor(new SyncTaskExecutor());
        return operator;
    }

    @Bean
    TokenRows tokenRows(DataSource dataSource) {
        return new TokenRows(dataSource);
    }

    @Bean
    RefreshHistory refreshHistory(DataSource dataSource, Node me, WxProperties wx, Look look) {
        return new RefreshHistory(dataSource, me.run(), wx.history().keep(), look.schema() == Schema.State.COMPLETE);
    }

    @Bean
    AccountRefresher accountRefresher(WxProperties wx, TokenRows rows, Node me, RunGuard guard, RefreshHistory history) {
        Refresher refresher = new Refresher(rows, wx.refresh(), wx.api().requestTimeout(), me, System::nanoTime, guard::stopping, history);
        return new AccountRefresher(rows, refresher, new WeChatClient(wx.api()), wx);
    }

    /** The step's transaction is none: a transaction on the database, open while WeChat is asked, would break the protocol. */
    @Bean
    Step refreshStep(JobRepository repository, WxProperties wx, RefreshRun.Options options, Look look, TokenRows rows, AccountRefresher refresher,
            RunDatabase database) {
        return new StepBuilder("refresh", repository)
            .tasklet(new RefreshTasklet(wx.allAccounts(), wx.refresh().concurrency(), options, look, rows, refresher,
                    database.severalServers()),
                    new ResourcelessTransactionManager())
            .build();
    }

    @Bean
    Job refreshJob(JobRepository repository, Step refreshStep) {
        return new JobBuilder("wx-token", repository).start(refreshStep).build();
    }

    @Bean
    Node node() {
        return Node.unique();
    }

    @Bean
    RefreshRun refreshRun(JobOperator operator, Job refreshJob) {
        return new RefreshRun(operator, refreshJob);
    }
}
