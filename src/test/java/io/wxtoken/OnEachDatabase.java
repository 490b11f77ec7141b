package io.wxtoken;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;

import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.TestDatabase;

/**
 * Gives each test method a schema of its own on the class's database, a WeChat, and a
 * folder.
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

    /** The program's arguments for the stand-in's account, with these. */
    List<String> arguments(String... more) {
        List<String> arguments = new ArrayList<>(database.arguments());
        arguments.addAll(List.of("--wx.app-id=" + StandIn.APP_ID, "--wx.app-secret=" + StandIn.SECRET,
                "--wx.api.base-url=" + weChat.baseUrl()));
        arguments.addAll(List.of(more));
        return arguments;
    }

    /** Changes at least one row. */
    void sql(String sql) {
        if (database.jdbc().sql(sql).update() == 0) {
            throw new AssertionError("changed nothing: " + sql);
        }
    }

}
