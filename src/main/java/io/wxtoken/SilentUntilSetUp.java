package io.wxtoken;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ConfiguratorRank;
import ch.qos.logback.core.spi.ContextAwareBase;
import ch.qos.logback.core.status.NopStatusListener;

/**
 * Logback until Spring Boot sets it up, which most runs never come to: it says nothing, and is not searched for files. Its
 * own way would print, and take 20 ms of each run.
 */
@ConfiguratorRank(ConfiguratorRank.CUSTOM_TOP_PRIORITY)
public final class SilentUntilSetUp extends ContextAwareBase implements Configurator {

    @Override
    public ExecutionStatus configure(LoggerContext context) {
        context.getLogger(Logger.ROOT_LOGGER_NAME).setLevel(Level.OFF);
        context.getStatusManager().add(new NopStatusListener()); // else a printer for Logback's own messages is set up
        return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
    }
}
