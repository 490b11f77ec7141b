package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

import io.wxtoken.cli.Main;

/** A run of the program inside the test, and what it said on both streams. */
record Said(ExitCode exitCode, String text) {

    static Said by(List<String> arguments) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream both = new PrintStream(said, true, StandardCharsets.UTF_8);
        System.setOut(both);
        System.setErr(both);
        try {
            return new Said(exitCodeOf(arguments), said.toString(StandardCharsets.UTF_8));
        }
        finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    /** Runs the program. */
    static ExitCode exitCodeOf(List<String> arguments) {
        int code = Main.run(arguments.toArray(String[]::new));
        return Arrays.stream(ExitCode.values()).filter(exitCode -> exitCode.code() == code).findFirst().orElseThrow();
    }

    Said ended(ExitCode expected) {
        assertThat(exitCode).as(text).isEqualTo(expected);
        assertThat(text).doesNotContain("\tat ").doesNotContain("Exception").doesNotContain("wx-token: unexpected");
        return this;
    }

    Said saying(String... words) {
        assertThat(text).contains(words);
        return this;
    }

    Said inOneLine() {
        assertThat(text.lines()).hasSize(1);
        return this;
    }
}
