package io.wxtoken.mirror;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.Fingerprint;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRow;

class MirrorsTest {

    private static final long NOW = 1_795_352_428;

    @TempDir
    Path folder;

    private Path file;

    private Mirrors mirrors;

    @BeforeEach
    void toAFile() {
        file = folder.resolve("access_token.json");
        mirrors = new Mirrors(new WxProperties.Mirror(file.toString(), new WxProperties.Memcached(List.of()),
                new WxProperties.Redis(null, null, null, null)), List.of());
    }

    private static Map<RowKey, TokenRow> holding(String value) {
        Map<RowKey, TokenRow> rows = new HashMap<>();
        rows.put(new RowKey("wx1", "access_token"), new TokenRow(1, "wx1", "access_token",
                new TokenRow.Stored(String.valueOf(NOW), value, NOW + 7200, Fingerprint.of(value)), 1,
                TokenRow.ClaimMark.NONE, 0, 0, NOW, TokenRow.LastRefresh.SUCCEEDED, new TokenRow.Forced(0, 0), NOW));
        return rows;
    }

    @Test
    void theRowsAreReadAgainOnlyAfterAMirrorWasWritten() throws Exception {
        mirrors.syncAll(holding("T1"), () -> holding("T1"));
        assertThat(mirrors.syncAll(holding("T1"), () -> {
            throw new AssertionError("read again");
        })).isEmpty();
    }

    @Test
    void aRunWritesAgainWhenTheRowsHaveChangedMeanwhile() throws Exception {
        AtomicInteger reads = new AtomicInteger(1);
        assertThat(mirrors.syncAll(holding("T1"), () -> holding("T" + Math.min(3, reads.incrementAndGet())))).isEmpty();
        assertThat(file).content().isEqualTo("{\"access_token\": \"T3\", \"expires_time\": " + NOW + "}");
        assertThat(reads).hasValue(4);
    }

    @Test
    void aFileThatAnotherProgramKeepsWritingIsGivenUpWithAWarning() throws Exception {
        assertThat(mirrors.syncAll(holding("T1"), () -> {
            write("theirs");
            return holding("T1");
        })).singleElement().asString().contains("another program writes it");
    }

    @Test
    void aMirrorThatHangsOrThrowsIsReportedAndTheOthersAreWritten() throws Exception {
        Mirror hanging = (rows, failures) -> {
            Thread.sleep(60_000);
            return false;
        };
        Mirror failing = (rows, failures) -> {
            throw new IllegalStateException("quotes T1");
        };
        Mirror toFile = new FileMirror(new WxProperties.Mirror(file.toString(), null, null));
        assertThat(new Mirrors(List.of(hanging, failing, toFile), Duration.ofSeconds(2)).syncAll(holding("T1"),
                () -> holding("T1")))
            .hasSize(2)
            .noneMatch(line -> line.contains("T1"))
            .anyMatch(line -> line.contains("hangs, and was given up after 2 s"))
            .anyMatch(line -> line.contains("java.lang.IllegalStateException"));
        assertThat(file).content().contains("T1");
    }

    @Test
    void rowsThatCanNotBeReadAgainAreReported() {
        assertThat(mirrors.syncAll(holding("T1"), () -> {
            throw new SQLException("quotes T1", "08S01");
        })).singleElement().asString().contains("may be older than the table", "08S01").doesNotContain("T1");
    }

    @Test
    void tenOfManyFailuresAreReported() {
        Mirror failing = (rows, failures) -> {
            IntStream.range(0, 1000).forEach(i -> failures.add("failure " + i));
            return false;
        };
        assertThat(new Mirrors(List.of(failing), Duration.ofSeconds(20)).syncAll(holding("T1"), () -> holding("T1")))
            .hasSize(11)
            .contains("and 990 more failures like these");
    }

    @Test
    void aLinkIsKeptAndItsTargetIsReplaced() throws Exception {
        Path target = Files.createDirectory(folder.resolve("shared")).resolve("t.json");
        Files.writeString(target, "old");
        Files.createSymbolicLink(file, Path.of("shared/t.json"));
        assertThat(mirrors.syncAll(holding("T1"), () -> holding("T1"))).isEmpty();
        assertThat(target).content().contains("\"T1\"");
        assertThat(file).isSymbolicLink();
        Files.delete(target);
        assertThat(mirrors.syncAll(holding("T2"), () -> holding("T2"))).isEmpty();
        assertThat(target).content().contains("\"T2\"");
        Files.delete(file);
        Files.createSymbolicLink(file, file);
        assertThat(mirrors.syncAll(holding("T2"), () -> holding("T2"))).singleElement().asString().contains("circle");
    }

    @Test
    void aFileThatOthersMayReadIsReplaced() throws Exception {
        mirrors.syncAll(holding("T1"), () -> holding("T1"));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
        assertThat(mirrors.syncAll(holding("T1"), () -> holding("T1"))).isEmpty();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-r-----");
    }

    @Test
    void aReplacedFileKeepsItsGroupAndANewOneHasItsFoldersGroup() throws Exception {
        assumeTrue(System.getProperty("user.name").equals("root"),
                "skipped, as this user can't give a file to another group");
        Files.writeString(file, "old");
        Files.setAttribute(file, "unix:gid", 65534);
        assertThat(mirrors.syncAll(holding("T1"), () -> holding("T1"))).isEmpty();
        assertThat(Files.getAttribute(file, "unix:gid")).isEqualTo(65534);
        Files.delete(file);
        Files.setAttribute(folder, "unix:gid", 65533);
        assertThat(mirrors.syncAll(holding("T1"), () -> holding("T1"))).isEmpty();
        assertThat(Files.getAttribute(file, "unix:gid")).as("its folder's").isEqualTo(65533);
    }

    @Test
    void temporaryFilesOfAKilledRunAreDeleted() throws Exception {
        Path old = Files.writeString(folder.resolve(".access_token.json.0-1-2-3.wx-token"), "T0");
        Path theirs = Files.writeString(folder.resolve(".hidden"), "theirs");
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minusSeconds(700)));
        Files.setLastModifiedTime(theirs, FileTime.from(Instant.now().minusSeconds(700)));
        Path fresh = Files.writeString(folder.resolve(".access_token.json.4-5-6-7.wx-token"), "T0");
        mirrors.syncAll(holding("T1"), () -> holding("T1"));
        assertThat(old).doesNotExist();
        assertThat(theirs).exists();
        assertThat(fresh).as("another run may be at it").exists();
    }

    @Test
    void aFolderInTheFilesPlaceIsReportedAndKept() throws Exception {
        Files.createDirectories(file.resolve("sub"));
        assertThat(mirrors.syncAll(holding("T1"), () -> holding("T1"))).singleElement()
            .asString()
            .contains(file.toString())
            .doesNotContain("T1");
        assertThat(file).isDirectory();
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void aReaderNeverSeesAHalfWrittenFile() throws Exception {
        mirrors.syncAll(holding("T0"), () -> holding("T0"));
        Thread writer = new Thread(() -> {
            for (int i = 1; i <= 200; i++) {
                Map<RowKey, TokenRow> rows = holding("T" + i);
                mirrors.syncAll(rows, () -> rows);
            }
        });
        writer.start();
        while (writer.isAlive()) {
            assertThat(read()).matches("\\{\"access_token\": \"T\\d+\", \"expires_time\": " + NOW + "}");
        }
        assertThat(read()).contains("\"T200\"");
    }

    private void write(String content) {
        try {
            Files.writeString(file, content);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String read() throws IOException {
        return Files.readString(file);
    }

}
