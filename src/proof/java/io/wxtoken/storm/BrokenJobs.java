package io.wxtoken.storm;

import javax.sql.DataSource;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;

import io.wxtoken.token.FaultyRepository;
import io.wxtoken.token.OptimisticUpdateOnly;
import io.wxtoken.token.TokenRepository;

/**
 * Configurations of the program with a part of its protocol left out: a storm that does
 * not notice that proves nothing.
 */
final class BrokenJobs {

    private BrokenJobs() {
    }

    @Configuration(proxyBeanMethods = false)
    static class WithoutClaim {

        @Bean
        @Primary
        TokenRepository withoutClaim(DataSource dataSource) {
            return new OptimisticUpdateOnly(dataSource);
        }

    }

    @Configuration(proxyBeanMethods = false)
    static class WithoutFencedStep {

        @Bean
        @Primary
        TokenRepository withoutFencedStep(DataSource dataSource) {
            return FaultyRepository.withoutReport(dataSource);
        }

    }

}
