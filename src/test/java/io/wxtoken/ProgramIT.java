package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.Program.Ended;

/** What the built program writes: help, logs in each form, and never a secret. */
@Execution(ExecutionMode.CONCURRENT)
class ProgramIT extends OnH2File {

    @Test
    void theJdksLogOfRequestsDoesNotShowTheSecret() {
        program.jvm("-Djdk.httpclient.HttpClient.log=requests,headers,content");
        ends(ExitCode.OK, "2 refreshed");
        Ended fetched = program.argument("fetch").argument("--endpoint=token").run();
        assertThat(fetched.text())
            .contains("this fetch kills the token in the table", "{\"access_token\":\"" + weChat.lastIssued())
            .doesNotContain(StandIn.SECRET);
    }

    @Test
    void aRunAgainstTheRealWeChatWarnsThatAnH2FileIsOnThisNodeAlone() {
        program.with("WX_API_BASEURL", "https://no-such-host.invalid");
        ends(ExitCode.RETRY, "WARN  the table is in jdbc:h2:file:./data/wx-token, on this node alone",
                "can't resolve the host");
    }

    @Test
    void helpIsShown() {
        Ended ended = program.argument("--help").run();
        assertThat(ended.exitCode()).isZero();
        assertThat(ended.text()).contains("--force", "--app-id=APPID");
    }

    @Test
    void noSecretAndNoTokenIsLoggedAtAnyLevel() {
        for (String logger : new String[] { "root", "jdk", "jdk.internal.httpclient.debug", "org.springframework",
                "org.springframework.jdbc", "com.zaxxer.hikari", "org.flywaydb", "io.wxtoken" }) {
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
        program.with("LOGGING_STRUCTURED_FORMAT_CONSOLE", "ecs");
        weChat.next(new Fault.Refuse(40125, "invalid appsecret"));
        Ended refused = program.run();
        Ended refreshed = program.argument("--force").run();
        Ended unreachable = program.with("SPRING_DATASOURCE_URL", "jdbc:mysql://127.0.0.1:1/wx").run();
        Ended wrong = program.with("WX_REFRESH_LEASE", "8s").run();
        assertThat(List.of(refused.exitCode(), refreshed.exitCode(), unreachable.exitCode(), wrong.exitCode()))
            .containsExactly(2, 0, 3, 2);
        for (Ended ended : List.of(refused, refreshed, unreachable, wrong)) {
            assertThat(ended.text()).isNotEmpty();
            ended.text()
                .lines()
                .forEach(line -> assertThat(new JsonMapper().readTree(line).path("message").asString()).isNotEmpty());
        }
        assertThat(new JsonMapper().readTree(unreachable.text()).path("log").path("level").asString())
            .isEqualTo("ERROR");
    }

    @Test
    void aStackTraceIsShownWhenDebugIsOn() {
        Ended ended = program.with("SPRING_DATASOURCE_URL", "jdbc:mysql://127.0.0.1:1/wx")
            .argument("--logging.level.io.wxtoken=debug")
            .run();
        assertThat(ended.exitCode()).isEqualTo(3);
        assertThat(ended.text()).contains("\tat ");
    }

}
