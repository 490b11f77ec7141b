package io.wxtoken;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.util.ArrayList;
import java.util.List;

import io.wxtoken.cli.Main;
import io.wxtoken.standin.StandIn;
import io.wxtoken.token.Fingerprint;

/**
 * The README's first command, {@code mvn spring-boot:test-run}. It runs the program as it
 * is, against the stand-in for WeChat (which remembers what it issued) and an H2 file of
 * its own, and then prints the table as an application reads it. Arguments are passed on
 * to the program.
 */
public class FirstRun {

    private static final String DATABASE = "jdbc:h2:file:./data"
            + "/first-run;MODE=MySQL;DB_CLOSE_ON_EXIT=FALSE;NON_KEYWORDS=VALUE;TRACE_LEVEL_FILE=0";

    public static void main(String[] args) throws Exception {
        int exitCode;
        try (StandIn weChat = StandIn.start(Path.of("data/stand-in.txt"))) {
            // As arguments, so that they win over an environment or a
            // config/application.yml made for production.
            List<String> arguments = new ArrayList<>(
                    List.of("--wx.app-id=" + StandIn.APP_ID, "--wx.app-secret=" + StandIn.SECRET,
                            "--wx.api.base-url=" + weChat.baseUrl(), "--spring.datasource.url=" + DATABASE,
                            "--spring.datasource.username=sa", "--spring.datasource.password="));
            arguments.addAll(List.of(args));
            exitCode = Main.run(arguments.toArray(String[]::new));
            System.out.println();
            System.out.println("WeChat (the stand-in) was asked " + weChat.tokenCalls() + " time(s) for a token, and "
                    + weChat.ticketCalls() + " time(s) for a ticket.");
        }
        if (exitCode == ExitCode.OK.code()) {
            printTable();
        }
        System.exit(exitCode);
    }

    private static void printTable() throws Exception {
        System.out.println("What an application now reads:");
        String row = "%-3s %-13s %-11s %s%n";
        System.out.printf(row, "id", "type", "expire", "value");
        try (Connection connection = DriverManager.getConnection(DATABASE, "sa", "");
                ResultSet rows = connection.createStatement().executeQuery("SELECT * FROM wx_token ORDER BY id")) {
            while (rows.next()) {
                String value = rows.getString("value");
                System.out.printf(row, rows.getInt("id"), rows.getString("type"), rows.getString("expire"),
                        value.isEmpty() ? "''"
                                : value.length() + " characters, fingerprint " + Fingerprint.shortOf(value));
            }
        }
    }

}
