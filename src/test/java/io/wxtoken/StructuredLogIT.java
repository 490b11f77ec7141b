package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.Program.Ended;

/** In each structured format every line is JSON, with what it is about as fields. */
@Execution(ExecutionMode.CONCURRENT)
class StructuredLogIT extends OnH2File {

    private static final String APP_ID = StandIn.APP_ID;

    /** The program's own fields of each line. */
    private static List<Map<String, Object>> fields(Ended ended) {
        return ended.text()
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
    void linesHaveFields(String format) {
        program.with("LOGGING_STRUCTURED_FORMAT_CONSOLE", format).with("WX_REFRESH_REQUESTINTERVAL", "1s");
        assertThat(fields(ends(ExitCode.OK, "2 rows"))).containsExactly(row("access_token", "refreshed"),
                row("jsapi_ticket", "refreshed"), Map.of("exit_code", 0));

        weChat.kill(weChat.lastIssued());
        program.with("WX_PROBE_INTERVAL", "1s");
        assertThat(fields(ends(ExitCode.OK, "is dead "))).as("with a warning")
            .containsExactly(row("access_token", "refreshed"), Map.of("app_id", APP_ID, "type", "access_token"),
                    Map.of("exit_code", 0));

        weChat.alwaysFor("/getticket", new Fault.Refuse(-1, "system busy"));
        program.with("WX_REFRESH_AFTER", "1s");
        ends(ExitCode.RETRY, "system busy");
        weChat.alwaysFor("/getticket", null);
        program.with("LOGGING_LEVEL_IO_WXTOKEN", "debug");
        assertThat(fields(ends(ExitCode.OK, "jsapi_ticket"))).as("the word of the history")
            .contains(row("jsapi_ticket", "recovered"));
        program.with("LOGGING_LEVEL_IO_WXTOKEN", "info");

        weChat.always(new Fault.Refuse(40164, "invalid ip 1.2.3.4, not in whitelist"));
        for (String failing : List.of("at first", "as it goes on")) {
            assertThat(fields(ends(ExitCode.ACT, "40164"))).as(failing)
                .containsExactly(failed("access_token"), failed("jsapi_ticket"), Map.of("exit_code", 2));
        }

        program.withAccounts(5, weChat);
        assertThat(fields(ends(ExitCode.ACT, "5 accounts, such as "))).as("one story")
            .contains(Map.of("accounts", 5, "outcome", "failed", "errcode", 40164));

        program.with("SPRING_DATASOURCE_URL", "jdbc:mysql://127.0.0.1:1/wx");
        assertThat(fields(ends(ExitCode.DATABASE, "127.0.0.1:1"))).as("the run as a whole")
            .containsExactly(Map.of("exit_code", 3));
    }

}
