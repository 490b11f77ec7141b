package io.wxtoken.database;

import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import com.zaxxer.hikari.HikariDataSource;

/**
 * The pool. What is wanted of Spring Boot is named: to let it look through all that it knows takes time in each run. Here is
 * what its defaults leave unbounded or unsafe.
 */
@Configuration(proxyBeanMethods = false)
@ImportAutoConfiguration({ DataSourceAutoConfiguration.class, DataSourceTransactionManagerAutoConfiguration.class })
public class DatabaseConfiguration {

    @Bean
    static BeanPostProcessor safePool() {
        return new BeanPostProcessor() {

            @Override
            public Object postProcessBeforeInitialization(Object bean, String name) {
                if (bean instanceof HikariDataSource pool) {
                    pool.setAutoCommit(true); // the row protocol: each statement is committed at once
                    if (Database.isMySql(String.valueOf(pool.getJdbcUrl()))) {
                        Database.BOUNDS.forEach((bound, milliseconds) -> bound(pool, bound, milliseconds));
                    }
                }
                return bean;
            }
        };
    }

    private static void bound(HikariDataSource pool, String property, int milliseconds) {
        if (!pool.getJdbcUrl().contains(property + "=") && !pool.getDataSourceProperties().containsKey(property)) {
            pool.addDataSourceProperty(property, String.valueOf(milliseconds));
        }
    }
}
