package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
            .map(name -> new ScheduledRun(name, test, statements, this))
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
                issue(unserved.toString());
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

    Answer weChatAnswers(String run) {
        unanswered = false;
        return new Answer.Issued(issue(run), 7200);
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
    }

    private boolean end() {
        test.lapse();
        look();
        boolean clean = test.judge(row) == Verdict.FRESH;
        boolean blind = clean && untold != null;
        if (clean) {
            assertThat(row.value().equals(lastIssued())).as("P1: a clean row holds the last token").isEqualTo(!blind);
            assertThat(unanswered).as("request without a fetch that began after it").isFalse();
        }
        if (happened.isEmpty()) {
            assertThat(issued).as("P2: one fetch").hasSize(filled ? 2 : 1);
        }
        ScheduledRun next = new ScheduledRun("next", test, test.rows, this);
        assertThat(next.refresh(Trigger.SCHEDULE)).as("P4, P5: the next run's outcome")
            .isEqualTo(clean ? Outcome.FRESH : Outcome.REFRESHED);
        if (blind) {
            assertThat(happened).contains(Trouble.LAPSE).containsAnyOf(Trouble.DEATH, Trouble.TIMEOUT);
            assertThat(test.rows.requestFor(1, row.value())).as("the probe's request").isTrue();
            assertThat(next.refresh(Trigger.DEAD)).isEqualTo(Outcome.REFRESHED);
        }
        look();
        assertThat(row.value()).as("P4: the value").isEqualTo(lastIssued());
        assertThat(test.judge(row)).as("P4: the row").isEqualTo(Verdict.FRESH);
        return blind;
    }

}
