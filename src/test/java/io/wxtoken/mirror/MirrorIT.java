package io.wxtoken.mirror;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.util.DigestUtils;
import redis.clients.jedis.Protocol.Command;
import tools.jackson.databind.json.JsonMapper;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.fixtures.Memcached;
import io.wxtoken.fixtures.Redis;
import io.wxtoken.fixtures.TcpProxy;
import io.wxtoken.standin.StandIn;
import io.wxtoken.token.Fingerprint;

/**
 * Every run brings the mirrors to the rows, and no failure of a mirror harms the rows.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#embedded")
class MirrorIT extends DatabaseFixture {

    private static final String TICKET_KEY = StandIn.APP_ID + ":jsapi_ticket";

    private static final String TOKEN_IN_REDIS = "wx-token:" + StandIn.APP_ID + ":access_token";

    private Memcached memcached;

    private Redis redis;

    private Path file;

    @BeforeEach
    void nameFile() {
        file = folder.resolve("access_token.json");
    }

    @AfterEach
    void stopServers() {
        if (memcached != null) {
            memcached.close();
        }
        if (redis != null) {
            redis.close();
        }
    }

    /** No token and no password is printed, whatever the run says. */
    @Override
    protected CapturedRun run(String... more) {
        CapturedRun said = super.run(more);
        assertThat(said.text()).doesNotContain("pa/ss", "pa%2Fss", "wrong-pass");
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

    private String toRedis() {
        if (redis == null) {
            redis = Redis.start();
        }
        return "--wx.mirror.redis.url=" + redis.url();
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

    private void assertRedisIsTheRow() {
        assertThat(redis.value(TOKEN_IN_REDIS)).isEqualTo(value());
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
    void redisHoldsTheBareTokenAndTheTicketsAndIsFilledAgainAfterARestart() {
        run(toRedis()).ended(ExitCode.OK);
        assertThat(redis.value(TOKEN_IN_REDIS)).isEqualTo(weChat.lastIssued());
        assertThat(redis.secondsLeft(TOKEN_IN_REDIS)).isBetween(7190L, 7200L);
        String ticket = "wx-token:" + StandIn.APP_ID + ":jsapi_ticket";
        assertThat(redis.value(ticket)).isEqualTo(weChat.ticket("jsapi"));

        redis.restart();
        run(toRedis()).ended(ExitCode.OK);
        assertRedisIsTheRow();
        assertThat(redis.value(ticket)).isEqualTo(weChat.ticket("jsapi"));
        // A library's serialized text, and a compressed one, which is no UTF-8.
        for (byte[] theirs : List.of("theirs".getBytes(StandardCharsets.UTF_8), new byte[0],
                new byte[] { 'x', (byte) 0x9c, (byte) 0xff })) {
            redis.set(TOKEN_IN_REDIS, theirs);
            run(toRedis()).ended(ExitCode.OK);
            assertRedisIsTheRow();
        }
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    void anEntryInRedisLivesAsLongAsItsToken() {
        run(toRedis()).ended(ExitCode.OK);
        for (String spoilt : List.of("EXPIRE 100", "EXPIRE 100000", "PERSIST")) {
            String[] command = spoilt.split(" ");
            redis.tell(Command.valueOf(command[0]), command.length == 1 ? new String[] { TOKEN_IN_REDIS }
                    : new String[] { TOKEN_IN_REDIS, command[1] });
            run(toRedis()).ended(ExitCode.OK);
            assertThat(redis.secondsLeft(TOKEN_IN_REDIS)).as(spoilt).isBetween(7100L, 7200L);
        }
        // a ticket that WeChat repeats gets another life
        sql("UPDATE wx_token SET expires_at = UNIX_TIMESTAMP() + 1000");
        run(toRedis()).ended(ExitCode.OK);
        assertThat(redis.secondsLeft(TOKEN_IN_REDIS)).isBetween(985L, 1000L);
        assertRedisIsTheRow();
    }

    /**
     * The keys, and how the value is written, as each library's sources have them: see
     * RedisEntries.
     */
    static Stream<Arguments> formats() {
        String life = ",\"expires_in\":7200}";
        String card = "wx-token:{app}:wx_card_ticket";
        return Stream.of(
                Arguments.of("wxjava", "",
                        Map.of("wx:access_token:{app}", "{token}", "wa:access_token:{app}", "{token}",
                                "wx:ticket:key:{app}:jsapi", "{jsapi}", "wa:ticket:key:{app}:jsapi", "{jsapi}",
                                "wx:ticket:key:{app}:wx_card", "{card}", "wa:ticket:key:{app}:wx_card", "{card}")),
                Arguments.of("wxjava", "wx:mp:multi:",
                        Map.of("wx:mp:multi:access_token:{app}", "{token}", "wx:mp:multi:ticket:key:{app}:jsapi",
                                "{jsapi}", "wx:mp:multi:ticket:key:{app}:wx_card", "{card}")),
                Arguments.of("easywechat", "", Map.of("easywechat:official_account.access_token.{app}.{secret}.0",
                        "s:{n}:\"{token}\";", "easywechat:official_account.access_token.{app}.{secret}.1",
                        "s:{n}:\"{token}\";", "easywechat:mini_app.access_token.{app}.{secret}.0", "s:{n}:\"{token}\";",
                        "easywechat:mini_app.access_token.{app}.{secret}.1", "s:{n}:\"{token}\";",
                        "easywechat:official_account.jsapi_ticket.{app}", "s:{n}:\"{jsapi}\";", card, "{card}")),
                Arguments.of("silenceper", "",
                        Map.of("gowechat_officialaccount__access_token_{app}", "{token}",
                                "gowechat_officialaccount__stable_access_token_{app}", "{token}",
                                "gowechat_miniprogram__access_token_{app}", "{token}",
                                "gowechat_miniprogram__stable_access_token_{app}", "{token}",
                                "gowechat_officialaccount__jsapi_ticket_{app}", "{jsapi}", card, "{card}")),
                Arguments.of("powerwechat", "",
                        Map.of("powerwechat.access_token.{md5}", "{\"access_token\":\"{token}\"" + life,
                                "powerwechat.basic_service.jssdk.ticket.jsapi.{app}",
                                "{\"errcode\":0,\"errmsg\":\"ok\",\"ticket\":\"{jsapi}\"" + life,
                                "powerwechat.basic_service.jssdk.ticket.wx_card.{app}",
                                "{\"errcode\":0,\"errmsg\":\"ok\",\"ticket\":\"{card}\"" + life)));
    }

    @ParameterizedTest
    @MethodSource("formats")
    void redisHasTheKeysAndValuesThatALibraryReads(String format, String prefix, Map<String, String> entries) {
        run(toRedis(), "--wx.tickets=jsapi,wx_card", "--wx.mirror.redis.format=" + format,
                "--wx.mirror.redis.prefix=" + prefix)
            .ended(ExitCode.OK);
        assertThat(redis.keys())
            .containsExactlyInAnyOrderElementsOf(entries.keySet().stream().map(this::filled).toList());
        entries.forEach((key, value) -> {
            assertThat(redis.value(filled(key))).isEqualTo(filled(value));
            assertThat(redis.secondsLeft(filled(key))).isBetween(7190L, 7200L);
        });
    }

    private String filled(String pattern) {
        String md5 = DigestUtils.md5DigestAsHex((StandIn.APP_ID + StandIn.SECRET).getBytes(StandardCharsets.UTF_8));
        return pattern.replace("{app}", StandIn.APP_ID)
            .replace("{secret}", StandIn.SECRET)
            .replace("{md5}", md5)
            .replace("{n}", String.valueOf(value().length()))
            .replace("{token}", weChat.lastIssued())
            .replace("{jsapi}", weChat.ticket("jsapi"))
            .replace("{card}", weChat.ticket("wx_card"));
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
        run(toFile(), toMemcached(), toRedis()).ended(ExitCode.OK);
        makeDue();
        run(toFile(), toMemcached(), toRedis()).ended(ExitCode.OK);
        assertThat(weChat.issued()).hasSize(2);
        assertThat(value()).isEqualTo(weChat.lastIssued());
        assertFileIsTheRow();
        assertMemcachedIsTheRow();
        assertRedisIsTheRow();
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
    void aRedisThatFailsIsAWarningInWhichNoPasswordIs() throws IOException {
        toRedis();
        String nobody = "redis://app:pa%2Fss@127.0.0.1:" + Memcached.freePort();
        // The first run refreshes, the second has nothing to do.
        for (int run = 0; run < 2; run++) {
            run(toFile(), "--wx.mirror.redis.url=" + nobody).ended(ExitCode.RETRY)
                .saying("wx-token: warning: Redis at 127.0.0.1:", " can't be written: it can't be reached.");
        }
        assertFileIsTheRow();
        assertThat(weChat.issued()).hasSize(1);
        redis.tell(Command.ACL, "SETUSER", "app", "on", ">pa/ss", "~*", "+@all");
        redis.tell(Command.ACL, "SETUSER", "reader", "on", ">pa/ss", "~*", "+get", "+ttl");
        String at = "@127.0.0.1:" + redis.port();
        run("--wx.mirror.redis.url=redis://app:wrong-pass" + at).ended(ExitCode.RETRY)
            .saying("it answers WRONGPASS: the user or the password is wrong.")
            .inOneLine();
        run("--wx.mirror.redis.url=redis://reader:pa%2Fss" + at).ended(ExitCode.RETRY)
            .saying("it answers NOPERM: its user needs the commands GET, TTL, SET and EVAL")
            .inOneLine();
        assertThat(redis.keys()).isEmpty();
        run("--wx.mirror.redis.url=redis://app:pa%2Fss" + at + "/1").ended(ExitCode.OK);
        assertThat(redis.keys()).as("they are in database 1").isEmpty();
        redis.tell(Command.HSET, TOKEN_IN_REDIS, "value", "theirs");
        run(toRedis()).ended(ExitCode.RETRY)
            .saying("it answers WRONGTYPE: another program keeps something else under one of the keys")
            .inOneLine();
        assertThat(redis.value("wx-token:" + StandIn.APP_ID + ":jsapi_ticket")).as("the others are written")
            .isEqualTo(weChat.ticket("jsapi"));
        redis.tell(Command.DEL, TOKEN_IN_REDIS);
        redis.tell(Command.REPLICAOF, "127.0.0.1", "1");
        run(toRedis()).ended(ExitCode.RETRY).saying("it answers READONLY: it is a replica").inOneLine();
        redis.tell(Command.ACL, "SETUSER", "default", ">pa/ss");
        run(toRedis()).ended(ExitCode.RETRY).saying("it answers NOAUTH: it wants a password.").inOneLine();
    }

    @Test
    void checkTriesWhetherRedisCouldBeWrittenAndWritesNothing() {
        run().ended(ExitCode.OK);
        run("check", toRedis()).ended(ExitCode.OK).saying("ok    mirrors   can be written");
        assertThat(redis.keys()).isEmpty();
        redis.tell(Command.ACL, "SETUSER", "app", "on", "nopass", "~wx-token:*", "+get", "+ttl", "+set", "+eval");
        String url = "--wx.mirror.redis.url=redis://app:any@127.0.0.1:" + redis.port();
        run("check", url).ended(ExitCode.OK).saying("ok    mirrors   can be written");
        run(url).ended(ExitCode.OK);
        assertRedisIsTheRow();
        redis.tell(Command.ACL, "SETUSER", "app", "-set");
        run("check", url).ended(ExitCode.RETRY).saying("FAIL  mirrors   Redis at 127.0.0.1:", "it answers NOPERM");
        redis.tell(Command.REPLICAOF, "127.0.0.1", "1");
        run("check", toRedis()).ended(ExitCode.RETRY).saying("it answers READONLY: it is a replica");
    }

    @ParameterizedTest
    @ValueSource(strings = { "--wx.mirror.memcached.servers=", "--wx.mirror.redis.url=redis://" })
    void aServerThatHangsDelaysTheRunBriefly(String setting) throws IOException {
        try (ServerSocket hanging = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            run(setting + "127.0.0.1:" + hanging.getLocalPort()).ended(ExitCode.RETRY).saying("no answer within 3 s");
        }
        assertThat(value()).isEqualTo(weChat.lastIssued());
    }

    @Test
    void theMirrorsAreRepairedEvenWhenWeChatFails() throws IOException {
        run().ended(ExitCode.OK);
        makeDue();
        weChat.close();
        run(toFile(), toMemcached(), toRedis()).ended(ExitCode.RETRY);
        assertFileIsTheRow();
        assertMemcachedIsTheRow();
        assertRedisIsTheRow();
    }

    @Test
    void noMirrorHoldsAnExpiredOrAMissingValue() {
        weChat.close();
        run(toFile(), toMemcached(), toRedis()).ended(ExitCode.RETRY);
        assertThat(file).doesNotExist();
        assertThat(memcached.get(StandIn.APP_ID)).isNull();
        sql("UPDATE wx_token SET `value` = 'over', expire = UNIX_TIMESTAMP() - 7300 WHERE id = 1");
        run(toFile(), toMemcached(), toRedis()).ended(ExitCode.RETRY);
        assertThat(file).doesNotExist();
        assertThat(memcached.get(StandIn.APP_ID)).isNull();
        assertThat(redis.keys()).isEmpty();
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
        runOvertaken("--wx.mirror.memcached.servers=", memcached.port(), "(?s)(add|cas) .*",
                () -> memcached.set(StandIn.APP_ID, 0, "newer"));
        assertThat(memcached.value(StandIn.APP_ID)).isEqualTo("newer");
    }

    @ParameterizedTest
    @ValueSource(strings = { "", "older" })
    void aSlowRunDoesNotReplaceANewerTokenInRedis(String there) {
        run().ended(ExitCode.OK);
        toRedis();
        if (!there.isEmpty()) {
            redis.set(TOKEN_IN_REDIS, there);
        }
        runOvertaken("--wx.mirror.redis.url=redis://", redis.port(), "(?s).*EVAL.*",
                () -> redis.set(TOKEN_IN_REDIS, "newer"));
        assertThat(redis.value(TOKEN_IN_REDIS)).isEqualTo("newer");
    }

    /** A run whose command is late, and is the last that it can do. */
    @ParameterizedTest
    @ValueSource(strings = { "", "older" })
    void aLateCommandDoesNotReplaceANewerTokenInRedis(String there) {
        run().ended(ExitCode.OK);
        toRedis();
        if (!there.isEmpty()) {
            redis.set(TOKEN_IN_REDIS, there);
        }
        AtomicBoolean overtaken = new AtomicBoolean();
        try (TcpProxy proxy = new TcpProxy("127.0.0.1", redis.port(), message -> {
            if (overtaken.get()) {
                return false;
            }
            if (new String(message, StandardCharsets.ISO_8859_1).contains("EVAL")) {
                redis.set(TOKEN_IN_REDIS, "newer");
                overtaken.set(true);
            }
            return true;
        })) {
            run("--wx.mirror.redis.url=redis://127.0.0.1:" + proxy.port()).ended(ExitCode.RETRY);
        }
        assertThat(redis.value(TOKEN_IN_REDIS)).isEqualTo("newer");
    }

    /** A run that is overtaken just before it sends its first value. */
    private void runOvertaken(String setting, int port, String writes, Runnable writeNewer) {
        AtomicBoolean overtaken = new AtomicBoolean();
        try (TcpProxy proxy = new TcpProxy("127.0.0.1", port, message -> {
            if (new String(message, StandardCharsets.ISO_8859_1).matches(writes)
                    && overtaken.compareAndSet(false, true)) {
                overtake();
                writeNewer.run();
            }
            return true;
        })) {
            run(setting + "127.0.0.1:" + proxy.port()).ended(ExitCode.OK);
        }
        assertThat(overtaken).isTrue();
    }

    private void overtake() {
        database.jdbc()
            .sql("UPDATE wx_token SET `value` = 'newer', fingerprint = :fingerprint, version = version + 2 WHERE id"
                    + " = 1")
            .param("fingerprint", Fingerprint.of("newer"))
            .update();
    }

}
