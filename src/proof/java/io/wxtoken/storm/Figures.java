package io.wxtoken.storm;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What came of a storm, as numbers and as what was wrong. */
final class Figures {

    private final Map<String, Object> figures = new LinkedHashMap<>();

    /** Dead times that the protocol answers for. */
    final List<String> unexcused = new ArrayList<>();

    /** What happened before the first of them. */
    final String before;

    /**
     * Dead times that only the probe can see, and that took longer than the probe may
     * take.
     */
    final List<String> tooLong = new ArrayList<>();

    final Map<String, Integer> counts;

    final long emptyReads;

    final List<String> leaks;

    final long brokenMirrorReads;

    final boolean recovered;

    /** Refresh tokens that were stored and that WeChat did not take. */
    final Set<String> lostRefreshTokens;

    /** What must have happened at least once, or the storm proved nothing. */
    final List<String> missing;

    Figures(Storm storm, boolean recovered) throws IOException {
        this.counts = storm.log().counts();
        this.emptyReads = sum(storm, Reader::emptyReads) + storm.authorizers().emptyReads();
        this.lostRefreshTokens = storm.authorizers().lost();
        this.leaks = storm.leaks().found();
        this.brokenMirrorReads = storm.mirrors().broken();
        this.recovered = recovered;
        Reader.DeadTime first = null;
        Map<String, Long> longest = new LinkedHashMap<>(Map.of("foreign refresher", 0L, "late fetcher that died", 0L));
        for (Reader.DeadTime dead : Stream
            .concat(Stream.of(storm.authorizers().deadTimes()), storm.readers().stream().map(Reader::deadTimes))
            .flatMap(List::stream)
            .toList()) {
            String excuse = storm.onlyTheProbeSees(dead);
            String what = "%s, row %d, %s: dead for %d ms from %tT on".formatted(dead.appId, dead.rowId,
                    dead.cached ? "cached" : "read", dead.millis(), dead.from);
            Duration allowed = storm.times()
                .probed(storm.longestRun())
                .plus(dead.cached ? storm.times().cache() : Duration.ZERO);
            if (excuse == null) {
                unexcused.add(what);
                first = first == null ? dead : first;
            }
            else if (dead.millis() > allowed.toMillis()) {
                tooLong.add(what + " (" + excuse + "), and the probe's " + allowed.toMillis() + " ms are over");
            }
            if (excuse != null && !dead.cached) {
                longest.merge(excuse, dead.millis(), Math::max);
            }
        }
        this.before = first == null ? "" : storm.log().before(first, storm.weChat());
        boolean cluster = storm.readers().size() > 1;
        this.missing = new ArrayList<>(List.of("CLAIM", "PUBLISH"));
        // a shorter storm may not meet each of these
        if (storm.lasted().toSeconds() >= 120) {
            missing.add("fault: row written");
            missing.addAll(cluster ? List.of("fault: a member is killed") : List.of("takeover", "fault: SIGSTOP",
                    "STORE", "authorizer: authorized again", "authorizer: withdrew"));
        }
        if (storm.lasted().toMinutes() >= 10) {
            missing.addAll(List.of("REPORT", "PUBLISH, none matched", "fault: kill -9", "fault: connection cut",
                    "fault: WeChat", "fault: foreign refresher", "probe said dead"));
            missing
                .addAll(storm.restartable() ? List.of("fault: database killed", "fault: database stopped") : List.of());
        }
        missing.removeIf(what -> storm.log().sum(what) > 0);
        figures.put("minutes", "%.1f".formatted(storm.lasted().toMillis() / 60_000.0));
        figures.put("runs", storm.log().sum("run: "));
        figures.put("fetches", storm.weChat().tokenCalls());
        figures.put("refreshes (published)", count("PUBLISH"));
        figures.put("claims won, lost", count("CLAIM") + ", " + count("CLAIM, none matched"));
        figures.put("takeovers of a lapsed claim", count("takeover"));
        figures.put("fenced publishes", count("PUBLISH, none matched"));
        figures.put("reports of a doomed row", count("REPORT"));
        figures.put("faults", storm.log().sum("fault: "));
        figures.put("strikes spared: the row was in danger already", count("spared"));
        figures.put("reads", sum(storm, Reader::reads));
        figures.put("reads that the database did not answer", sum(storm, Reader::unanswered));
        figures.put("empty reads", emptyReads);
        figures.put("dead reads", sum(storm, Reader::deadReads));
        figures.put("dead times that the protocol answers for", unexcused.size());
        if (cluster) {
            long[] out = storm.readers()
                .stream()
                .map(Reader::readsOut)
                .reduce((a, b) -> new long[] { a[0] + b[0], a[1] + b[1], a[2] + b[2], Math.max(a[3], b[3]) })
                .orElseThrow();
            figures.put("on members that were out: reads, dead ones, refused ones, longest dead time in ms",
                    "%d, %d, %d, %d".formatted(out[0], out[1], out[2], out[3]));
            figures.put("conflicts and other errors, by code",
                    counts.entrySet()
                        .stream()
                        .filter(entry -> entry.getKey().startsWith("error "))
                        .map(entry -> entry.getKey().substring(6) + ": " + entry.getValue())
                        .collect(Collectors.joining("; ")));
        }
        longest.forEach((excuse, millis) -> figures.put("longest dead time, " + excuse + ", ms", millis));
        figures.put("least that a busy account's token had left, ms",
                storm.readers()
                    .stream()
                    .flatMapToLong(reader -> Storm.BUSY.stream().mapToLong(reader::leastLeft))
                    .min()
                    .orElseThrow());
        figures.put("the same may last, ms", storm.times().probed(storm.longestRun()).toMillis());
        figures.put("longest run, undisturbed, ms", storm.longestRun().toMillis());
        figures.put("calls for a token a day, at this rate, of the account with the most, of 2000", callsADay(storm));
        figures.put("authorizers: authorizations, of which again; withdrawals", "%d, %d; %d".formatted(
                count("authorizer: authorized"), count("authorizer: authorized again"), count("authorizer: withdrew")));
        figures.put("authorizers: stored refresh tokens; reads, dead reads; lost refresh tokens",
                "%d; %d, %d; %d".formatted(count("STORE"), storm.authorizers().reads(), storm.authorizers().deadReads(),
                        lostRefreshTokens.size()));
        figures.put("authorizers: longest time from an authorization to a token, ms",
                storm.authorizers().longestWait());
        figures.put("reads of mirrors; broken ones", storm.mirrors().reads() + "; " + brokenMirrorReads);
        figures.put("longest time that a mirror held a dead token, ms", storm.mirrors().longestDead());
        figures.put("files that killed writers left behind", storm.mirrors().leftBehind());
        figures.put("leaks of a secret or a token", leaks.size());
        figures.put("recovered", recovered);
    }

