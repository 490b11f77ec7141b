package io.wxtoken;

import java.sql.DriverManager;

/**
 * The least that a JVM can do with the table: it opens one connection and asks one
 * question. {@link StartBenchmark} starts it from a jar of its own.
 */
final class Floor {

    private Floor() {
    }

    public static void main(String[] args) throws Exception {
        try (var connection = DriverManager.getConnection(System.getenv("SPRING_DATASOURCE_URL"));
                var statement = connection.createStatement();
                var rows = statement.executeQuery("SELECT COUNT(*) FROM wx_token")) {
            rows.next();
            if (rows.getInt(1) == 0) {
                throw new IllegalStateException("no rows");
            }
        }
    }

}
