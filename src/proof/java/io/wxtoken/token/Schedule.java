package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;

import io.wxtoken.wechat.Answer;

/**
 * One order of events, and WeChat as the runs see it: it issues tokens, each of which
 * kills the one before. After each event and at the end P1 to P5 are checked; then the
 * next run comes.
 */
final class Schedule {

    private final Choices choices;

    private final RowTest test;

    private final List<ScheduledRun> runs;

    private final Search search;

    private final Executor threads;

    private final Set<Trouble> happened = EnumSet.noneOf(Trouble.class);

    private final List<String> events = new ArrayList<>();

    private final List<String> issued = new ArrayList<>();

    private final boolean filled;

    /** As the last event left it. */
    private TokenRow row;

    private ScheduledRun last;

    private boolean over;

    /** Whose request WeChat has still to serve, after it timed out. */
    private ScheduledRun unserved;

    /** The token that the other program is about to write. */
    private String unwritten;

    /** How many tokens there were when the other program had written its own. */
    private int written;

    /** No fetch has begun since an application asked for it. */
    private boolean unanswered;

    /** The authorizer's refresh tokens that WeChat would take now. */
    private final Set<String> usable = new HashSet<>();

    /** The refresh token that WeChat was asked with last. */
    private String used;

    /** What the web application is about to do to the authorizer's row. */
    private Runnable unstored;

    /** The authorizer's refresh token as the last event left it; null without a row. */
    private String refreshToken;

    /**
     * Who got the last token while the row was not claimed by it, and has not told the
     * row since.
     */
    private String untold;

    /**
     * @param filled the row holds a token that is due; else it was never filled
     */
    Schedule(Choices choices, RowTest test, TokenRepository statements, boolean filled, Search search,
            Executor threads) {
        this.choices = choices;
        this.test = test;
        this.runs = Stream.of("A", "B", "C")
            .limit(search.runs())
            .map(name -> new ScheduledRun(name, test, statements, this, search.authorizer()))
            .toList();
        this.filled = filled;
        this.search = search;
        this.threads = threads;
        String value = filled ? "token-0" : "";
        this.issued.addAll(filled ? List.of(value) : List.of());
        test.database.jdbc().sql("UPDATE wx_token SET expire = " + (filled ? "UNIX_TIMESTAMP() - 3000" : "'0'") + """
                , `value` = :value, fingerprint = :fingerprint, expires_at = 0, claimed_by = NULL,
                claimed_until = 0, refresh_requested = 0, doomed = 0, failures = 0, retry_after = 0 WHERE id = 1
                """).param("value", value).param("fingerprint", filled ? Fingerprint.of(value) : "").update();
        if (search.authorizer()) {
            test.database.jdbc()
                .sql("UPDATE wx_token SET app_id = '" + RowTest.ACCOUNT.appId() + "' WHERE id = 1")
                .update();
            this.refreshToken = "refresh-first";
            this.used = refreshToken;
            this.usable.add(refreshToken);
            delete();
            store(refreshToken, 10_000);
        }
        this.row = test.row();
    }

    /**
     * @return whether it ends blind
     * @throws AssertionError when a rule is broken; its message begins with the rule
     */
    boolean play() {
        try {
            runs.forEach(run -> run.start(threads));
            while (!over) {
                Map<String, Runnable> possible = possible();
                String event = List.copyOf(possible.keySet()).get(choices.oneOf(possible.size()));
                events.add(event);
                possible.get(event).run();
                look();
            }
            return end();
        }
        catch (AssertionError e) {
            throw new AssertionError(e.getMessage() + "\nafter " + events + ", which is new Schedule(new Choices("
                    + choices + "), this, rows, " + filled + ", " + search + ", threads).play()", e);
        }
        finally {
            runs.forEach(run -> run.go(ScheduledRun.DIES));
        }
    }

    // ---- What can happen next, by name

