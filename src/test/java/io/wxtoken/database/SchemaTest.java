package io.wxtoken.database;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A migration that the constant does not know of would never be run. */
class SchemaTest {

    @ParameterizedTest
    @ValueSource(strings = { "mysql", "h2" })
    void theSchemasVersionIsTheNewestMigrations(String vendor) throws IOException {
        try (Stream<Path> migrations = Files.list(Path.of("db/migration", vendor))) {
            assertThat(migrations
                .mapToInt(file -> Integer.parseInt(file.getFileName().toString().replaceFirst("V(\\d+)__.*", "$1")))
                .max()).hasValue(Integer.parseInt(Schema.VERSION));
        }
    }

}
