package io.wxtoken.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's first command keeps what the README says of it. */
class DemonstrationIT {

    @TempDir
    Path folder;

    private String run(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Dfile.encoding=UTF-8",
                        "-cp", System.getProperty("java.class.path"), Demonstration.class.getName()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        return said;
    }

    @Test
    void twoNodesFetchOneTokenEachTimeAndTheHistoryTellsIt() throws Exception {
        assertThat(run())
            .contains("never obtained", "older than wx.refresh.after", "a refresh was requested", "ip_list")
            .contains("node-1 | 1 row: ", "node-2 | 1 row: ", "| 1 row: 1 refreshed; exit code 0")
            .containsOnlyOnce("errcode")
            .containsPattern("(?s)(asked for 1 token\\R.*){2}")
            .containsPattern("wx0123456789abcdef  微店  access_token  fresh ");
        assertThat(run("history")).containsPattern("refreshed .*a refresh was requested").doesNotContain("node-");
    }

}
