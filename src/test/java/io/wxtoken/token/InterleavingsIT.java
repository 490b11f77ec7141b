package io.wxtoken.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.dao.DataAccessResourceFailureException;

import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Answer;

/**
 * Every interleaving of a few runs: the real protocol and its real statements on a real
 * database, in each order in which the runs' steps can come, with each trouble at each
 * point. A step is a statement, or a request to WeChat with its answer. Each run stands
 * still before each of its steps until the schedule lets it go; a schedule is a list of
 * choices, and all are played, one after the other, each from the same row. After each
 * event and at the end P1 to P5 are checked; then the next run comes.
 */
@ParameterizedClass
@MethodSource("databases")
class InterleavingsIT extends RowTest {

    /** What may happen to the runs. */
    enum Trouble {

        /** The process ends between two steps. */
        DEATH,

        /** The lease runs out, while its holder is paused and does not know, or dead. */
        LAPSE,

        /**
         * The run was paused after its claim for too long to fetch, and sees it by its
         * own clock.
         */
        PAUSE,

        /**
         * The run's last statement ends in an error, executed or not. (To a run, any
         * other statement's error is its end.)
         */
        ERROR,

        /** WeChat refuses this node. */
        REFUSAL,

        /** The request times out; WeChat serves it all the same, at once or later. */
        TIMEOUT,

        /** An application that got 40001 asks for a refresh. */
        REQUEST,

        /** The source's class, somewhere: fetches a token, and writes it into the row. */
        OTHER_PROGRAM

    }

    private static final Set<Trouble> ANY = EnumSet.allOf(Trouble.class);

    /** The numbers are exact, so that no schedule is lost unseen. */
    private static final Map<Search, Tally> ON_H2 = Map.of(new Search(2, 1, EnumSet.of(Trouble.OTHER_PROGRAM)),
            new Tally(690, 0), new Search(2, 2, EnumSet.complementOf(EnumSet.of(Trouble.OTHER_PROGRAM))),
            new Tally(6650, 34), new Search(2, 3, EnumSet.of(Trouble.LAPSE, Trouble.TIMEOUT, Trouble.ERROR)),
            new Tally(10268, 104), new Search(3, 1, ANY), new Tally(21524, 0));

    /** A server's commits are too slow for all of these. */
    private static final Map<Search, Tally> ON_SERVERS = Map.of(new Search(2, 1, ANY), new Tally(1108, 0),
            new Search(2, 2, EnumSet.of(Trouble.DEATH, Trouble.LAPSE)), new Tally(560, 10), new Search(3, 0, ANY),
            new Tally(132, 0));

    private final ExecutorService threads = Executors.newCachedThreadPool();

    @BeforeEach
    void begin() {
        waitForTheDisk(false);
    }

    @AfterEach
    void end() {
        waitForTheDisk(true);
        threads.shutdownNow();
    }

    /**
     * Nobody cuts the power here: the build's own server is four times as fast if a
     * commit need not reach the disk.
     */
    private void waitForTheDisk(boolean wait) {
        if (database.toString().equals("MariaDB")) {
            database.jdbc().sql("SET GLOBAL innodb_flush_log_at_trx_commit = " + (wait ? 1 : 0)).update();
        }
    }

    @Test
    void p1ToP5HoldInEverySchedule() {
        Map<Search, Tally> expected = database.isH2() ? ON_H2 : ON_SERVERS;
        Map<Search, Tally> found = new HashMap<>();
        expected.keySet().forEach(search -> found.put(search, play(search, rows)));
        System.out.println(database + ": " + found.values().stream().mapToInt(Tally::schedules).sum()
                + " schedules, of which " + found.values().stream().mapToInt(Tally::blind).sum() + " end blind");
        assertThat(found).isEqualTo(expected);
    }

    // ---- The harness bites

    @Test
    void withTheClaimLeftOutADeadTokenIsFound() {
        assertFound("P1", new OptimisticUpdateOnly(database.dataSource()));
    }

    @Test
    void withTheFencedRunsReportLeftOutADeadTokenIsFound() {
        assertFound("P1", new TokenRepository(database.dataSource()) {

            @Override
            public void requestAfterFence(int id) {
                // says nothing
            }
        });
    }

