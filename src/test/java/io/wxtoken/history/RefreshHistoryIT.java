package io.wxtoken.history;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.LoggerFactory;

import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.token.RefreshEvent;

/**
 * What is written to {@code wx_token_history} and deleted from it; a table that is
 * missing stops no run.
 */
@ParameterizedClass
@MethodSource("databases")
class RefreshHistoryIT {

    private static final long DAY = 24 * 60 * 60;

    @Parameter
    TestDatabase database;

    private RefreshHistory history;

    static Stream<TestDatabase> databases() {
        return TestDatabase.all().map(TestDatabase::migrated);
    }

    @BeforeEach
    void empty() {
        database.jdbc().sql("DELETE FROM wx_token_history").update();
        history = history();
    }

    private RefreshHistory history() {
        return new RefreshHistory(database.dataSource(), "node1-4711-0f3a9c21", Duration.ofDays(7), true);
    }

    private static RefreshEvent event(String appId, String detail) {
        return new RefreshEvent(appId, "access_token", RefreshEvent.Kind.FAILED, "older than wx.refresh.after",
                "b".repeat(64), "a".repeat(64), 40164, detail);
    }

    private long rows() {
        return database.jdbc().sql("SELECT COUNT(*) FROM wx_token_history").query(Long.class).single();
    }

    private List<RefreshHistory.Entry> read(String appId, int last) throws Exception {
        try (Connection connection = database.dataSource().getConnection()) {
            return RefreshHistory.read(connection, appId, last);
        }
    }

    @Test
    void anEntryIsReadAsItWasWritten() throws Exception {
        history.happened(event("wx1", "x".repeat(300)));
        history.happened(new RefreshEvent("wx2", "jsapi_ticket", RefreshEvent.Kind.REFRESHED, "never obtained", "",
                "c".repeat(64), null, ""));
        history.finish();
        List<RefreshHistory.Entry> entries = read(null, 10);
        assertThat(entries).extracting(RefreshHistory.Entry::appId).containsExactly("wx1", "wx2");
        assertThat(entries.get(0)).satisfies(entry -> {
            assertThat(entry.run()).isEqualTo("node1-4711-0f3a9c21");
            assertThat(entry.outcome()).isEqualTo("failed");
            assertThat(entry.reason()).isEqualTo("older than wx.refresh.after");
            assertThat(entry.fingerprintBefore()).isEqualTo("b".repeat(64));
            assertThat(entry.fingerprintAfter()).isEqualTo("a".repeat(64));
            assertThat(entry.errcode()).isEqualTo(40164);
            assertThat(entry.detail()).hasSize(255).endsWith("…");
            assertThat(entry.recordedAt().getEpochSecond()).isCloseTo(System.currentTimeMillis() / 1000, within(60L));
        });
        assertThat(entries.get(1).errcode()).isNull();
        assertThat(read("wx2", 10)).hasSize(1);
        assertThat(read(null, 1)).extracting(RefreshHistory.Entry::appId).containsExactly("wx2");
    }

    @Test
    void entriesAreWrittenAHundredAtATimeDuringTheRun() {
        for (int i = 0; i < 250; i++) {
            history.happened(event("wx" + i, ""));
        }
        assertThat(rows()).as("more when some have waited for two seconds").isBetween(200L, 249L);
        history.finish();
        assertThat(rows()).isEqualTo(250);
    }

    /**
     * For a fortnight a run every twenty minutes has something to record.
     */
    @Test
    void entriesAreKeptForTheDaysThatAreSetAndLittleLonger() {
        long kept = 7 * 72;
        long most = 0;
        for (int run = 0; run < 14 * 72; run++) {
            database.jdbc().sql("UPDATE wx_token_history SET recorded_at = recorded_at - 1200").update();
            RefreshHistory history = history();
            history.happened(event("wx1", ""));
            history.finish();
            most = Math.max(most, rows());
        }
        assertThat(rows()).isBetween(kept, kept + 400);
        assertThat(most).isLessThan(kept + 400);
    }

    @Test
    void onlyOldEntriesAreDeletedTheOldestFirstAndABoundedNumberAtATime() {
        for (int i = 0; i < 30; i++) {
            history.happened(event("wx" + i, ""));
        }
        history.finish();
        database.jdbc()
            .sql("UPDATE wx_token_history SET recorded_at = recorded_at - " + 8 * DAY + " WHERE app_id <> 'wx29'")
            .update();
        history.clean(10);
        assertThat(database.jdbc().sql("SELECT app_id FROM wx_token_history ORDER BY id").query(String.class).list())
            .hasSize(20)
            .startsWith("wx10");
        history.clean(2500);
        assertThat(database.jdbc().sql("SELECT app_id FROM wx_token_history").query(String.class).list())
            .containsExactly("wx29");
    }

    @Test
    void aMissingTableIsOneWarning() {
        database.jdbc().sql("ALTER TABLE wx_token_history RENAME TO gone").update();
        Logger logger = (Logger) LoggerFactory.getLogger("io.wxtoken");
        ListAppender<ILoggingEvent> said = new ListAppender<>();
        said.start();
        Level level = logger.getLevel();
        logger.setLevel(Level.WARN);
        logger.addAppender(said);
        try {
            for (int i = 0; i < 250; i++) {
                history.happened(event("wx" + i, ""));
            }
            history.finish();
            history.clean(10);
        }
        finally {
            logger.detachAppender(said);
            logger.setLevel(level);
            database.jdbc().sql("ALTER TABLE gone RENAME TO wx_token_history").update();
        }
        assertThat(said.list).filteredOn(event -> event.getLevel() == Level.WARN)
            .singleElement()
            .satisfies(event -> assertThat(event.getFormattedMessage()).contains("wx_token_history can't be written",
                    "drop wx_token_schema_history"));
        assertThat(rows()).isZero();
    }

    @Test
    void entriesThatHaveWaitedAreWrittenBeforeTheRunEndsWithTheirOwnTime() throws Exception {
        history.happened(event("wx1", ""));
        Thread.sleep(2100);
        history.happened(event("wx2", ""));
        assertThat(rows()).isEqualTo(2);
        List<RefreshHistory.Entry> entries = read(null, 2);
        assertThat(entries.get(0).recordedAt()).isBefore(entries.get(1).recordedAt());
    }

    @Test
    void nothingIsWrittenBeforeTheTableIsMade() {
        RefreshHistory later = new RefreshHistory(database.dataSource(), "run", Duration.ofDays(7), false);
        later.happened(event("wx1", ""));
        later.finish();
        assertThat(rows()).isZero();
    }

}
