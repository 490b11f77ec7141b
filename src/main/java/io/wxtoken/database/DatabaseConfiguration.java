package io.wxtoken.database;

import java.sql.SQLException;

import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.SQLExceptionOverride;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.core.env.Environment;

/**
 * The pool over the run's connections. It is wired here and not by Spring Boot's
 * auto-configuration, which would look for many things that this program does not have,
 * in each run.
 */
@Configuration(proxyBeanMethods = false)
public class DatabaseConfiguration {

    /**
     * The time to reach another server, in milliseconds.
     */
    private static final long TO_REACH_ANOTHER = 20_000;

    @Bean
    @Primary
    HikariDataSource dataSource(Environment environment, RunDatabase database) {
        HikariDataSource pool = Binder.get(environment)
            .bindOrCreate("spring.datasource.hikari", Bindable.of(HikariDataSource.class));
        pool.setDataSource(database);
        pool.setAutoCommit(true); // the row protocol: each statement is committed at once
        pool.setExceptionOverride(new AnotherServer(database));
        // a server that hangs must not keep a worker from the next one
        if (database.severalServers()) {
            pool.setConnectionTimeout(Math.max(pool.getConnectionTimeout(), TO_REACH_ANOTHER));
        }
        return pool;
    }

    /**
     * Closes a connection whose server no longer takes writes, and makes later
     * connections go to another server, also after a connection broke.
     */
    private record AnotherServer(RunDatabase database) implements SQLExceptionOverride {

        @java.lang.Override
        public Override adjudicate(SQLException e) {
            if (DatabaseErrors.isForAnotherServer(e)) {
                database.useNextServer();
            }
            return DatabaseErrors.takesNoWrites(e) ? Override.MUST_EVICT : Override.CONTINUE_EVICT;
        }
    }

}
