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
import org.springframework.context.annotation.Import;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.Node;
import io.wxtoken.token.Refresher;
import io.wxtoken.token.TokenRows;
import io.wxtoken.wechat.WeChatClient;

/** The job's wiring: one job, one step, over the rows. */
@Configuration(proxyBeanMethods = false)
@Import(BatchConfiguration.class)
public class RefreshJobConfiguration {

    @Bean
    TokenRows tokenRows(DataSource dataSource) {
        return new TokenRows(dataSource);
    }

    @Bean
    AccountRefresher accountRefresher(WxProperties wx, TokenRows rows, Node me, RunGuard guard) {
        Refresher refresher = new Refresher(rows, wx.refresh(), wx.api().requestTimeout(), me, System::nanoTime, guard::stopping);
        return new AccountRefresher(rows, refresher, new WeChatClient(wx.api()), wx);
    }

    /** The step's transaction is none: a transaction on the database, open while WeChat is asked, would break the protocol. */
    @Bean
    Step refreshStep(JobRepository repository, WxProperties wx, RefreshRun.Options options, TokenRows rows, AccountRefresher refresher) {
        return new StepBuilder("refresh", repository)
            .tasklet(new RefreshTasklet(wx.allAccounts(), wx.refresh().concurrency(), options, rows, refresher),
                    new ResourcelessTransactionManager())
            .build();
    }

    @Bean
    Job refreshJob(JobRepository repository, Step refreshStep, DataSource dataSource, WxProperties wx) {
        return new JobBuilder("wx-token", repository).listener(new History(dataSource, wx.history().keep())).start(refreshStep).build();
    }

    @Bean
    Node node() {
        return Node.unique();
    }

    @Bean
    RefreshRun refreshRun(JobOperator operator, Job refreshJob, Node me) {
        return new RefreshRun(operator, refreshJob, me);
    }
}
