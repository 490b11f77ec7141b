package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.Program;
import io.wxtoken.testing.Program.Ended;
import io.wxtoken.testing.Program.Started;

/**
 * Gives each test method the built program as a process, set up with an H2 file of its
 * own, and a WeChat.
 */
abstract class OnH2File {

    static final String H2 = "jdbc:h2:file:./data/wx-token";

    @TempDir
    Path folder;

    StandIn weChat;

    Program program;

    @BeforeEach
    void startWeChat() {
        weChat = StandIn.start();
        program = program();
    }

    /** The program as an operator tries it on H2. */
    Program program() {
        return Program.against(weChat, folder).with("SPRING_DATASOURCE_URL", H2);
    }

    @AfterEach
    void stopWeChat() {
        weChat.close();
    }

    /** The program ends so, says this, and neither a stack trace nor a secret. */
    Ended ends(ExitCode exitCode, String... says) {
        return ends(program.start(), exitCode, says);
    }

    Ended ends(Started started, ExitCode exitCode, String... says) {
        Ended ended = started.end();
        assertThat(ended.text()).contains(says)
            .doesNotContain("\tat ")
            .doesNotContain("Exception")
            .doesNotContain(StandIn.SECRET);
        weChat.issued().forEach(token -> assertThat(ended.text()).doesNotContain(token));
        assertThat(ended.exitCode()).as(ended.text()).isEqualTo(exitCode.code());
        return ended;
    }

}
