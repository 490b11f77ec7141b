package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.sql.Connection;
import java.sql.Statement;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.dao.CannotAcquireLockException;
import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.jdbc.core.simple.JdbcClient;

import io.wxtoken.fixtures.Await;
import io.wxtoken.standin.StandIn;
import io.wxtoken.wechat.Answer.Reach;
import io.wxtoken.wechat.Answer;

/**
 * The protocol's P1 and P2 when the database answers a statement with an error, or not at
 * all.
 */
@ParameterizedClass
@MethodSource("databases")
class DatabaseErrorsIT extends RowTest {

    @Test
    void p1AReportWhoseConnectionBreaksIsMadeOnAnother() {
        assumeThat(database.isH2()).as("H2 has no connections that another could break").isFalse();
        HikariConfig one = new HikariConfig();
        one.setJdbcUrl(database.url());
        one.setMaximumPoolSize(1);
        try (HikariDataSource pool = new HikariDataSource(one)) {
            long connection = JdbcClient.create(pool).sql("SELECT CONNECTION_ID()").query(Long.class).single();
            database.jdbc().sql("KILL CONNECTION " + connection).update();
            new TokenRepository(pool).requestAfterFence(1);
        }
        assertThat(row().doomed()).isEqualTo(TokenRow.MAYBE_KILLED);
    }

    /**
     * A fetched token is at stake in the publish. The claim fails, and is not lost:
     * nobody else claimed the row.
     */
    @Test
    void p1APublishThatWaitsInVainForALockIsMadeAgainAndP2AClaimFailsSoon() throws Exception {
        assumeThat(database.isH2()).isFalse();
        HikariConfig impatient = new HikariConfig();
        impatient.setJdbcUrl(database.url() + "&sessionVariables=innodb_lock_wait_timeout=1");
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (HikariDataSource pool = new HikariDataSource(impatient);
                Connection other = database.dataSource().getConnection();
                Statement statement = other.createStatement()) {
            TokenRepository those = new TokenRepository(pool);
            Claim claim = those.claim(row(), "a", SETTINGS.lease()).orElseThrow();
            other.setAutoCommit(false);
            statement.executeQuery("SELECT * FROM wx_token WHERE id = 1 FOR UPDATE");
            long waits = database.serverStatus("Innodb_row_lock_waits");
            Future<Boolean> published = thread
                .submit(() -> those.publish(claim, StandIn.APP_ID, new FetchedValue("99_published", 0, 7200), 60));
            Await.until("the publish waits for the lock more often than a claim would",
                    () -> database.serverStatus("Innodb_row_lock_waits") >= waits + 3);
            other.rollback();
            assertThat(published.get()).isTrue();
            assertThat(row().value()).isEqualTo("99_published");

            TokenRow seen = row();
            statement.executeQuery("SELECT * FROM wx_token WHERE id = 1 FOR UPDATE");
            assertThatThrownBy(() -> those.claim(seen, "b", SETTINGS.lease()))
                .isInstanceOf(CannotAcquireLockException.class);
            other.rollback();
            other.setAutoCommit(true);
        }
        finally {
            thread.shutdown();
        }
        assertThat(row().claim().by()).isNull();
    }

    @Test
    void p1AFencedRunWhosePublishEndsInAnErrorRequestsARefreshAllTheSame() {
        TokenRepository broken = faulty().before(Step.PUBLISH, () -> {
            anotherRunTakesOver(StandIn.APP_ID, "doomed");
            FaultyRepository.breakConnection();
        });
        assertThatThrownBy(() -> run("a", broken)).isInstanceOf(DataAccessResourceFailureException.class);
        assertThat(run("c").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
        assertTold(RefreshEvent.Kind.FENCED, RefreshEvent.Kind.REFRESHED);
    }

    /**
     * Whether WeChat refused the last attempt or its answer was lost: an attempt may have
     * killed what run b published.
     */
    @ParameterizedTest
    @EnumSource(Reach.class)
    void p1ARunThatLostItsLeaseAndCannotWriteHowItsFetchEndedRequestsARefreshAllTheSame(Reach reach) {
        TokenRepository broken = faulty().before(Step.RELEASE, FaultyRepository::breakConnection)
            .before(Step.LEAVE_TO_LAPSE, FaultyRepository::breakConnection);
        TokenFetcher late = new AccessTokenFetcher(ACCOUNT, client(), rows) {

            @Override
            public Answer fetch(TokenRow row, Verdict why, Runnable asking) {
                anotherRunTakesOver(StandIn.APP_ID, "doomed-" + row().version());
                weChat.issueElsewhere();
                return new Answer.Unknown("no answer", reach);
            }
        };
        assertThatThrownBy(() -> node("a", broken).refresh(row(), late, Trigger.SCHEDULE))
            .isInstanceOf(DataAccessResourceFailureException.class);
        assertThat(run("c").outcome()).isEqualTo(Outcome.REFRESHED);
        assertHoldsTheLastIssued();
    }

}
