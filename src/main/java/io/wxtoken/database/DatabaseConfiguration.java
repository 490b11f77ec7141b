package io.wxtoken.database;

import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.core.env.Environment;

import com.zaxxer.hikari.HikariDataSource;

/**
 * A pool of the run's connections. By hand, since Spring Boot's auto-configuration looks at much that nobody has here, in each
 * run.
 */
@Configuration(proxyBeanMethods = false)
public class DatabaseConfiguration {

    @Bean
    @Primary
    HikariDataSource dataSource(Environment environment, RunDatabase database) {
        HikariDataSource pool = Binder.get(environment)
            .bindOrCreate("spring.datasource.hikari", Bindable.of(HikariDataSource.class));
        pool.setDataSource(database);
        pool.setAutoCommit(true); // the row protocol: each statement is committed at once
        return pool;
    }
}
