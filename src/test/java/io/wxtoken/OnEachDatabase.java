package io.wxtoken;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;

import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.Program;
import io.wxtoken.testing.TestDatabase;

/**
 * Gives each test method a schema of its own on the class's database, a WeChat, and a
 * folder; and what many of them ask of these.
 */
abstract class OnEachDatabase {

    @Parameter
    TestDatabase server;

    @TempDir
    Path folder;

    TestDatabase database;

    StandIn weChat;

    @BeforeEach
    void startDatabaseAndWeChat() {
        database = server.fresh();
        weChat = StandIn.start();
    }

    @AfterEach
    void stopDatabaseAndWeChat() {
        weChat.close();
        database.close();
    }

    /** The program as a process, set up for the stand-in's account on this schema. */
    Program program() {
        return Program.against(weChat, folder).on(database);
    }

    /** The program's arguments for the stand-in's account, with these. */
    List<String> arguments(String... more) {
        return arguments(database.arguments(), more);
    }

    private List<String> arguments(List<String> login, String... more) {
        List<String> arguments = new ArrayList<>(login);
        arguments.addAll(List.of("--wx.app-id=" + StandIn.APP_ID, "--wx.app-secret=" + StandIn.SECRET,
                "--wx.api.base-url=" + weChat.baseUrl()));
        arguments.addAll(List.of(more));
        return arguments;
    }

    /** Runs the program inside the test. */
    Said run(String... more) {
        return Said.by(arguments(more));
    }

    /** Runs the program inside the test with another URL, or as another user. */
    Said runAt(String url, String... more) {
        return Said.by(arguments(List.of("--spring.datasource.url=" + url), more));
    }

    /** Changes at least one row. */
    void sql(String sql) {
        if (database.jdbc().sql(sql).update() == 0) {
            throw new AssertionError("changed nothing: " + sql);
        }
    }

    /** Executes statements that need not change a row. */
    void execute(String... statements) {
        for (String statement : statements) {
            database.jdbc().sql(statement).update();
        }
    }

    List<Map<String, Object>> query(String sql) {
        return database.jdbc().sql(sql).query().listOfRows();
    }

    Map<String, Object> row(int id) {
        return database.jdbc().sql("SELECT * FROM wx_token WHERE id = ?").param(id).query().singleRow();
    }

    /** The first account's token, as the 2015 class reads it. */
    String value() {
        return database.jdbc().sql("SELECT `value` FROM wx_token WHERE id = 1").query(String.class).single();
    }

    /** Makes the token of row 1 so old that a refresh is due. */
    void makeDue() {
        sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0 WHERE id = 1");
    }

    /** Makes the table as the 2015 class's script did. */
    void makeTableOf2015() {
        execute("CREATE TABLE wx_token (id int NOT NULL, type varchar(20) NOT NULL, expire varchar(16) NOT NULL, value"
                + " varchar(600) NOT NULL, PRIMARY KEY (id))"
                + (database.isH2() ? "" : " ENGINE=MyISAM DEFAULT CHARSET=utf8"));
    }

    /**
     * Makes the table of 2015 with a live token in it.
     * @param age in seconds
     * @return the token
     */
    String makeTableOf2015(long age) {
        String token = weChat.issueElsewhere();
        makeTableOf2015();
        execute("INSERT INTO wx_token (id, type, expire, value) VALUES (1, 'access_token', '" + obtainedAgo(age)
                + "', '" + token + "')");
        return token;
    }

    /** The Unix time that so many seconds ago was. */
    static long obtainedAgo(long seconds) {
        return System.currentTimeMillis() / 1000 - seconds;
    }

}
