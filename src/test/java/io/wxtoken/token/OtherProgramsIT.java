package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.standin.StandIn;

/**
 * The statements that other programs make on the row: the 2015 class's, a
 * {@code REPLACE INTO}, and an application's request for a refresh.
 */
@ParameterizedClass
@MethodSource("databases")
class OtherProgramsIT extends RowTest {

    private void replaceRow(String expire, String value) {
        database.jdbc().sql("DELETE FROM wx_token WHERE id = 1").update();
        database.jdbc()
            .sql("INSERT INTO wx_token (id, type, expire, value) VALUES (1, 'access_token', '" + expire + "', '" + value
                    + "')")
            .update();
    }

    @Test
    void theSelectOfThe2015ClassFindsTheTokenInTheColumnsThatItKnows() {
        run("a");
        Map<String, Object> row = class2015Reads();
        assertThat(row).containsEntry("value", weChat.lastIssued());
        assertThat(row.get("expire")).isInstanceOf(String.class);
        assertThat(Long.parseLong((String) row.get("expire")) + 3600).isGreaterThan(row().now());
        assertThat(row).containsEntry("id", 1);
    }

    @Test
    void theInsertOfThe2015ClassNeedsNoneOfTheNewColumnsAndItsValueCountsAsForeign() {
        database.jdbc().sql("DELETE FROM wx_token").update();
        database.jdbc()
            .sql("INSERT INTO wx_token (id, type, expire, value) VALUES (1, 'access_token', '"
                    + System.currentTimeMillis() / 1000 + "', 'theirs'), (2, 'jsapi_ticket', '', '')")
            .update();
        assertThat(class2015Reads()).containsEntry("value", "theirs");
        assertThat(run("a").detail()).isEqualTo(Verdict.FOREIGN_VALUE.reason());
        assertHoldsTheLastIssued();
    }

    @Test
    void aReplaceIntoTakesTheClaimAwayAndIsNotOverwrittenByAnOlderToken() {
        TokenRepository replaced = faulty().before(Step.PUBLISH,
                FaultyRepository.once(() -> replaceRow(String.valueOf(row().now()), weChat.issueElsewhere())));
        assertThat(run("a", replaced).outcome()).isEqualTo(Outcome.REFRESHED);
        assertThat(weChat.issued()).hasSize(3);
        assertHoldsTheLastIssued();
    }

    /** The versions of a row that is replaced begin at 0 again. */
    @Test
    void aRunWhoseRowWasReplacedIsFencedEvenIfAnotherRunsClaimHasTheSameVersion() {
        Claim a = rows.claim(row(), "a", SETTINGS.lease()).orElseThrow();
        replaceRow("0", "");
        Claim b = rows.claim(row(), "b", SETTINGS.lease()).orElseThrow();
        assertThat(b.version()).isEqualTo(a.version());
        assertThat(rows.publish(a, StandIn.APP_ID, new FetchedValue("older", 0, 7200), 60)).isFalse();
        assertThat(rows.release(a, new Failure(1, 0, "", "busy", -1))).isFalse();
        assertThat(rows.leaveToLapse(a, "no answer")).isFalse();
        assertThat(row().claim().by()).isEqualTo("b");
        assertThat(rows.publish(b, StandIn.APP_ID, new FetchedValue("newer", 0, 7200), 60)).isTrue();
        assertThat(row().value()).isEqualTo("newer");
    }

    @Test
    void anApplicationsRequestIsAnsweredByTheClaimAndOneThatComesDuringTheFetchSurvivesThePublish() {
        run("a");
        age(100);
        String request = "UPDATE wx_token SET refresh_requested = 1 WHERE type = 'access_token' AND value = '"
                + row().value() + "'";
        assertThat(database.jdbc().sql(request).update()).isEqualTo(1);
        Claim claim = rows.claim(row(), "a", SETTINGS.lease()).orElseThrow();
        assertThat(row().refreshRequested()).isZero();
        assertThat(database.jdbc().sql(request).update()).isEqualTo(1);
        assertThat(rows.publish(claim, StandIn.APP_ID, new FetchedValue("new", 0, 7200), 60)).isTrue();
        assertThat(row().refreshRequested()).isPositive();
    }

}
