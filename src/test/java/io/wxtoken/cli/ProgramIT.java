package io.wxtoken.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.H2FileFixture;
import io.wxtoken.fixtures.Program.Ended;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/** What the program writes: help, logs in each form, and never a secret. */
class ProgramIT extends H2FileFixture {

    /** A process, because the JDK reads that property once. */
    @Test
    void theJdksLogOfRequestsDoesNotShowTheSecret() {
        program.jvm("-Djdk.httpclient.HttpClient.log=requests,headers,content");
        ends(program.start(), ExitCode.OK, "2 refreshed");
        Ended fetched = program.argument("fetch").argument("--endpoint=token").run();
        assertThat(fetched.text())
            .contains("this fetch kills the token in the table", "{\"access_token\":\"" + weChat.lastIssued())
            .doesNotContain(StandIn.SECRET);
    }

    @Test
    void helpIsShown() {
        ends(ExitCode.OK, "--help").saying("--force", "--app-id=APPID");
    }

    /** A process, because the stand-in would log here, too. */
    @Test
    void noSecretAndNoTokenIsLoggedAtAnyLevel() {
        for (String logger : List.of("root", "jdk", "jdk.internal.httpclient.debug", "org.springframework",
                "org.springframework.jdbc", "com.zaxxer.hikari", "org.flywaydb", "io.wxtoken")) {
            program.argument("--logging.level." + logger + "=trace");
        }
        Ended ended = program.run();
        assertThat(ended.exitCode()).isZero();
        assertThat(ended.text()).contains("Executing prepared SQL")
            .doesNotContain(StandIn.SECRET)
            .doesNotContain(weChat.lastIssued())
            .doesNotContain(weChat.ticket("jsapi"));
    }

    @Test
    void eachLineIsJsonWhenLogsAreForMachines() {
        String json = "--logging.structured.format.console=ecs";
        weChat.next(new Fault.Refuse(40125, "invalid appsecret"));
        CapturedRun refused = ends(ExitCode.ACT, json);
        CapturedRun refreshed = ends(ExitCode.OK, json, "--force");
        CapturedRun unreachable = ends(ExitCode.DATABASE, json, "--spring.datasource.url=jdbc:mysql://127.0.0.1:1/wx");
        CapturedRun wrong = ends(ExitCode.ACT, json, "--wx.refresh.lease=8s");
        for (CapturedRun run : List.of(refused, refreshed, unreachable, wrong)) {
            assertThat(run.text()).isNotEmpty();
            run.text()
                .lines()
                .forEach(line -> assertThat(new JsonMapper().readTree(line).path("message").asString()).isNotEmpty());
        }
        assertThat(new JsonMapper().readTree(unreachable.text()).path("log").path("level").asString())
            .isEqualTo("ERROR");
    }

    @Test
    void aStackTraceIsShownWhenDebugIsOn() {
        CapturedRun run = CapturedRun
            .of(arguments("--spring.datasource.url=jdbc:mysql://127.0.0.1:1/wx", "--logging.level.io.wxtoken=debug"));
        assertThat(run.exitCode()).isEqualTo(ExitCode.DATABASE);
        run.saying("\tat ");
    }

}