    @Test
    void withAPublishOverWhateverIsThereAnOverwrittenTokenIsFound() {
        assertFound("P5", new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                Claim ofAnyValue = new Claim(row(), claim.version(), claim.run());
                return super.publish(ofAnyValue, appId, fetched, notAgainFor);
            }
        });
    }

    @Test
    void withARequestThatThePublishClearsALostRequestIsFound() {
        assertFound("request", new TokenRepository(database.dataSource()) {

            @Override
            public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
                boolean published = super.publish(claim, appId, fetched, notAgainFor);
                database.jdbc().sql("UPDATE wx_token SET refresh_requested = 0 WHERE id = 1").update();
                return published;
            }
        });
    }

    private void assertFound(String rule, TokenRepository broken) {
        assertThatThrownBy(() -> play(new Search(2, 1, ANY), broken)).isInstanceOf(AssertionError.class)
            .hasMessageStartingWith("[" + rule);
    }

    // ---- The search

    /**
     * All schedules, from a row that is due and from one that was never filled.
     *
     * @param runs that begin together
     * @param troubles how many there are at most, no two of a kind
     * @param of of which kinds
     */
    private record Search(int runs, int troubles, Set<Trouble> of) {
    }

    /**
     * @param schedules how many were played
     * @param blind how many of them ended with a dead token that only the probe sees
     */
    private record Tally(int schedules, int blind) {
    }

    private Tally play(Search search, TokenRepository statements) {
        int schedules = 0;
        int blind = 0;
        for (boolean filled : List.of(true, false)) {
            Choices choices = new Choices();
            do {
                schedules++;
                blind += new Schedule(choices, statements, filled, search).play() ? 1 : 0;
            }
            while (choices.next());
        }
        return new Tally(schedules, blind);
    }

    /**
     * A walk through a tree, depth first: who asks at each fork takes another path each
     * time, until there is none.
     */
    private static final class Choices {

        private final List<int[]> path = new ArrayList<>();

        private int depth;

        /**
         * @param taken the path to begin with: a failure's message names it, so that it
         * can be played alone
         */
        Choices(int... taken) {
            IntStream.of(taken).forEach(option -> path.add(new int[] { option, 0 }));
        }

        int oneOf(int options) {
            if (depth == path.size()) {
                path.add(new int[2]);
            }
            path.get(depth)[1] = options;
            return path.get(depth++)[0];
        }

        /**
         * @return false when all paths have been taken
         */
        boolean next() {
            depth = 0;
            while (!path.isEmpty()) {
                int[] last = path.get(path.size() - 1);
                if (++last[0] < last[1]) {
                    return true;
                }
                path.remove(path.size() - 1);
            }
            return false;
        }

        @Override
        public String toString() {
            return path.stream().limit(depth).map(fork -> String.valueOf(fork[0])).collect(Collectors.joining(", "));
        }

    }

    /**
     * One order of events, with WeChat as it is seen from here: it issues tokens, each of
     * which kills the one before.
     */
    private final class Schedule {

        private final Choices choices;

        private final List<Run> runs;

        private final Search search;

        private final Set<Trouble> happened = EnumSet.noneOf(Trouble.class);

        private final List<String> events = new ArrayList<>();

        private final List<String> issued = new ArrayList<>();

        /** 1 or 0. */
        private final int issuedBefore;

        /** As the last event left it. */
        private TokenRow row;

        private Run last;

        private boolean over;

        /** Whose request WeChat has still to serve, after it timed out. */
        private Run unserved;

        /**
         * The token that the other program is about to write, and how many there were
         * when it had written it.
         */
        private String unwritten;

        private int written;

        /** No fetch has begun since an application asked for it. */
        private boolean unanswered;

        /**
         * Who got the last token while the row was not claimed by it, and has not told
         * the row since.
         */
        private String untold;

        Schedule(Choices choices, TokenRepository statements, boolean filled, Search search) {
            this.choices = choices;
            this.runs = Stream.of("A", "B", "C")
                .limit(search.runs)
                .map(name -> new Run(name, this, statements))
                .toList();
            this.search = search;
            String value = filled ? "token-0" : "";
            this.issued.addAll(filled ? List.of(value) : List.of());
            this.issuedBefore = issued.size();
            database.jdbc().sql("UPDATE wx_token SET expire = " + (filled ? "UNIX_TIMESTAMP() - 3000" : "'0'") + """
                    , `value` = :value, fingerprint = :fingerprint, expires_at = 0, claimed_by = NULL,
                    claimed_until = 0, refresh_requested = 0, failures = 0, retry_after = 0 WHERE id = 1
                    """).param("value", value).param("fingerprint", filled ? Fingerprint.of(value) : "").update();
            this.row = row();
        }

        /**
         * @return whether it ends blind
         */
        boolean play() {
            try {
                runs.forEach(Run::start);
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
                        + choices + "), rows, " + (issuedBefore == 1) + ", " + search + ").play()", e);
            }
            finally {
                runs.forEach(run -> run.go(Run.DIES));
            }
        }

        /** What can happen next, by name. */
        private Map<String, Runnable> possible() {
            Map<String, Runnable> possible = new LinkedHashMap<>();
            // The runs are alike: B does not begin before A. Orders that differ in the
            // names alone are one.
            runs.stream().filter(run -> run.begun).forEach(run -> addSteps(run, possible));
            runs.stream().filter(run -> !run.begun).findFirst().ifPresent(run -> addSteps(run, possible));
            if (unserved != null) {
                possible.put("WeChat serves " + unserved, () -> {
                    issue(unserved.name);
                    unserved = null;
                });
            }
            if (unwritten != null) {
                possible.put("another program writes", () -> {
                    class2015Writes(unwritten);
                    unwritten = null;
                    untold = null;
                    written = issued.size();
                });
            }
            if (possible.isEmpty()) {
                possible.put("the end", () -> over = true);
            }
            if (row.claim().by() != null) {
                add(Trouble.LAPSE, "the lease of " + row.claim().by() + " lapses", InterleavingsIT.this::lapse,
                        possible);
            }
            add(Trouble.REQUEST, "an application asks", () -> {
                database.jdbc().sql("UPDATE wx_token SET refresh_requested = 1 WHERE id = 1").update();
                unanswered = true;
            }, possible);
            add(Trouble.OTHER_PROGRAM, "another program fetches", () -> unwritten = issue("another program"), possible);
            return possible;
        }

        private void addSteps(Run run, Map<String, Runnable> possible) {
            if (run.at == null) {
                return;
            }
            String step = run + " " + run.at;
            possible.put(step, () -> step(run, Supplier::get));
            // nobody misses a dead run before its next step: it may as well die right
            // after its last
            if (run == last) {
                add(Trouble.DEATH, run + " dies", () -> step(run, Run.DIES), possible);
            }
            switch (run.at) {
                case "claim" -> add(Trouble.PAUSE, step + " and pauses", () -> step(run, claim -> {
                    Object claimed = claim.get();
                    run.nanos += SETTINGS.lease().toNanos();
                    return claimed;
                }), possible);
                case "fetch" -> {
                    Answer refused = new Answer.Refused(40164, "not in whitelist");
                    add(Trouble.REFUSAL, step + ", refused", () -> step(run, fetch -> refused), possible);
                    add(Trouble.TIMEOUT, step + ", timed out", () -> step(run, fetch -> {
                        unserved = run;
                        return new Answer.Unknown("timed out", Answer.Reach.IN_FLIGHT);
                    }), possible);
                }
                case "publish", "release", "leave to lapse" -> {
                    add(Trouble.ERROR, step + ", not executed", () -> step(run, statement -> {
                        throw new DataAccessResourceFailureException("the connection is gone");
                    }), possible);
                    add(Trouble.ERROR, step + ", answer lost", () -> step(run, statement -> {
                        statement.get();
                        throw new DataAccessResourceFailureException("the connection is gone");
                    }), possible);
                }
                default -> {
                }
            }
        }

        private void add(Trouble trouble, String name, Runnable event, Map<String, Runnable> possible) {
            if (search.of.contains(trouble) && happened.size() < search.troubles && !happened.contains(trouble)) {
                possible.put(name, () -> {
                    happened.add(trouble);
                    event.run();
                });
            }
        }

        private void step(Run run, Function<Supplier<?>, Object> how) {
            last = run;
            run.go(how);
            if (run.failure != null) {
                throw new AssertionError(run.failure.getMessage(), run.failure);
            }
        }

        private String issue(String to) {
            issued.add("token-" + issued.size());
            untold = to.equals(row.claim().by()) ? null : to;
            return lastIssued();
        }

        private String lastIssued() {
            return issued.isEmpty() ? "" : issued.get(issued.size() - 1);
        }

        private void told(String by) {
            untold = by.equals(untold) ? null : untold;
        }

        private void look() {
            String before = row.value();
            row = row();
            if (!row.value().equals(before)) {
                assertThat(row.value()).as("P3: readers see whole tokens").isIn(issued);
            }
        }

        private boolean end() {
            lapse();
            look();
            boolean clean = judge(row) == Verdict.FRESH;
            boolean blind = clean && untold != null;
            if (clean) {
                assertThat(row.value().equals(lastIssued())).as("P1: a clean row holds the last token")
                    .isEqualTo(!blind);
                assertThat(unanswered).as("request without a fetch that began after it").isFalse();
            }
            if (happened.isEmpty()) {
                assertThat(issued).as("P2: one fetch").hasSize(issuedBefore + 1);
            }
            Run next = new Run("next", this, rows);
            Outcome outcome = next.refresh(Trigger.SCHEDULE);
            assertThat(outcome).as("P4, P5: the next run's outcome")
                .isEqualTo(clean ? Outcome.FRESH : Outcome.REFRESHED);
            if (blind) {
                assertThat(happened).contains(Trouble.LAPSE).containsAnyOf(Trouble.DEATH, Trouble.TIMEOUT);
                assertThat(rows.requestFor(1, row.value())).isTrue(); // the probe's word
                assertThat(next.refresh(Trigger.DEAD)).isEqualTo(Outcome.REFRESHED);
            }
            look();
            assertThat(row.value()).as("P4: the value").isEqualTo(lastIssued());
            assertThat(judge(row)).as("P4: the row").isEqualTo(Verdict.FRESH);
            return blind;
        }

    }

    /**
     * A run in a thread of its own, which stands still before each step. As its source,
     * it asks the schedule's WeChat.
     */
    private final class Run extends TokenRepository implements TokenFetcher {

        static final Function<Supplier<?>, Object> DIES = step -> {
            throw new Died();
        };

        private final String name;

        private final Schedule schedule;

        private final TokenRepository statements;

        private final Semaphore stands = new Semaphore(0);

        private final Semaphore goes = new Semaphore(0);

        /**
         * Its next step; null when it does not stand still: before its start, and after
         * its end.
         */
        private String at;

        private Function<Supplier<?>, Object> how;

        private boolean stepwise;

        private boolean begun;

        private long nanos;

        private Throwable failure;

        Run(String name, Schedule schedule, TokenRepository statements) {
            super(database.dataSource());
            this.name = name;
            this.schedule = schedule;
            this.statements = statements;
        }

        /** It stands before its first step. */
        void start() {
            stepwise = true;
            threads.execute(() -> {
                try {
                    refresh(Trigger.SCHEDULE);
                }
                catch (Died | DataAccessResourceFailureException expected) {
                    // as the process would
                }
                catch (Throwable e) {
                    failure = e;
                }
                at = null;
                stands.release();
            });
            stands.acquireUninterruptibly();
        }

        Outcome refresh(Trigger trigger) {
            // Its clock stands still: a run is never so slow as when it is paused right
            // after it looked at the clock.
            return new Refresher(this, POLICY, SETTINGS, api().requestTimeout(), new RunId(name, name), () -> nanos,
                    () -> false, listener())
                .refresh(read(1).orElseThrow(), this, trigger)
                .outcome();
        }

        /** Takes its next step. */
        void go(Function<Supplier<?>, Object> how) {
            if (at != null) {
                this.how = how;
                this.begun = true;
                goes.release();
                stands.acquireUninterruptibly();
            }
        }

        @SuppressWarnings("unchecked")
        private <T> T step(String step, Supplier<T> execute) {
            if (!stepwise) {
                return execute.get();
            }
            at = step;
            stands.release();
            goes.acquireUninterruptibly();
            return (T) how.apply(execute);
        }

        @Override
        public Optional<TokenRow> read(int id) {
            return step("read", () -> statements.read(id));
        }

        @Override
        public Optional<Claim> claim(TokenRow seen, String run, Duration lease) {
            return step("claim", () -> statements.claim(seen, run, lease));
        }

        @Override
        public Answer fetch(TokenRow row, Verdict why) {
            return step("fetch", () -> {
                schedule.unanswered = false;
                return new Answer.Issued(schedule.issue(name), 7200);
            });
        }

        @Override
        public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
            return step("publish", () -> {
                boolean published = statements.publish(claim, appId, fetched, notAgainFor);
                if (published) {
                    schedule.told(name);
                    assertThat(schedule.issued.indexOf(fetched.value()))
                        .as("P5: the token was issued after another program wrote")
                        .isGreaterThanOrEqualTo(schedule.written);
                }
                return published;
            });
        }

        @Override
        public void requestAfterFence(int id) {
            step("report", () -> {
                statements.requestAfterFence(id);
                schedule.told(name);
                return null;
            });
        }

        @Override
        public boolean release(Claim claim, Failure failed) {
            return step("release", () -> statements.release(claim, failed));
        }

        @Override
        public boolean leaveToLapse(Claim claim, String error) {
            return step("leave to lapse", () -> statements.leaveToLapse(claim, error));
        }

        @Override
        public Account account() {
            return ACCOUNT;
        }

        @Override
        public String blockedBecause(TokenRow row, Verdict why) {
            return null;
        }

        @Override
        public FetchedValue fetched(TokenRow seen, Answer.Issued given) {
            return new FetchedValue(given.value(), 0, given.expiresIn());
        }

        @Override
        public String toString() {
            return name;
        }

    }

    /** The process ends here. */
    private static final class Died extends Error {

    }

}
