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
 * A pool of the run's connections. By hand, since Spring Boot's auto-configuration looks
 * at much that nobody has here, in each run.
 */
@Configuration(proxyBeanMethods = false)
public class DatabaseConfiguration {

    /** Milliseconds. */
    private static final long TO_REACH_ANOTHER = 20_000;

    @Bean
    @Primary
    HikariDataSource dataSource(Environment environment, RunDatabase database) {
        HikariDataSource pool = Binder.get(environment)
            .bindOrCreate("spring.datasource.hikari", Bindable.of(HikariDataSource.class));
        pool.setDataSource(database);
        pool.setAutoCommit(true); // the row protocol: each statement is committed at once
        pool.setExceptionOverride(new AnotherServer(database));
        if (database.severalServers()) { // one that hangs must not keep a worker from the
                                         // next
            pool.setConnectionTimeout(Math.max(pool.getConnectionTimeout(), TO_REACH_ANOTHER));
        }
        return pool;
    }

    /**
     * A connection whose server takes no writes any more is closed, and one that is made
     * after it, or after one that broke, is to another server.
     */
    private record AnotherServer(RunDatabase database) implements SQLExceptionOverride {

        @java.lang.Override
        public Override adjudicate(SQLException e) {
            if (Database.isForAnotherServer(e)) {
                database.moveOn();
            }
            return Database.takesNoWrites(e) ? Override.MUST_EVICT : Override.CONTINUE_EVICT;
        }
    }

}
