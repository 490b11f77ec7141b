package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.standin.StandIn;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;

/** Which row is which account's, and how rows that are missing are added. */
@ParameterizedClass
@MethodSource("databases")
class RowsOfAccountsIT extends RowTest {

    @Test
    void aMissingRowIsAddedOnceHoweverManyNodesMissIt() throws Exception {
        database.jdbc().sql("DELETE FROM wx_token WHERE id = 1").update();
        Account another = new Account("wx-new", "s", Endpoint.TOKEN, List.of(Ticket.WX_CARD), false);
        together(8, () -> rows.findOrAdd(allRows(), List.of(ACCOUNT, another)));
        assertThat(allRows()).extracting(row -> row.id() + " " + row.appId() + " " + row.type())
            .containsExactly("2  jsapi_ticket", "3 " + StandIn.APP_ID + " access_token", "4 wx-new access_token",
                    "5 wx-new wx_card_ticket");
    }

    /**
     * The ids that follow may be taken for the same purposes, so nothing is added twice.
     */
    @Test
    void aNodeThatFindsAnIdTakenReadsTheRowsAgainBeforeItAddsAnother() {
        Account one = new Account("wx-one", "s", Endpoint.TOKEN, List.of(), false);
        Account two = new Account("wx-two", "s", Endpoint.TOKEN, List.of(), false);
        List<TokenRow> stale = allRows();
        rows.findOrAdd(stale, List.of(two));
        rows.findOrAdd(stale, List.of(one, two));
        assertThat(allRows()).extracting(row -> row.id() + " " + row.appId())
            .containsExactly("1 ", "2 ", "3 wx-two", "4 wx-one");
    }

    @Test
    void theFirstAccountAdoptsTheRowsOfThe2015ClassAndTheOthersGetTheirOwn() {
        Account second = new Account("wx2", "s", Endpoint.TOKEN, List.of(), false);
        Map<RowKey, TokenRow> found = rows.findOrAdd(allRows(), List.of(second, ACCOUNT)).configured();
        assertThat(found.get(new RowKey(StandIn.APP_ID, "access_token")).id()).isEqualTo(1);
        assertThat(found.get(new RowKey(StandIn.APP_ID, "jsapi_ticket")).id()).isEqualTo(2);
        assertThat(found.get(new RowKey("wx2", "access_token")).id()).isEqualTo(3);
        assertThat(rows.findOrAdd(allRows(), List.of(second, ACCOUNT)).configured().values()).hasSize(3);
    }

    @Test
    void anAccountUsesARowWithItsOwnAppIdRatherThanOneWithoutAnAppId() {
        rows.findOrAdd(allRows(), List.of(new Account(StandIn.APP_ID, "s", Endpoint.TOKEN, List.of(), false)));
        assertThat(rows.findOrAdd(allRows(), List.of(ACCOUNT))
            .configured()
            .get(new RowKey(StandIn.APP_ID, "access_token"))
            .id()).isEqualTo(3);
    }

    @Test
    void aRowThatBecameAnotherAccountsIsNeitherClaimedNorRefreshedAfterAFence() {
        TokenRow seen = row();
        database.jdbc().sql("UPDATE wx_token SET app_id = 'wx-other' WHERE id = 1").update();
        assertThat(rows.claim(seen, "a", SETTINGS.lease())).isEmpty();
        TokenRepository taken = faulty().before(Step.PUBLISH, () -> anotherRunTakesOver("wx-other", "theirs"));
        assertThat(run("a", taken).detail()).contains("another account");
        assertThat(row().value()).isEqualTo("theirs");
    }

}
