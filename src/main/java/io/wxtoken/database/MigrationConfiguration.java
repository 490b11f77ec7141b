package io.wxtoken.database;

import java.sql.SQLException;
import java.util.Arrays;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfoService;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayMigrationStrategy;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.NestedExceptionUtils;

/** Flyway, for a run that found the schema incomplete, and for {@code wx-token migrate}. */
@Configuration(proxyBeanMethods = false)
@ImportAutoConfiguration(FlywayAutoConfiguration.class)
public class MigrationConfiguration {

    private static final int ATTEMPTS = 5;

    /**
     * Nodes that start together on an empty database: Flyway looks whether there is a schema history, and whether the
     * schema is empty, before it locks, so it can take another node's half-made schema for one that needs a baseline, and
     * then finds that it does not (flyway-core, Flyway.migrate and DbBaseline). A second look puts that right.
     * <p>
     * A migration that failed, on a full disk, say, is run again: every migration can be. Flyway alone would refuse all
     * later runs until somebody calls "repair".
     * <p>
     * A complete schema is only checked: to migrate is to take Flyway's lock, even with nothing to do, and a node that is
     * frozen while it holds the lock would keep all others from their tokens.
     */
    @Bean
    FlywayMigrationStrategy migrateTogether() {
        return flyway -> {
            for (int attempt = 1;; attempt++) {
                try {
                    if (complete(flyway)) {
                        flyway.validate();
                    }
                    else {
                        forgetFailedMigration(flyway);
                        flyway.migrate();
                    }
                    return;
                }
                catch (FlywayException e) {
                    if (attempt == ATTEMPTS || NestedExceptionUtils.getRootCause(e) instanceof SQLException) {
                        throw e;
                    }
                    pause(attempt);
                }
            }
        };
    }

    private static boolean complete(Flyway flyway) {
        MigrationInfoService migrations = flyway.info();
        return migrations.pending().length == 0 && Arrays.stream(migrations.applied()).noneMatch(migration -> migration.getState().isFailed());
    }

    private static void forgetFailedMigration(Flyway flyway) {
        if (Arrays.stream(flyway.info().applied()).anyMatch(migration -> migration.getState().isFailed())) {
            flyway.repair();
        }
    }

    private static void pause(int attempt) {
        try {
            Thread.sleep(200L * attempt);
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while another node migrates the schema", e);
        }
    }
}
