package io.wxtoken.database;

import java.util.Properties;

import javax.sql.DataSource;

import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;

import com.zaxxer.hikari.HikariDataSource;

import io.wxtoken.settings.Settings;

/**
 * A pool of connections as {@link Database} opens them. By hand, since Spring Boot's auto-configuration looks at much that
 * nobody has here, in each run.
 */
@Configuration(proxyBeanMethods = false)
public class DatabaseConfiguration {

    @Bean
    HikariDataSource dataSource(Environment environment) {
        HikariDataSource pool = Binder.get(environment)
            .bindOrCreate("spring.datasource.hikari", Bindable.of(HikariDataSource.class));
        String url = Settings.databaseUrl(environment);
        Properties properties = Database.properties(environment, url);
        pool.setJdbcUrl(url);
        pool.setUsername((String) properties.remove("user"));
        pool.setPassword((String) properties.remove("password"));
        pool.setDataSourceProperties(properties);
        pool.setAutoCommit(true); // the row protocol: each statement is committed at once
        return pool;
    }

    /** For Spring Batch's own tables. */
    @Bean
    PlatformTransactionManager transactionManager(DataSource dataSource) {
        return new JdbcTransactionManager(dataSource);
    }
}
