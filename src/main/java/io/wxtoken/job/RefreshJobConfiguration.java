package io.wxtoken.job;

import javax.sql.DataSource;

import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.infrastructure.support.transaction.ResourcelessTransactionManager;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.RefreshPolicy;
import io.wxtoken.token.Refresher;
import io.wxtoken.token.TokenRows;
import io.wxtoken.wechat.WeChatClient;

/** The job's wiring: one job, one step, over the rows. */
@Configuration(proxyBeanMethods = false)
public class RefreshJobConfiguration {

    @Bean
    Refresher refresher(WxProperties wx, TokenRows rows, RefreshRun.Id run, RunGuard guard) {
        return new Refresher(rows, new RefreshPolicy(wx.refresh()), new WeChatClient(wx.api()), wx.refresh().lease(),
                run.value(), System::nanoTime, guard::stopping);
    }

    @Bean
    TokenRows tokenRows(DataSource dataSource) {
        return new TokenRows(dataSource);
    }

    /** The step's transaction is none: a transaction on the database, open while WeChat is asked, would break the protocol. */
    @Bean
    Step refreshStep(JobRepository repository, WxProperties wx, TokenRows rows, Refresher refresher) {
        return new StepBuilder("refresh", repository)
            .tasklet(new RefreshTasklet(wx.accounts(), rows, refresher), new ResourcelessTransactionManager())
            .build();
    }

    @Bean
    Job refreshJob(JobRepository repository, Step refreshStep) {
        return new JobBuilder("wx-token", repository).start(refreshStep).build();
    }

    @Bean
    RefreshRun.Id runId() {
        return RefreshRun.Id.unique();
    }

    @Bean
    RefreshRun refreshRun(JobOperator operator, Job refreshJob, RefreshRun.Id run) {
        return new RefreshRun(operator, refreshJob, run);
    }
}
