package io.wxtoken.database;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.settings.Settings;

/**
 * The due check keeps its connection for the run that follows. A connection that broke
 * meanwhile is replaced.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class RunDatabaseIT {

    @Parameter
    TestDatabase server;

    private static long id(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT CONNECTION_ID()")) {
            row.next();
            return row.getLong(1);
        }
    }

    @Test
    void theKeptConnectionIsHandedOutOnceUnlessItBroke() throws SQLException {
        try (RunDatabase database = new RunDatabase(
                Settings.environment(Path.of("."), server.arguments().toArray(String[]::new)))) {
            Connection first = database.getConnection();
            long id = id(first);
            database.keepForNextCall(first);
            assertThat(id(database.getConnection())).isEqualTo(id);
            try (Connection second = database.getConnection()) {
                assertThat(id(second)).isNotEqualTo(id);
            }
            database.keepForNextCall(first);
            server.jdbc().sql("KILL " + id).update();
            try (Connection another = database.getConnection()) {
                assertThat(id(another)).isNotEqualTo(id);
            }
        }
    }

}