    private Map<String, Runnable> possible() {
        Map<String, Runnable> possible = new LinkedHashMap<>();
        // The runs are alike, so B does not begin before A: orders that differ in the
        // names alone are one.
        runs.stream().filter(ScheduledRun::begun).forEach(run -> addSteps(run, possible));
        runs.stream().filter(run -> !run.begun()).findFirst().ifPresent(run -> addSteps(run, possible));
        if (unserved != null) {
            possible.put("WeChat serves " + unserved, () -> {
                serve(unserved);
                unserved = null;
            });
        }
        if (unwritten != null) {
            possible.put("another program writes", () -> {
                test.class2015Writes(unwritten);
                unwritten = null;
                untold = null;
                written = issued.size();
            });
        }
        if (unstored != null) {
            possible.put("the web application writes", () -> {
                unstored.run();
                unstored = null;
                refreshToken = test.storedRefreshToken();
            });
        }
        if (possible.isEmpty()) {
            possible.put("the end", () -> over = true);
        }
        if (row.claim().by() != null) {
            add(Trouble.LAPSE, "the lease of " + row.claim().by() + " lapses", test::lapse, possible);
        }
        add(Trouble.REQUEST, "an application asks", () -> {
            test.database.jdbc().sql("UPDATE wx_token SET refresh_requested = 1 WHERE id = 1").update();
            unanswered = true;
        }, possible);
        add(Trouble.OTHER_PROGRAM, "another program fetches", () -> unwritten = issue("another program"), possible);
        if (unstored == null) { // the web application does one thing after the other
            add(Trouble.REAUTHORIZATION, "the account authorizes again", this::authorizeAgain, possible);
            add(Trouble.WITHDRAWAL, "the account withdraws", () -> {
                use(null);
                unstored = this::delete;
            }, possible);
        }
        return possible;
    }

    private void addSteps(ScheduledRun run, Map<String, Runnable> possible) {
        if (run.next() == null) {
            return;
        }
        String step = run + " " + run.next();
        possible.put(step, () -> step(run, Supplier::get));
        // a death shows at a run's next step only, so one moment is all
        if (run == last) {
            add(Trouble.DEATH, run + " dies", () -> step(run, ScheduledRun.DIES), possible);
        }
        switch (run.next()) {
            case CLAIM -> add(Trouble.PAUSE, step + " and pauses", () -> step(run, claim -> {
                Object claimed = claim.get();
                run.sleepsThroughItsLease();
                return claimed;
            }), possible);
            case FETCH -> {
                Answer refused = new Answer.Refused(40164, "not in whitelist", RowTest.ACCOUNT);
                add(Trouble.REFUSAL, step + ", refused", () -> step(run, fetch -> refused), possible);
                add(Trouble.TIMEOUT, step + ", timed out", () -> step(run, fetch -> {
                    unserved = run;
                    return new Answer.Unknown("timed out", Answer.Reach.IN_FLIGHT);
                }), possible);
            }
            case PUBLISH, RELEASE, LEAVE_TO_LAPSE -> {
                add(Trouble.ERROR, step + ", not executed", () -> step(run, statement -> {
                    FaultyRepository.breakConnection();
                    return null;
                }), possible);
                add(Trouble.ERROR, step + ", answer lost", () -> step(run, statement -> {
                    statement.get();
                    FaultyRepository.breakConnection();
                    return null;
                }), possible);
            }
            default -> {
            }
        }
    }

    private void add(Trouble trouble, String name, Runnable event, Map<String, Runnable> possible) {
        if (search.of().contains(trouble) && happened.size() < search.troubles() && !happened.contains(trouble)) {
            possible.put(name, () -> {
                happened.add(trouble);
                event.run();
            });
        }
    }

    private void step(ScheduledRun run, Function<Supplier<?>, Object> how) {
        last = run;
        run.go(how);
        if (run.failure() != null) {
            throw new AssertionError(run.failure().getMessage(), run.failure());
        }
    }

    // ---- What happened

    private String issue(String to) {
        issued.add("token-" + issued.size());
        untold = to.equals(row.claim().by()) ? null : to;
        return lastIssued();
    }

    private String lastIssued() {
        return issued.isEmpty() ? "" : issued.get(issued.size() - 1);
    }

    Answer weChatAnswers(ScheduledRun run) {
        Answer answer = serve(run);
        unanswered &= !(answer instanceof Answer.Issued);
        return answer;
    }

    private Answer serve(ScheduledRun run) {
        if (search.authorizer() && !usable.contains(run.refreshToken())) {
            return new Answer.Refused(used == null ? 61003 : 61023, "refresh_token is invalid", run.account());
        }
        if (!search.authorizer()) {
            return new Answer.Issued(issue(run.toString()), 7200);
        }
        use(run.refreshToken());
        String token = issue(run.toString());
        usable.add(refreshTokenOf(token));
        return new Answer.Issued(token, 7200, refreshTokenOf(token));
    }

    // ---- An authorizer's refresh tokens

