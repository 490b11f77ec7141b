package io.wxtoken.storm;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

import io.wxtoken.fixtures.TestDatabase;

/** Searches for secrets and tokens where none may be. */
final class Leaks {

    /**
     * How the stand-in's tokens, refresh tokens and verify tickets begin, with enough of
     * the rest to be no accident.
     */
    private static final Pattern TOKEN = Pattern.compile("(99_|refreshtoken@@@|ticket@@@)[A-Za-z0-9_-]{20}");

    private static final Set<String> COLUMNS = Set.of("value", "refresh_token", "verify_ticket");

    private final List<String> secrets;

    private final List<String> found = new ArrayList<>();

    Leaks(String... secrets) {
        this.secrets = List.of(secrets);
    }

    void search(String where, String text) {
        if (secrets.stream().anyMatch(text::contains) || TOKEN.matcher(text).find()) {
            synchronized (found) {
                found.add(where);
            }
        }
    }

    void searchFiles(Path folder) throws IOException {
        try (var files = Files.walk(folder)) {
            for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
                search(file + "", Files.readString(file, StandardCharsets.ISO_8859_1));
            }
        }
    }

    /** Searches all tables, but for the columns that the tokens belong to. */
    void searchTables(TestDatabase database) throws SQLException {
        StringBuilder text = new StringBuilder();
        try (var connection = database.connect(); var statement = connection.createStatement()) {
            List<String> tables = new ArrayList<>();
            try (var names = statement.executeQuery("SHOW TABLES")) {
                while (names.next()) {
                    tables.add(names.getString(1));
                }
            }
            for (String table : tables) {
                try (var rows = statement.executeQuery("SELECT * FROM " + table)) {
                    while (rows.next()) {
                        for (int column = 1; column <= rows.getMetaData().getColumnCount(); column++) {
                            if (!COLUMNS.contains(rows.getMetaData().getColumnName(column))) {
                                text.append(rows.getString(column)).append('\n');
                            }
                        }
                    }
                }
            }
        }
        search("the tables", text.toString());
    }

    /** The places in which something was found. */
    List<String> found() {
        synchronized (found) {
            return List.copyOf(found);
        }
    }

}
