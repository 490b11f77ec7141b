package io.wxtoken.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.H2FileFixture;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/** In each structured format every line is JSON, with what it is about as fields. */
class StructuredLogIT extends H2FileFixture {

    private static final String APP_ID = StandIn.APP_ID;

    /** The program's own fields of each line. */
    private static List<Map<String, Object>> fields(CapturedRun run) {
        return run.text()
            .lines()
            .map(line -> (Map<?, ?>) new JsonMapper().readValue(line, Map.class))
            .map(line -> Stream.of("app_id", "type", "outcome", "errcode", "accounts", "exit_code")
                .flatMap(name -> Stream.of(name, "_" + name).filter(line::containsKey).map(key -> Map.entry(name, key)))
                .collect(Collectors.toMap(Map.Entry::getKey, field -> (Object) line.get(field.getValue()))))
            .toList();
    }

    private static Map<String, Object> row(String type, String outcome) {
        return Map.of("app_id", APP_ID, "type", type, "outcome", outcome);
    }

    private static Map<String, Object> failed(String type) {
        return Map.of("app_id", APP_ID, "type", type, "outcome", "failed", "errcode", 40164);
    }

    @ParameterizedTest
    @ValueSource(strings = { "ecs", "logstash", "gelf" })
    void linesHaveFields(String format) throws SQLException {
        String structured = "--logging.structured.format.console=" + format;
        assertThat(fields(ends(ExitCode.OK, structured))).containsExactly(row("access_token", "refreshed"),
                row("jsapi_ticket", "refreshed"), Map.of("exit_code", 0));

        weChat.kill(weChat.lastIssued());
        sql("UPDATE wx_token SET probed_at = 0, retry_after = 0");
        assertThat(fields(ends(ExitCode.OK, structured).saying("is dead "))).as("with a warning")
            .containsExactly(row("access_token", "refreshed"), Map.of("app_id", APP_ID, "type", "access_token"),
                    Map.of("exit_code", 0));

        sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0");
        weChat.alwaysFor("/getticket", new Fault.Refuse(-1, "system busy"));
        ends(ExitCode.RETRY, structured).saying("system busy");
        weChat.alwaysFor("/getticket", null);
        sql("UPDATE wx_token SET retry_after = 0");
        assertThat(fields(ends(ExitCode.OK, structured, "--logging.level.io.wxtoken=debug")))
            .as("the word of the history")
            .contains(row("jsapi_ticket", "recovered"));

        sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0");
        weChat.always(new Fault.Refuse(40164, "invalid ip 1.2.3.4, not in whitelist"));
        for (String failing : List.of("at first", "as it goes on")) {
            assertThat(fields(ends(ExitCode.ACT, structured))).as(failing)
                .containsExactly(failed("access_token"), failed("jsapi_ticket"), Map.of("exit_code", 2));
        }

        String[] five = Stream
            .concat(IntStream.range(0, 4)
                .boxed()
                .flatMap(i -> Stream.of("--wx.accounts[" + i + "].app-id=wx" + i,
                        "--wx.accounts[" + i + "].app-secret=s" + i)),
                    Stream.of(structured))
            .toArray(String[]::new);
        assertThat(fields(ends(ExitCode.ACT, five).saying("5 accounts, such as "))).as("one story")
            .contains(Map.of("accounts", 5, "outcome", "failed", "errcode", 40164));

        assertThat(fields(ends(ExitCode.DATABASE, structured, "--spring.datasource.url=jdbc:mysql://127.0.0.1:1/wx")))
            .as("the run as a whole")
            .containsExactly(Map.of("exit_code", 3));
    }

}
