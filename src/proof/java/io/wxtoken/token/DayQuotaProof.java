package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;

/**
 * A day with one run a minute on each of 3 nodes, all of it in the same trouble: none
 * uses up WeChat's quota of calls.
 */
@ParameterizedClass
@MethodSource("embedded")
class DayQuotaProof extends RowTest {

    enum Trouble {

        TRANSIENT, RATE_LIMIT, DAY_QUOTA, REFUSED_FOR_AN_HOUR, REFUSED_FOR_A_DAY, WAITS_FOR_ADMINISTRATOR,
        A_PERSON_MUST_ACT, NOT_IN_THE_WHITELIST, UNLISTED, NO_USABLE_ANSWER, ANSWER_LOST, APPLICATIONS_ASK_ALL_THE_TIME,
        APPLICATIONS_ASK_AND_WECHAT_REFUSES, EVERY_TOKEN_IS_DEAD_TO_THE_PROBE, AN_APPLICATION_WRITES_EVERY_MINUTE,
        AN_APPLICATION_SETS_EXPIRE_BACK

    }

    @ParameterizedTest
    @EnumSource
    void noTroubleOfADayUsesUpTheDaysQuota(Trouble trouble) {
        runAccount("a");
        String request = "UPDATE wx_token SET refresh_requested = 1 WHERE type = 'access_token'";
        Fault fault = switch (trouble) {
            case TRANSIENT -> new Fault.Refuse(-1, "system error");
            case RATE_LIMIT -> new Fault.Refuse(45011, "api minute-quota reached");
            case DAY_QUOTA -> new Fault.Refuse(45009, "reach max api daily quota limit");
            case REFUSED_FOR_AN_HOUR -> new Fault.Refuse(89507, "refused");
            case REFUSED_FOR_A_DAY -> new Fault.Refuse(89506, "refused twice");
            case WAITS_FOR_ADMINISTRATOR -> new Fault.Refuse(89503, "wait");
            case A_PERSON_MUST_ACT, APPLICATIONS_ASK_AND_WECHAT_REFUSES -> new Fault.Refuse(40125, "invalid appsecret");
            case NOT_IN_THE_WHITELIST -> new Fault.Refuse(40164, "invalid ip");
            case UNLISTED -> new Fault.Refuse(12345, "what is this?");
            case NO_USABLE_ANSWER -> new Fault.Body("");
            case ANSWER_LOST -> new Fault.CutAfter();
            default -> null;
        };
        age(3000);
        weChat.always(fault);
        int before = weChat.tokenCalls();
        List<String> nodes = List.of("a", "b", "c");
        Account account = new Account(StandIn.APP_ID, StandIn.SECRET, Endpoint.TOKEN, List.of(), true);
        for (int minute = 0; minute < 1440; minute++) {
            for (String node : nodes) {
                switch (trouble) {
                    case APPLICATIONS_ASK_ALL_THE_TIME, APPLICATIONS_ASK_AND_WECHAT_REFUSES ->
                        database.jdbc().sql(request).update();
                    case EVERY_TOKEN_IS_DEAD_TO_THE_PROBE -> weChat.kill(row().value());
                    case AN_APPLICATION_WRITES_EVERY_MINUTE -> class2015Writes("token-of-minute-" + minute);
                    case AN_APPLICATION_SETS_EXPIRE_BACK ->
                        database.jdbc().sql("UPDATE wx_token SET expire = '0' WHERE type = 'access_token'").update();
                    default -> {
                    }
                }
                runAccount(node, account, false);
            }
            age(60);
        }
        int calls = weChat.tokenCalls() - before;
        System.out.printf("%s, %s: %d calls in a day%n", database, trouble, calls);
        // Calls that WeChat refuses stay within a test account's 200 a day; when every
        // fetch succeeds, request-interval (60 s) bounds them.
        boolean succeeds = fault == null;
        assertThat(calls).isLessThanOrEqualTo(succeeds ? 1441 : 200);
    }

    @Test
    void runsThatDieAfterEachFetchAskLessThanTwoHundredTimesADay() {
        TokenRepository dying = faulty().before(Step.PUBLISH, ProcessDeath::now);
        run("a");
        age(3000);
        for (int minute = 0; minute < 1440; minute++) {
            try {
                run("dies", dying);
            }
            catch (ProcessDeath expected) {
                // the next minute's run finds what this one left
            }
            age(60);
        }
        assertThat(weChat.tokenCalls()).isLessThan(200);
    }

}
