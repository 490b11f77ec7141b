package io.wxtoken.mirror;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.Fingerprint;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;

class MirrorsTest {

    private static final long NOW = 1_795_352_428;

    @TempDir
    Path folder;

    private Path file;

    private Mirrors mirrors;

    @BeforeEach
    void toAFile() {
        file = folder.resolve("access_token.json");
        mirrors = new Mirrors(new WxProperties.Mirror(file.toString(), new WxProperties.Memcached(List.of())));
    }

    private static Map<TokenRows.Key, TokenRow> holding(String value) {
        Map<TokenRows.Key, TokenRow> rows = new HashMap<>();
        rows.put(new TokenRows.Key("wx1", "jsapi_ticket"), null);
        rows.put(new TokenRows.Key("wx1", "access_token"), new TokenRow(1, "wx1", "access_token", String.valueOf(NOW), value, NOW + 7200, 1, null, 0, 0,
                Fingerprint.of(value), NOW, 0, 0, "", "", 0, 0, NOW));
        return rows;
    }

    @Test
    void whoFindsItWholeDoesNotReadTheRowsAgain() throws Exception {
        mirrors.follow(holding("T1"), () -> holding("T1"));
        assertThat(mirrors.follow(holding("T1"), () -> {
            throw new AssertionError("read again");
        })).isEmpty();
    }

    @Test
    void whoWasOvertakenWritesAgain() throws Exception {
        AtomicInteger reads = new AtomicInteger(1);
        assertThat(mirrors.follow(holding("T1"), () -> holding("T" + Math.min(3, reads.incrementAndGet())))).isEmpty();
        assertThat(file).content().isEqualTo("{\"access_token\": \"T3\", \"expires_time\": " + NOW + "}");
        assertThat(reads).hasValue(4);
    }

    @Test
    void whoeverWritesItAllTheTimeIsNotFoughtForEver() throws Exception {
        assertThat(mirrors.follow(holding("T1"), () -> {
            Files.writeString(file, "theirs");
            return holding("T1");
        })).singleElement().asString().contains("another program all the time");
    }

    @Test
    void aFileThatCantBeReplacedIsAsItWas() throws Exception {
        Files.createDirectories(file.resolve("sub"));
        assertThat(mirrors.follow(holding("T1"), () -> holding("T1"))).singleElement().asString().contains(file.toString()).doesNotContain("T1");
        assertThat(file).isDirectory();
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void aReaderNeverFindsAPartOfIt() throws Exception {
        mirrors.follow(holding("T0"), () -> holding("T0"));
        Thread writer = new Thread(() -> {
            for (int i = 1; i <= 200; i++) {
                Map<TokenRows.Key, TokenRow> rows = holding("T" + i);
                try {
                    mirrors.follow(rows, () -> rows);
                }
                catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            }
        });
        writer.start();
        while (writer.isAlive()) {
            assertThat(read()).matches("\\{\"access_token\": \"T\\d+\", \"expires_time\": " + NOW + "}");
        }
        assertThat(read()).contains("\"T200\"");
    }

    private String read() throws IOException {
        return Files.readString(file);
    }
}
