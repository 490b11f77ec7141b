package io.wxtoken.storm;

import java.util.Comparator;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.wxtoken.standin.StandIn;

/** Keeps what happened in a storm, in its order, and how often. */
final class StormLog {

    private final Queue<Event> events = new ConcurrentLinkedQueue<>();

    private final Map<String, Integer> counts = new TreeMap<>();

    /**
     * @param at Unix ms
     */
    private record Event(long at, String what) {
    }

    void note(String what) {
        events.add(new Event(System.currentTimeMillis(), what));
    }

    void count(String what) {
        count(what, 1);
    }

    synchronized void count(String what, int times) {
        counts.merge(what, times, Integer::sum);
    }

    synchronized Map<String, Integer> counts() {
        return new TreeMap<>(counts);
    }

    /** How often all that begins like this was counted. */
    synchronized int sum(String prefix) {
        return counts.entrySet()
            .stream()
            .filter(entry -> entry.getKey().startsWith(prefix))
            .mapToInt(Map.Entry::getValue)
            .sum();
    }

    /** What happened in the minute before a token was dead, and while it was. */
    String before(Reader.DeadTime dead, StandIn weChat) {
        Stream<Event> issues = weChat.issues(dead.appId)
            .stream()
            .map(issue -> new Event(issue.at(), "WeChat issues "
                    + (issue.value().equals(dead.value) ? "what is dead later" : "a token") + " of row " + dead.rowId));
        return Stream.concat(events.stream(), issues)
            .filter(event -> event.at() > dead.from - 60_000 && event.at() < dead.to + 1000)
            .sorted(Comparator.comparing(Event::at))
            .map(event -> "%tT.%<tL %s".formatted(event.at(), event.what()))
            .collect(Collectors.joining("\n"));
    }

}
