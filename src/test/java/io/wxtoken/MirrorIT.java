package io.wxtoken;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.standin.StandIn;
import io.wxtoken.testing.Memcached;
import io.wxtoken.testing.TcpProxy;
import io.wxtoken.token.Fingerprint;

/**
 * Every run brings the mirrors to the rows, and no failure of a mirror harms the rows.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.testing.TestDatabase#all")
@CapturesOutput
class MirrorIT extends OnEachDatabase {

    private static final String TICKET_KEY = StandIn.APP_ID + ":jsapi_ticket";

    private Memcached memcached;

    private Path file;

    @BeforeEach
    void nameFile() {
        file = folder.resolve("access_token.json");
    }

    @AfterEach
    void stopMemcached() {
        if (memcached != null) {
            memcached.close();
        }
    }

    /** No token is printed, whatever the run says. */
    @Override
    Said run(String... more) {
        Said said = super.run(more);
        weChat.issued().forEach(token -> assertThat(said.text()).doesNotContain(token));
        return said;
    }

    private String toFile() {
        return "--wx.mirror.file=" + file;
    }

    private String toMemcached() {
        if (memcached == null) {
            memcached = Memcached.start();
        }
        return "--wx.mirror.memcached.servers=" + memcached.server();
    }

    private String expire() {
        return (String) row(1).get("expire");
    }

    private void assertFileIsTheRow() throws IOException {
        assertThat(file).content()
            .isEqualTo("{\"access_token\": \"" + value() + "\", \"expires_time\": " + expire() + "}");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-r-----");
        try (var files = Files.list(folder)) {
            assertThat(files).as("nothing beside it").containsExactly(file);
        }
    }

    private void assertMemcachedIsTheRow() {
        assertThat(memcached.value(StandIn.APP_ID)).isEqualTo(value());
    }

    @Test
    void theFirstRunWritesTheFileAndARunWithNothingDueRepairsIt() throws IOException {
        run(toFile()).ended(ExitCode.OK);
        assertFileIsTheRow();
        Object written = Files.getLastModifiedTime(file);
        run(toFile()).ended(ExitCode.OK);
        assertThat(Files.getLastModifiedTime(file)).as("it was whole").isEqualTo(written);

        Files.delete(file);
        run(toFile()).ended(ExitCode.OK);
        assertFileIsTheRow();
        for (String wrong : List.of("", "{\"access_token\": \"",
                "{\"access_token\": \"theirs\", \"expires_time\": " + expire() + "}")) {
            Files.writeString(file, wrong);
            run(toFile()).ended(ExitCode.OK);
            assertFileIsTheRow();
        }
        Files.write(file, new byte[] { (byte) 0xff, (byte) 0xfe });
        run(toFile()).ended(ExitCode.OK);
        assertFileIsTheRow();
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    void memcachedHoldsTheBareTokenAndTheTicketsAndIsFilledAgainAfterARestart() {
        run(toMemcached()).ended(ExitCode.OK);
        Memcached.Entry token = memcached.get(StandIn.APP_ID);
        assertThat(token.value()).isEqualTo(weChat.lastIssued());
        assertThat(token.flags()).as("none: bare bytes for any client").isZero();
        assertThat(token.secondsLeft()).isBetween(3590L, 3600L);
        assertThat(memcached.value(TICKET_KEY)).isEqualTo(weChat.ticket("jsapi"));

        memcached.restart();
        run(toMemcached()).ended(ExitCode.OK);
        assertMemcachedIsTheRow();
        assertThat(memcached.value(TICKET_KEY)).isEqualTo(weChat.ticket("jsapi"));
        memcached.set(StandIn.APP_ID, 0, "theirs");
        run(toMemcached()).ended(ExitCode.OK);
        assertMemcachedIsTheRow();
        // PHP's and Java's clients mark by a flag what they have serialized. Nothing
        // may be unserialized here.
        memcached.set(StandIn.APP_ID, 1, value());
        run(toMemcached()).ended(ExitCode.OK);
        assertThat(memcached.get(StandIn.APP_ID).flags()).isZero();
        assertMemcachedIsTheRow();
    }

    @Test
    void anEntryInMemcachedIsExtendedButNotBeyondTheTokensEndOrAnHour() {
        run(toMemcached()).ended(ExitCode.OK);
        sql("UPDATE wx_token SET expire = expire - 1800");
        memcached.tell("touch " + StandIn.APP_ID + " 10");
        run(toMemcached()).ended(ExitCode.OK);
        assertThat(memcached.get(StandIn.APP_ID).secondsLeft()).isBetween(3590L, 3600L);
        // A ticket that WeChat repeats is like that: it looks young, and is near its
        // end.
        sql("UPDATE wx_token SET expire = UNIX_TIMESTAMP(), expires_at = UNIX_TIMESTAMP() + 1000");
        run(toMemcached()).ended(ExitCode.OK);
        assertThat(memcached.get(StandIn.APP_ID).secondsLeft()).isBetween(985L, 1000L);
        memcached.tell("flush_all");
        run(toMemcached()).ended(ExitCode.OK);
        assertThat(memcached.get(StandIn.APP_ID).secondsLeft()).isBetween(985L, 1000L);
    }

    /** Every run asserts that its output holds no token. */
    @Test
    void theMemcachedClientLogsNoTokenAtAnyLevel() {
        String[] told = { toMemcached(), "--logging.level.net.rubyeye.xmemcached.impl=debug",
                "--logging.level.com.google.code.yanf4j.core=debug" };
        run(told);
        run("--force", told[0], told[1], told[2]);
        assertMemcachedIsTheRow();
    }

    @Test
    void aRefreshedTokenIsInTheMirrorsWhenTheRunEnds() throws IOException {
        run(toFile(), toMemcached()).ended(ExitCode.OK);
        makeDue();
        run(toFile(), toMemcached()).ended(ExitCode.OK);
        assertThat(weChat.issued()).hasSize(2);
        assertThat(value()).isEqualTo(weChat.lastIssued());
        assertFileIsTheRow();
        assertMemcachedIsTheRow();
    }

    @Test
    void aMirrorThatFailsIsAWarningAndTheRowsAndOtherMirrorsAreWritten() throws IOException {
        int nobody = Memcached.freePort();
        String[] mirrors = { "--wx.mirror.file=" + folder.resolve("missing/access_token.json"),
                "--wx.mirror.memcached.servers=127.0.0.1:" + nobody + ",no-such-host.invalid" };
        // The first run refreshes, the second has nothing to do.
        for (int run = 0; run < 2; run++) {
            run(mirrors).ended(ExitCode.RETRY)
                .saying("wx-token: warning: the token's file " + folder.resolve("missing/access_token.json")
                        + " can't be written: its folder is missing.",
                        "wx-token: warning: memcached at 127.0.0.1:" + nobody
                                + " can't be written: it can't be reached",
                        "wx-token: warning: memcached at no-such-host.invalid can't be written");
        }
        assertThat(value()).isEqualTo(weChat.lastIssued());
        assertThat(weChat.issued()).hasSize(1);
        run("--wx.mirror.file=" + folder).ended(ExitCode.RETRY)
            .saying("it is no regular file", "(this alone makes exit code 1)")
            .inOneLine();
        run("--wx.mirror.memcached.servers=127.0.0.1:" + nobody, toFile()).ended(ExitCode.RETRY).inOneLine();
        assertFileIsTheRow();
        run(toFile(), "--wx.mirror.memcached.servers=127.0.0.1:" + nobody, "--logging.structured.format.console=ecs")
            .ended(ExitCode.RETRY)
            .saying("\"level\":\"WARN\"")
            .inOneLine();
        toMemcached();
        run("--wx.mirror.memcached.servers=127.0.0.1:" + nobody + "," + memcached.server()).ended(ExitCode.RETRY)
            .inOneLine();
        assertMemcachedIsTheRow();
    }

    @Test
    void aMemcachedThatHangsDelaysTheRunBriefly() throws IOException {
        try (ServerSocket hanging = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            long begun = System.nanoTime();
            run("--wx.mirror.memcached.servers=127.0.0.1:" + hanging.getLocalPort()).ended(ExitCode.RETRY)
                .saying("no answer within 3 s");
            assertThat(Duration.ofNanos(System.nanoTime() - begun)).as("3.5 s, on a machine that is not busy")
                .isLessThan(Duration.ofSeconds(10));
        }
        assertThat(value()).isEqualTo(weChat.lastIssued());
    }

    @Test
    void theMirrorsAreRepairedEvenWhenWeChatFails() throws IOException {
        run().ended(ExitCode.OK);
        makeDue();
        weChat.close();
        run(toFile(), toMemcached()).ended(ExitCode.RETRY);
        assertFileIsTheRow();
        assertMemcachedIsTheRow();
    }

    @Test
    void noMirrorHoldsAnExpiredOrAMissingValue() {
        weChat.close();
        run(toFile(), toMemcached()).ended(ExitCode.RETRY);
        assertThat(file).doesNotExist();
        assertThat(memcached.get(StandIn.APP_ID)).isNull();
        sql("UPDATE wx_token SET `value` = 'over', expire = UNIX_TIMESTAMP() - 7300 WHERE id = 1");
        run(toFile(), toMemcached()).ended(ExitCode.RETRY);
        assertThat(file).doesNotExist();
        assertThat(memcached.get(StandIn.APP_ID)).isNull();
    }

    @Test
    void eachOfSeveralAccountsHasAFile() throws IOException {
        weChat.addAccount("wx2", "s2");
        String[] two = { "--wx.mirror.file=" + folder + "/{app_id}.json", toMemcached(), "--wx.accounts[0].app-id=wx2",
                "--wx.accounts[0].app-secret=s2" };
        run(two).ended(ExitCode.OK);
        for (String appId : List.of(StandIn.APP_ID, "wx2")) {
            assertThat(folder.resolve(appId + ".json")).content().contains(weChat.lastIssued(appId));
            assertThat(memcached.value(appId)).isEqualTo(weChat.lastIssued(appId));
            assertThat(memcached.value(appId + ":jsapi_ticket")).isNotEmpty();
        }
        two[0] = toFile();
        run(two).ended(ExitCode.ACT).saying("wx.mirror.file", "put {app_id} into its name").inOneLine();
    }

    @Test
    void anyValueThatAnotherProgramWroteGivesValidJson() throws IOException {
        run().ended(ExitCode.OK);
        String odd = "a \"quoted\" \\ token\n微信";
        database.jdbc()
            .sql("UPDATE wx_token SET `value` = :value, fingerprint = :fingerprint WHERE id = 1")
            .param("value", odd)
            .param("fingerprint", Fingerprint.of(odd))
            .update();
        run(toFile(), "--wx.probe.interval=0").ended(ExitCode.OK);
        assertThat(new JsonMapper().readValue(file.toFile(), Map.class)).containsEntry("access_token", odd)
            .containsEntry("expires_time", Integer.valueOf(expire()));
    }

    /**
     * While this run sends its older token to memcached, another run writes a newer one
     * to the row and to memcached.
     */
    @ParameterizedTest
    @ValueSource(strings = { "", "older" })
    void aSlowRunDoesNotReplaceANewerTokenInMemcached(String there) {
        run().ended(ExitCode.OK);
        toMemcached();
        if (!there.isEmpty()) {
            memcached.set(StandIn.APP_ID, 0, there);
        }
        AtomicBoolean overtaken = new AtomicBoolean();
        try (TcpProxy proxy = new TcpProxy("127.0.0.1", memcached.port(), message -> {
            if (setsAValue(message) && overtaken.compareAndSet(false, true)) {
                overtake();
            }
            return true;
        })) {
            run("--wx.mirror.memcached.servers=127.0.0.1:" + proxy.port()).ended(ExitCode.OK);
        }
        assertThat(overtaken).isTrue();
        assertThat(memcached.value(StandIn.APP_ID)).isEqualTo("newer");
    }

    private static boolean setsAValue(byte[] message) {
        return new String(message, StandardCharsets.ISO_8859_1).matches("(?s)(add|cas) .*");
    }

    private void overtake() {
        database.jdbc()
            .sql("UPDATE wx_token SET `value` = 'newer', fingerprint = :fingerprint, version = version + 2 WHERE id"
                    + " = 1")
            .param("fingerprint", Fingerprint.of("newer"))
            .update();
        memcached.set(StandIn.APP_ID, 0, "newer");
    }

}