    /** The refresh token that came with a token. */
    private static String refreshTokenOf(String token) {
        return token.replace("token", "refresh");
    }

    /**
     * WeChat takes this refresh token, and the answers to it, and no other from now on.
     */
    private void use(String refreshToken) {
        if (refreshToken == null || !refreshToken.equals(used)) {
            usable.clear();
        }
        used = refreshToken;
        usable.addAll(refreshToken == null ? Set.of() : Set.of(refreshToken));
    }

    /** The web application gets a token, too, of which nobody knows. */
    private void authorizeAgain() {
        String refreshToken = refreshTokenOf(issue("the web application"));
        use(refreshToken);
        unstored = () -> {
            delete();
            store(refreshToken, 0);
            untold = null;
        };
    }

    private void delete() {
        test.database.jdbc().sql("DELETE FROM wx_authorizer").update();
    }

    private void store(String refreshToken, int authorizedAgo) {
        test.database.jdbc()
            .sql("INSERT INTO wx_authorizer VALUES (:appId, :component, :refreshToken, UNIX_TIMESTAMP() - :ago)")
            .param("appId", RowTest.ACCOUNT.appId())
            .param("component", RowTest.PLATFORM.component().appId())
            .param("refreshToken", refreshToken)
            .param("ago", authorizedAgo)
            .update();
    }

    /** A run's step was executed, whether the run gets its result or not. */
    void executed(ScheduledRun run, Step step, Object result) {
        boolean published = step == Step.PUBLISH && result.equals(true);
        if (published || step == Step.REPORT) {
            untold = run.toString().equals(untold) ? null : untold;
        }
        if (published) {
            assertThat(issued.indexOf(run.publishes())).as("P5: the token was issued after another program wrote")
                .isGreaterThanOrEqualTo(written);
        }
    }

    // ---- What must hold

    private void look() {
        String before = row.value();
        row = test.row();
        if (!row.value().equals(before)) {
            assertThat(row.value()).as("P3: readers see whole tokens").isIn(issued);
        }
        if (search.authorizer()) {
            lookAtRefreshToken(before);
        }
    }

    private void lookAtRefreshToken(String tokenBefore) {
        String before = refreshToken;
        refreshToken = test.storedRefreshToken();
        if (!Objects.equals(refreshToken, before) || !row.value().equals(tokenBefore)) {
            assertThat(refreshToken).as("refresh token: it is published with its token, or neither is")
                .isEqualTo(refreshTokenOf(row.value()));
        }
        if (unstored == null && refreshToken != null) {
            assertThat(refreshToken).as("refresh token: WeChat takes the one that is stored").isIn(usable);
        }
    }

    private boolean end() {
        test.lapse();
        look();
        if (search.authorizer() && refreshToken == null) {
            return false; // it withdrew, and no run has to do with it any more
        }
        boolean clean = judge() == Verdict.FRESH;
        boolean blind = clean && untold != null;
        if (clean) {
            assertThat(row.value().equals(lastIssued())).as("P1: a clean row holds the last token").isEqualTo(!blind);
            assertThat(unanswered).as("request without a fetch that began after it").isFalse();
        }
        if (happened.isEmpty()) {
            assertThat(issued).as("P2: one fetch").hasSize(filled ? 2 : 1);
        }
        ScheduledRun next = new ScheduledRun("next", test, test.rows, this, search.authorizer());
        assertThat(next.refresh(Trigger.SCHEDULE)).as("P4, P5: the next run's outcome")
            .isEqualTo(clean ? Outcome.FRESH : Outcome.REFRESHED);
        if (blind) {
            assertThat(happened).contains(Trouble.LAPSE).containsAnyOf(Trouble.DEATH, Trouble.TIMEOUT);
            assertThat(test.rows.requestFor(1, row.value())).as("the probe's request").isTrue();
            assertThat(next.refresh(Trigger.DEAD)).isEqualTo(Outcome.REFRESHED);
        }
        look();
        assertThat(row.value()).as("P4: the value").isEqualTo(lastIssued());
        if (search.authorizer()) { // an authorization in this very second makes the row
                                   // due
            test.database.jdbc().sql("UPDATE wx_authorizer SET authorized_at = authorized_at - 100").update();
        }
        assertThat(judge()).as("P4: the row").isEqualTo(Verdict.FRESH);
        return blind;
    }

    private Verdict judge() {
        return search.authorizer() ? test.judge(row, test.authorizer().orElseThrow()) : test.judge(row);
    }

}
