package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

import io.wxtoken.cli.Main;

/**
 * A run of the program inside the test, and what it wrote to both streams. As it replaces
 * the JVM's streams, a class that uses it is {@link CapturesOutput}.
 *
 * @param text both streams, as they were written
 * @param out standard output alone
 * @param err standard error alone
 */
record Said(ExitCode exitCode, String text, String out, String err) {

    static Said by(List<String> arguments) {
        PrintStream systemOut = System.out;
        PrintStream systemErr = System.err;
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        System.setOut(toBoth(out, text));
        System.setErr(toBoth(err, text));
        try {
            return new Said(exitCodeOf(arguments), text.toString(StandardCharsets.UTF_8),
                    out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
        }
        finally {
            System.setOut(systemOut);
            System.setErr(systemErr);
        }
    }

    private static PrintStream toBoth(OutputStream one, OutputStream other) {
        return new PrintStream(new OutputStream() {

            @Override
            public void write(int b) throws IOException {
                write(new byte[] { (byte) b }, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                one.write(bytes, offset, length);
                other.write(bytes, offset, length);
            }
        }, true, StandardCharsets.UTF_8);
    }

    /** Runs the program, and leaves the streams as they are. */
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
