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

import io.wxtoken.settings.Settings;

/**
 * Wires the pool over the run's connections. Spring Boot's auto-configuration is not
 * used, because in each run it would look for many things that this program does not
 * have.
 */
@Configuration(proxyBeanMethods = false)
public class DatabaseConfiguration {

    /**
     * How long a worker waits for a connection when there are several servers, in
     * milliseconds: long enough to give up a server that hangs and to reach the next one.
     */
    private static final long ANOTHER_SERVER_TIMEOUT = 20_000;

    @Bean
    @Primary
    HikariDataSource dataSource(Environment environment, RunDatabase database) {
        HikariDataSource pool = Binder.get(environment)
            .bindOrCreate("spring.datasource.hikari", Bindable.of(HikariDataSource.class));
        pool.setDataSource(database);
        pool.setAutoCommit(true); // the row protocol: each statement is committed at once
        if (Database.isMySql(Settings.databaseUrl(environment))) {
            pool.setConnectionInitSql(Database.BOUND_LOCK_WAITS);
        }
        pool.setExceptionOverride(new FailoverOverride(database));
        if (database.hasSeveralServers()) {
            pool.setConnectionTimeout(Math.max(pool.getConnectionTimeout(), ANOTHER_SERVER_TIMEOUT));
        }
        return pool;
    }

    /**
     * Makes later connections go to another server when a connection broke or its server
     * no longer takes writes, or has a row that stays locked. In the latter cases the
     * connection is closed as well.
     */
    private record FailoverOverride(RunDatabase database) implements SQLExceptionOverride {

        @java.lang.Override
        public Override adjudicate(SQLException e) {
            if (DatabaseErrors.isForAnotherServer(e)) {
                database.useNextServer();
            }
            boolean moves = DatabaseErrors.takesNoWrites(e)
                    || database.hasSeveralServers() && DatabaseErrors.waitedForALock(e);
            return moves ? Override.MUST_EVICT : Override.CONTINUE_EVICT;
        }
    }

}
