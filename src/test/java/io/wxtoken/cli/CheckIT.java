package io.wxtoken.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/** {@code wx-token check}: a line for each thing that a run needs. */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#all")
class CheckIT extends DatabaseFixture {

    private static List<String> failed(CapturedRun said) {
        return said.out().lines().filter(line -> line.startsWith("FAIL")).toList();
    }

    @Test
    void beforeTheFirstRunItSaysThatARunCanWorkAndChangesNothing() {
        String file = folder.resolve("access_token.json").toString();
        CapturedRun said = run("check", "--wx.mirror.file=" + file,
                "--wx.metrics.textfile=" + folder.resolve("wx.prom"))
            .ended(ExitCode.OK)
            .saying("1 account, its secret from the command line; the database's URL from the command line",
                    "the first run makes",
                    StandIn.APP_ID + " at " + weChat.baseUrl() + ": the secret and this node's address are right",
                    "wx.prom can be written", "A run can do its work; exit code 0");
        assertThat(failed(said)).isEmpty();
        assertThat(said.out()).doesNotContain(StandIn.SECRET);
        assertThat(folder.toFile().list()).isEmpty();
        assertThat(query("SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'wx_token%'"
                + (database.isH2() ? "" : " AND table_schema = DATABASE()")))
            .isEmpty();
        assertThat(weChat.tokenCalls()).isEqualTo(1);
    }

    @Test
    void afterARunItKillsNoTokenAndChangesNoRow() {
        run().ended(ExitCode.OK);
        Object before = query("SELECT * FROM wx_token ORDER BY id");
        CapturedRun said = run("check").ended(ExitCode.OK)
            .saying("schema    version 9", "read, add and change rows of wx_token", "rows of wx_token_history",
                    "a run last probed or refreshed a token ", "the database's is ");
        assertThat(said.out()).contains(database.isH2() ? "in this process" : "TLS");
        assertThat(query("SELECT * FROM wx_token ORDER BY id")).isEqualTo(before);
        assertThat(weChat.alive(value())).isTrue();
    }

    @Test
    void whatIsWrongIsNamedWithWhatToDo() {
        run().ended(ExitCode.OK);
        sql("UPDATE wx_token SET expire = expire - 3600, probed_at = probed_at - 3600");
        weChat.always(new Fault.Refuse(40164, "invalid ip 1.2.3.4, not in whitelist"));
        CapturedRun said = run("check", "--wx.metrics.textfile=" + folder.resolve("no/wx.prom"),
                "--wx.mirror.file=" + folder.resolve("no/token.json"), "--wx.mirror.memcached.servers=127.0.0.1:1");
        assertThat(failed(said)).hasSize(5);
        said.ended(ExitCode.ACT)
            .saying("is the job started every minute", "add this node's address to the IP whitelist",
                    "wx.metrics.textfile = ", "its folder is missing", "memcached at 127.0.0.1:1 can't be written",
                    "Mend what FAIL says (last run, WeChat, metrics, mirrors, mirrors), and check again; exit code 2");
    }

    @Test
    void offlineWeChatIsNotAsked() {
        run("check", "--offline").ended(ExitCode.OK).saying("not asked (--offline)");
        assertThat(weChat.requests()).isZero();
    }

    @Test
    void aWrongSettingEndsTheCheck() {
        CapturedRun said = run("check", "--wx.probe.interval=2h", "--wx.refresh.lease=0s").ended(ExitCode.ACT)
            .saying("FAIL  settings  wx.probe.interval = 120m is out of bounds", "exit code 2");
        assertThat(failed(said)).hasSize(2);
        assertThat(Files.exists(folder.resolve("data"))).isFalse();
    }

    @Test
    void aDatabaseThatIsDownIsOneLineAndTheRestIsCheckedAllTheSame() {
        if (!database.isH2()) {
            runAt("jdbc:mysql://127.0.0.1:1/wx", "check").ended(ExitCode.DATABASE)
                .saying("FAIL  database", "this node's address are right", "exit code 3");
        }
    }

}
