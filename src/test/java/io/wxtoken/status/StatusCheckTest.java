package io.wxtoken.status;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

import io.wxtoken.status.Status.State;
import io.wxtoken.status.StatusCheck.Severity;

class StatusCheckTest {

    private static final StatusCheck.Thresholds THRESHOLDS = new StatusCheck.Thresholds(Duration.ofMinutes(3),
            Duration.ofMinutes(2), Duration.ofMinutes(5), Duration.ofMinutes(30));

    private static Status.Row row(String type, State state, long age, long left, long due, int failures, String note) {
        return new Status.Row("wx1", null, type, state, left > 0, age, left, Instant.EPOCH, due, null, failures, note,
                "0123456789ab");
    }

    private static Status.Row token(State state, long left, long due, int failures) {
        return row("access_token", state, 7200 - left, left, due, failures, "");
    }

    private static StatusCheck check(Status.Row... rows) {
        return StatusCheck.of(new Status(true, Instant.EPOCH, List.of(rows)), THRESHOLDS);
    }

    private static Severity severity(Status.Row row) {
        return check(row).severity();
    }

    @Test
    void itsExitCodesAreThoseOfPlugins() {
        assertThat(
                Stream.of(Severity.OK, Severity.WARNING, Severity.CRITICAL, Severity.UNKNOWN).map(Severity::exitCode))
            .containsExactly(0, 1, 2, 3);
    }

    @Test
    void aRowThatIsWellMakesOneLineWithFigures() {
        assertThat(check(token(State.FRESH, 5400, 0, 0), row("jsapi_ticket", State.FRESH, 1200, 6000, 0, 0, "")).text())
            .isEqualTo("WX-TOKEN OK - 2 rows, at least 90 min left | left=5400s;180:;120: due=0s;300;1800 rows=2"
                    + " warning=0 critical=0 'wx1/access_token_left'=5400s;180:;120:"
                    + " 'wx1/jsapi_ticket_left'=6000s;180:;120:");
    }

    @Test
    void aRowThatHasBeenDueForLongIsAWarningAndThenCritical() {
        assertThat(severity(token(State.DUE, 3900, 300, 0))).isEqualTo(Severity.OK);
        assertThat(severity(token(State.DUE, 3899, 301, 0))).isEqualTo(Severity.WARNING);
        assertThat(severity(token(State.DUE, 2399, 1801, 0))).isEqualTo(Severity.CRITICAL);
        assertThat(check(token(State.DUE, 600, 3600, 0)).text()).startsWith(
                "WX-TOKEN CRITICAL - 1 of 1 row: wx1 access_token due for 60 min, 10 min left | left=600s;180:;120:"
                        + " due=3600s;300;1800 ");
    }

    @Test
    void aValueNearItsEndIsAWarningAndThenCriticalAndADeadOneIsCritical() {
        assertThat(severity(token(State.DUE, 180, 120, 0))).isEqualTo(Severity.OK);
        assertThat(severity(token(State.DUE, 179, 121, 0))).isEqualTo(Severity.WARNING);
        assertThat(severity(token(State.DUE, 119, 181, 0))).isEqualTo(Severity.CRITICAL);
        assertThat(check(token(State.DEAD, 0, 0, 0)).text())
            .startsWith("WX-TOKEN CRITICAL - 1 of 1 row: wx1" + " access_token dead | left=0s");
        Status.Row missing = new Status.Row("wx1", "微店", "access_token", State.DEAD, false, null, null, null, 0, null,
                0, "no row yet", null);
        assertThat(check(missing).text())
            .startsWith("WX-TOKEN CRITICAL - 1 of 1 row: wx1 (微店) access_token dead (no row" + " yet) | left=0s");
    }

    /** A ticket that WeChat repeats until its end is asked for each minute. */
    @Test
    void aTicketThatWeChatRepeatsUntilItsEndIsWell() {
        assertThat(severity(row("jsapi_ticket", State.DUE, 60, 10, 60, 0, ""))).isEqualTo(Severity.OK);
        assertThat(severity(row("jsapi_ticket", State.DUE, 301, 10, 290, 0, ""))).isEqualTo(Severity.CRITICAL);
        assertThat(severity(row("jsapi_ticket", State.FAILING, 60, 10, 60, 1, ""))).isEqualTo(Severity.WARNING);
    }

    @Test
    void aFailureIsAWarningUnlessItIsTheClaimOfARunAtWork() {
        assertThat(severity(token(State.FAILING, 4000, 200, 1))).isEqualTo(Severity.WARNING);
        assertThat(severity(token(State.HELD, 4000, 20, 1))).as("each claim counts as one").isEqualTo(Severity.OK);
        assertThat(severity(token(State.HELD, 4000, 20, 2))).isEqualTo(Severity.WARNING);
        assertThat(check(row("access_token", State.FAILING, 3100, 4100, 100, 3, "errcode 40164, a|b")).text())
            .startsWith("WX-TOKEN WARNING - 1 of 1 row: wx1 access_token 3 failures in a row, 68 min left (errcode"
                    + " 40164, a/b) | ");
    }

    @Test
    void theWorstComesFirstAndARowThatIsNotConfiguredDoesNotCount() {
        StatusCheck check = check(token(State.FRESH, 5400, 0, 0), token(State.FAILING, 4000, 0, 1),
                token(State.DEAD, -5, 0, 0), row("access_token", State.NOT_CONFIGURED, 0, -100, 0, 0, ""));
        assertThat(check.severity()).isEqualTo(Severity.CRITICAL);
        assertThat(check.text().lines()).hasSize(2)
            .satisfies(lines -> assertThat(lines.get(0))
                .startsWith("WX-TOKEN CRITICAL - 2 of 3 rows: wx1 access_token dead | left=-5s")
                .contains(" rows=3 warning=1 critical=1 "))
            .satisfies(lines -> assertThat(lines.get(1)).isEqualTo("WARNING: wx1 access_token failing, 66 min left"));
        assertThat(check().severity()).isEqualTo(Severity.UNKNOWN);
    }

    @Test
    void theTextIsBoundedHoweverManyRowsThereAre() {
        List<Status.Row> rows = Collections.nCopies(10_000, token(State.DEAD, -5, 0, 0));
        StatusCheck check = StatusCheck.of(new Status(false, Instant.EPOCH, rows), THRESHOLDS);
        assertThat(check.text().lines()).hasSize(22).last().isEqualTo("and 9979 more: see wx-token status");
        assertThat(check.text().lines().findFirst().orElseThrow()).endsWith("rows=10000 warning=0 critical=10000");
    }

}
