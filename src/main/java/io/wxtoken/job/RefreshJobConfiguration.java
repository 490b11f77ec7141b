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
import org.springframework.batch.core.step.tasklet.Tasklet;
import org.springframework.batch.infrastructure.support.transaction.ResourcelessTransactionManager;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.core.task.SyncTaskExecutor;

import io.wxtoken.database.RunDatabase;
import io.wxtoken.history.RefreshHistory;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.Authorizers;
import io.wxtoken.token.ComponentToken;
import io.wxtoken.token.RefreshListener;
import io.wxtoken.token.RefreshPolicy;
import io.wxtoken.token.Refresher;
import io.wxtoken.token.RunId;
import io.wxtoken.token.TokenRepository;
import io.wxtoken.wechat.WeChatClient;

/**
 * Wires the job: one step over the rows. Spring Batch keeps its executions in memory,
 * with the {@code ResourcelessJobRepository} that is made for one job in a JVM of its
 * own. What a run did is in the rows and in {@code wx_token_history}, so it needs no
 * table of Spring Batch's.
 */
@Configuration(proxyBeanMethods = false)
public class RefreshJobConfiguration {

    @Bean
    JobRepository jobRepository() {
        return new ResourcelessJobRepository();
    }

    /**
     * {@code DefaultBatchConfiguration} would put the operator behind a proxy that begins
     * a transaction, although there is nothing to commit.
     */
    @Bean
    JobOperator jobOperator(JobRepository repository) {
        TaskExecutorJobOperator operator = new TaskExecutorJobOperator();
        operator.setJobRepository(repository);
        operator.setJobRegistry(new MapJobRegistry());
        operator.setTaskExecutor(new SyncTaskExecutor());
        return operator;
    }

    @Bean
    TokenRepository tokenRepository(DataSource dataSource, DueCheck check) {
        return new TokenRepository(dataSource, check.schema().hasCompleteRows());
    }

    @Bean
    Authorizers authorizers(DataSource dataSource) {
        return new Authorizers(dataSource);
    }

    @Bean
    RefreshHistory refreshHistory(DataSource dataSource, RunId me, WxProperties wx, DueCheck check) {
        return new RefreshHistory(dataSource, me.run(), wx.history().keep(), check.schema().hasCompleteRows());
    }

    @Bean
    AccountRefresher accountRefresher(WxProperties wx, TokenRepository rows, Authorizers authorizers, RunId me,
            RunGuard guard, RefreshHistory history, RefreshListener metrics, RunReport report) {
        RefreshListener listener = RefreshListener.all(history, metrics, report);
        RefreshPolicy policy = new RefreshPolicy(wx.refresh(), wx.probe());
        WeChatClient weChat = new WeChatClient(wx.api().connection());
        Refresher refresher = new Refresher(rows, policy, wx.refresh(), weChat.requestTimeout(), me, System::nanoTime,
                guard::ending, listener);
        ComponentToken component = wx.componentAccount()
            .map(account -> new ComponentToken(account, rows, refresher, authorizers, weChat, listener))
            .orElse(null);
        return new AccountRefresher(rows, refresher, policy, weChat, component, wx.refresh().before(), listener);
    }

    @Bean
    RunReport runReport(WxProperties wx, RunGuard guard) {
        return new RunReport(wx.allAccounts(), guard::stopping);
    }

    /**
     * The step has no transaction: a transaction on the database that is open while
     * WeChat is asked would break the row protocol.
     */
    @Bean
    Step refreshStep(JobRepository repository, WxProperties wx, RefreshOptions options, DueCheck check,
            TokenRepository rows, Authorizers authorizers, AccountRefresher refresher, RunReport report, RunGuard guard,
            RunDatabase database, Environment environment) {
        Tasklet tasklet = new RefreshTasklet(wx, options, check, rows, authorizers, refresher, report, guard,
                Settings.databaseUrl(environment), database.hasSeveralServers());
        return new StepBuilder("refresh", repository).tasklet(tasklet, new ResourcelessTransactionManager()).build();
    }

    @Bean
    Job refreshJob(JobRepository repository, Step refreshStep) {
        return new JobBuilder("wx-token", repository).start(refreshStep).build();
    }

    @Bean
    RunId runId() {
        return RunId.unique();
    }

    @Bean
    RefreshRun refreshRun(JobOperator operator, Job refreshJob, RunReport report) {
        return new RefreshRun(operator, refreshJob, report);
    }

}
