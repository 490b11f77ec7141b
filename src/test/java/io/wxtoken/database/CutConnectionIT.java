package io.wxtoken.database;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.CapturedRun;
import io.wxtoken.fixtures.DatabaseFixture;
import io.wxtoken.fixtures.TcpProxy;

/**
 * A connection to the database that breaks at any moment of a run, as at a proxy's
 * restart, is reported in a few lines and does no harm to the row.
 */
@ParameterizedClass
@MethodSource("io.wxtoken.fixtures.TestDatabase#servers")
class CutConnectionIT extends DatabaseFixture {

    /**
     * Cuts the connection of one run after the other, each at a later message, until a
     * run ends before its cut.
     */
    @Test
    void aRunReportsABrokenConnectionInAFewLinesAndTheNextRunGoesOn() {
        run().ended(ExitCode.OK);
        int cutAt = 1;
        while (isCut(cutAt)) {
            cutAt++;
        }
        assertThat(cutAt).as("messages of a run").isGreaterThan(10);
        sql("UPDATE wx_token SET retry_after = 0, claimed_until = 0, refresh_requested = 1 WHERE id = 1");
        run().ended(ExitCode.OK);
        assertThat(value()).isEqualTo(weChat.lastIssued());
    }

    /**
     * Starts a run whose connection ends at that message.
     * @return false when the run ended before it
     */
    private boolean isCut(int cutAt) {
        sql("UPDATE wx_token SET expire = expire - 3000, retry_after = 0, failures = 0, claimed_by = NULL,"
                + " claimed_until = 0 WHERE id = 1");
        URI databaseServer = URI.create(database.url().substring("jdbc:".length()));
        AtomicInteger messages = new AtomicInteger();
        try (TcpProxy proxy = new TcpProxy(databaseServer.getHost(), databaseServer.getPort(),
                message -> messages.incrementAndGet() != cutAt)) {
            CapturedRun run = runAt(database.url().replaceFirst("//[^/]+/", "//127.0.0.1:" + proxy.port() + "/")
                    + "&sslMode=DISABLED&allowPublicKeyRetrieval=true");
            run.ended(run.exitCode());
            assertThat(run.exitCode()).as(run.text()).isIn(ExitCode.OK, ExitCode.RETRY, ExitCode.DATABASE);
            assertThat(run.text().lines().count()).as("cut at message %d: %s", cutAt, run.text()).isLessThan(6);
        }
        return messages.get() >= cutAt;
    }

}
