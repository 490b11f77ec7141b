package io.wxtoken.cli;

import org.springframework.boot.SpringBootExceptionReporter;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;

/**
 * Keeps Spring Boot from printing a stack trace: {@link Execution} reports every failure
 * in one line.
 */
@Order(Ordered.HIGHEST_PRECEDENCE)
final class QuietFailures implements SpringBootExceptionReporter {

    QuietFailures(ConfigurableApplicationContext context) {
    }

    @Override
    public boolean reportException(Throwable failure) {
        return true;
    }

}
