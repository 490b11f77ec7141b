package io.wxtoken;

import java.util.concurrent.atomic.AtomicReference;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;

import io.wxtoken.database.DatabaseConfiguration;
import io.wxtoken.job.RefreshJobConfiguration;
import io.wxtoken.job.RefreshRun;
import io.wxtoken.job.RunGuard;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;

/** The program: one run of the job, then the end. */
@SpringBootConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import({ DatabaseConfiguration.class, RefreshJobConfiguration.class })
public class WxToken {

    public static void main(String[] args) {
        System.exit(run(args).code());
    }

    /** One run, from its settings to its exit code. A failure is told on standard error, in one line. */
    static ExitCode run(String... args) {
        AtomicReference<Environment> environment = new AtomicReference<>();
        try (RunGuard guard = new RunGuard()) {
            SpringApplication application = new SpringApplication(WxToken.class);
            application.setRegisterShutdownHook(false); // it would close the pool under a run that is told to stop: see RunGuard
            application.addInitializers(context -> {
                environment.set(context.getEnvironment());
                WxProperties wx = Settings.read(context.getEnvironment()); // before anything is opened
                guard.limit(wx.run().timeout());
                context.getBeanFactory().registerSingleton("wx", wx);
                context.getBeanFactory().registerSingleton("runGuard", guard);
            });
            try (ConfigurableApplicationContext context = application.run(args)) {
                return context.getBean(RefreshRun.class).run();
            }
        }
        catch (Exception e) {
            Failure failure = Failure.of(e, environment.get());
            failure.lines().forEach(line -> System.err.println("wx-token: " + line));
            Logger log = LoggerFactory.getLogger(WxToken.class);
            if (environment.get() != null) { // else logging is not set up
                log.debug("stack trace", e);
            }
            return failure.exitCode();
        }
    }
}