    /** A day is 12 lives, after which the stand-in counts anew. */
    private static long callsADay(Storm storm) {
        long day = storm.times().life().toMillis() * 12;
        return storm.weChat().mostCallsToday() * day / Math.max(1, storm.lasted().toMillis() % day);
    }

    private static long sum(Storm storm, ToLongFunction<Reader> figure) {
        return storm.readers().stream().mapToLong(figure).sum();
    }

    int count(String what) {
        return counts.getOrDefault(what, 0);
    }

    String table(String title) {
        return "# " + title + "\n\n| figure | |\n|---|---|\n"
                + figures.entrySet()
                    .stream()
                    .map(entry -> "| " + entry.getKey() + " | " + entry.getValue() + " |\n")
                    .collect(Collectors.joining())
                + "\n| what happened | times |\n|---|---|\n"
                + counts.entrySet()
                    .stream()
                    .map(entry -> "| " + entry.getKey() + " | " + entry.getValue() + " |\n")
                    .collect(Collectors.joining())
                + (unexcused.isEmpty() ? "" : "\nUnexcused:\n" + String.join("\n", unexcused) + "\n")
                + (tooLong.isEmpty() ? "" : "\nToo long:\n" + String.join("\n", tooLong) + "\n")
                + (lostRefreshTokens.isEmpty() ? ""
                        : "\nLost refresh tokens:\n" + String.join("\n", lostRefreshTokens) + "\n")
                + (leaks.isEmpty() ? "" : "\nLeaks in:\n" + String.join("\n", leaks) + "\n");
    }

}
