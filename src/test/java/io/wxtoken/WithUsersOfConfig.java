package io.wxtoken;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Gives each test method the users of {@code config/mysql}, under names of its own. */
abstract class WithUsersOfConfig extends OnEachDatabase {

    String schema;

    @BeforeEach
    void makeUsers() throws IOException {
        schema = database.schema();
        asAdministrator("users.sql");
    }

    @AfterEach
    void dropUsers() {
        for (String user : List.of("wx_migrator", "wx_token", "wx_reader")) {
            execute("DROP USER " + ofThisTest(user) + "@'%'");
        }
        execute("DROP USER IF EXISTS " + ofThisTest("wx_platform") + "@'%'");
    }

    /** So that the test meets nobody else's users. */
    String ofThisTest(String user) {
        return user + schema.substring(2);
    }

    void asAdministrator(String file) throws IOException {
        String script = Files.readString(Path.of("config/mysql", file))
            .replaceAll("(?m)--.*$", "")
            .replace("wx.", schema + ".");
        for (String statement : script.replaceAll("(wx_\\w+)@", "$1" + schema.substring(2) + "@").split(";")) {
            if (!statement.isBlank()) {
                execute(statement);
            }
        }
    }

}
