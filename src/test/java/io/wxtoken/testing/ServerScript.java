package io.wxtoken.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;

/** The scripts in {@code src/test/servers}, which install, start and end servers. */
enum ServerScript {

    SERVER("server"), CLUSTER("cluster");

    private final String path;

    ServerScript(String name) {
        this.path = "src/test/servers/" + name;
    }

    /**
     * @return what the script printed to standard output
     */
    String run(Stream<String> arguments) {
        String[] command = Stream.concat(Stream.of(path), arguments).toArray(String[]::new);
        try {
            Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            if (process.waitFor() != 0) {
                throw new IllegalStateException(String.join(" ", command) + " ended with " + process.exitValue());
            }
            return said;
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    String run(String... arguments) {
        return run(Stream.of(arguments));
    }

}
