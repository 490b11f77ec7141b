package io.wxtoken.standin;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * What WeChat knows and decides, without HTTP: its accounts, every token and ticket that
 * it issued, which of them live, and what is left of each day's quotas. Its answers are
 * WeChat's JSON.
 */
final class WeChatModel {

    /** The kind of a token of the ordinary endpoint. */
    private static final String TOKEN = "TOKEN";

    /** The kind of a token of the stable endpoint. */
    private static final String STABLE = "STABLE";

    /** The kind of a token of a WeCom application. */
    private static final String WECOM = "WECOM";

    private static final int CALLS_A_DAY = 2000;

    private static final int FORCED_A_DAY = 20;

    private static final int CLEARED_A_MONTH = 10;

    /** WeChat's 30 s between forced refreshes, as a part of a token's life of 7200 s. */
    private static final int FORCE_INTERVALS_A_LIFE = 240;

    private static final SecureRandom RANDOM = new SecureRandom();

    private final Duration life;

    private final Duration grace;

    private final Path memory;

    private final Map<String, String> secrets = new HashMap<>();

    /** Of WeCom's applications, by corp id and agent id with a colon between them. */
    private final Map<String, String> agents = new HashMap<>();

    private final List<IssuedValue> history = new ArrayList<>();

    private final Map<String, IssuedValue> byValue = new HashMap<>();

    private final Map<String, IssuedValue> latest = new HashMap<>();

    private final Map<String, Integer> callsToday = new HashMap<>();

    private final Map<String, Integer> forcedToday = new HashMap<>();

    private final Map<String, Integer> cleared = new HashMap<>();

    /**
     * A token or ticket that was issued. Only its end changes, which the next one brings
     * nearer. Times are in Unix milliseconds.
     */
    final class IssuedValue {

        /** Of a token in capital letters; else a ticket's type. */
        final String kind;

        final String appId;

        final String value;

        final long issuedAt;

        /** The port from which it was asked for; 0 if another program did. */
        final int askedFrom;

        long endsAt;

        IssuedValue(String kind, String appId, String value, long issuedAt, long endsAt, int askedFrom) {
            this.kind = kind;
            this.appId = appId;
            this.value = value;
            this.issuedAt = issuedAt;
            this.endsAt = endsAt;
            this.askedFrom = askedFrom;
        }

        boolean isToken() {
            return kind.equals(kind.toUpperCase(Locale.ROOT));
        }

        boolean alive() {
            return endsAt > now();
        }

        long secondsLeft() {
            return Math.max(0, (endsAt - now() + 999) / 1000);
        }

    }

    /** How far its clock is ahead of the machine's, in milliseconds. */
    private final AtomicLong ahead = new AtomicLong();

    /**
     * @param memory the file that keeps what was issued; null for none
     */
    WeChatModel(Duration life, Duration grace, Path memory) throws IOException {
        this.life = life;
        this.grace = grace;
        this.memory = memory;
        if (memory != null && Files.exists(memory)) {
            for (String line : Files.readAllLines(memory)) {
                String[] field = line.split(" ");
                keep(new IssuedValue(field[0], field[1], field[2], Long.parseLong(field[3]), Long.parseLong(field[4]),
                        0));
            }
        }
    }

    /** Unix milliseconds. */
    long now() {
        return System.currentTimeMillis() + ahead.get();
    }

    /** Lets time pass for all that was issued. */
    void pass(Duration time) {
        ahead.addAndGet(time.toMillis());
    }

    synchronized void addAccount(String appId, String secret) {
        secrets.put(appId, secret);
    }

    synchronized void addAgent(String corpId, String agentId, String secret) {
        agents.put(corpId + ":" + agentId, secret);
    }

    synchronized void newDay() {
        callsToday.clear();
        forcedToday.clear();
    }

    /** Of the account that made the most. */
    synchronized int mostCallsToday() {
        return callsToday.values().stream().max(Integer::compare).orElse(0);
    }

    // ---- WeChat's answers

    /**
     * @param stable the call is to the stable endpoint
     * @param askedFrom the port of the connection that asks
     */
    synchronized String token(String grantType, String appId, String secret, boolean stable, boolean force,
            int askedFrom) {
        if (!"client_credential".equals(grantType)) {
            return error(40002, "invalid grant_type");
        }
        String refusal = refusal(appId, secret);
        if (refusal != null) {
            return refusal;
        }
        if (callsToday.merge(appId, 1, Integer::sum) > CALLS_A_DAY) {
            return error(45009, "reach max api daily quota limit");
        }
        IssuedValue token = stable ? stableToken(appId, force, askedFrom) : issueToken(TOKEN, appId, askedFrom);
        return "{\"access_token\":\"" + token.value + "\",\"expires_in\":" + token.secondsLeft() + "}";
    }

    /** What is wrong with these; null when nothing is. */
    private String refusal(String appId, String secret) {
        if (appId == null || appId.isEmpty()) {
            return error(41002, "appid missing");
        }
        if (secret == null || secret.isEmpty()) {
            return error(41004, "appsecret missing");
        }
        if (!secrets.containsKey(appId)) {
            return error(40013, "invalid appid");
        }
        if (!secrets.get(appId).equals(secret)) {
            return error(40125, "invalid appsecret");
        }
        return null;
    }

    /** Clears the account's counters of calls, 10 times. */
    synchronized String clearQuota(String appId, String secret) {
        String refusal = refusal(appId, secret);
        if (refusal != null) {
            return refusal;
        }
        if (cleared.merge(appId, 1, Integer::sum) > CLEARED_A_MONTH) {
            return error(48006, "forbid to clear quota because of reaching the limit");
        }
        callsToday.remove(appId);
        forcedToday.remove(appId);
        return "{\"errcode\":0,\"errmsg\":\"ok\"}";
    }

    private IssuedValue stableToken(String appId, boolean force, int askedFrom) {
        IssuedValue current = current(appId, STABLE);
        long now = now();
        if (current == null || current.endsAt - now <= grace.toMillis()) {
            return issueToken(STABLE, appId, askedFrom);
        }
        if (force && now - current.issuedAt >= life.toMillis() / FORCE_INTERVALS_A_LIFE
                && forcedToday.merge(appId, 1, Integer::sum) <= FORCED_A_DAY) {
            current.endsAt = now;
            return issue(STABLE, appId, askedFrom);
        }
        return current;
    }

    /** WeCom's token repeats, with the full {@code expires_in}, until its end. */
    synchronized String weComToken(String corpId, String secret, int askedFrom) {
        List<String> ofCorp = agents.keySet().stream().filter(appId -> appId.startsWith(corpId + ":")).toList();
        if (ofCorp.isEmpty()) {
            return error(40013, "invalid corpid");
        }
        String appId = ofCorp.stream().filter(agent -> agents.get(agent).equals(secret)).findFirst().orElse(null);
        if (appId == null) {
            return error(40001, "invalid credential");
        }
        IssuedValue token = current(appId, WECOM);
        if (token == null || !token.alive()) {
            token = issue(WECOM, appId, askedFrom);
        }
        return "{\"errcode\":0,\"errmsg\":\"ok\",\"access_token\":\"" + token.value + "\",\"expires_in\":"
                + life.toSeconds() + "}";
    }

    /**
     * @param ofWeCom whether WeCom is asked, which takes its own tokens only
     */
    synchronized String ticket(String accessToken, String type, boolean ofWeCom, int askedFrom) {
        IssuedValue token = byValue.get(accessToken);
        if (token != null && token.kind.equals(WECOM) != ofWeCom) {
            return deadToken((IssuedValue) null);
        }
        if (token == null || !token.alive()) {
            return deadToken(token);
        }
        // WeCom's applications share their corp's jsapi_ticket
        String owner = ofWeCom && type.equals("jsapi") ? token.appId.split(":")[0] : token.appId;
        IssuedValue ticket = current(owner, type);
        if (ticket == null || !ticket.alive()) {
            ticket = issue(type, owner, askedFrom);
        }
        return "{\"errcode\":0,\"errmsg\":\"ok\",\"ticket\":\"" + ticket.value + "\",\"expires_in\":" + life.toSeconds()
                + "}";
    }

    /** Answers an API call that only a live token may make. */
    synchronized String domainAddresses(String accessToken) {
        IssuedValue token = byValue.get(accessToken);
        return token != null && token.alive() ? "{\"ip_list\":[\"101.226.62.77\"]}" : deadToken(token);
    }

    /** Refuses an API call with a token that is dead, or that was never issued. */
    synchronized String deadToken(String token) {
        return deadToken(byValue.get(token));
    }

    private static String deadToken(IssuedValue token) {
        return token == null ? error(40001, "invalid credential, access_token is invalid or not latest")
                : error(42001, "access_token expired");
    }

    static String error(int errcode, String errmsg) {
        byte[] rid = new byte[12];
        RANDOM.nextBytes(rid);
        String hex = HexFormat.of().formatHex(rid);
        return "{\"errcode\":" + errcode + ",\"errmsg\":\"" + errmsg + " rid: " + hex.substring(0, 8) + "-"
                + hex.substring(8, 16) + "-" + hex.substring(16) + "\"}";
    }

    // ---- What is issued

    /** Another program fetches a token from the ordinary endpoint. */
    synchronized String issueElsewhere(String appId) {
        return issueToken(TOKEN, appId, 0).value;
    }

    /**
     * A stable token within its last minutes lives on for the whole grace; an ordinary
     * one never for longer than it would have.
     */
    synchronized IssuedValue issueToken(String kind, String appId, int askedFrom) {
        IssuedValue old = current(appId, kind);
        if (old != null) {
            long graceEnd = now() + grace.toMillis();
            old.endsAt = kind.equals(STABLE) && old.alive() ? graceEnd : Math.min(old.endsAt, graceEnd);
        }
        return issue(kind, appId, askedFrom);
    }

    private IssuedValue issue(String kind, String appId, int askedFrom) {
        long now = now();
        IssuedValue issued = new IssuedValue(kind, appId, "99_" + random(), now, now + life.toMillis(), askedFrom);
        keep(issued);
        remember();
        return issued;
    }

    static String random() {
        byte[] random = new byte[99];
        RANDOM.nextBytes(random);
        return Base64.getUrlEncoder().encodeToString(random);
    }

    private void keep(IssuedValue issued) {
        history.add(issued);
        byValue.put(issued.value, issued);
        latest.put(issued.appId + " " + issued.kind, issued);
    }

    private void remember() {
        if (memory != null) {
            try {
                Files.createDirectories(memory.toAbsolutePath().getParent());
                Files.write(memory,
                        history.stream()
                            .map(issued -> issued.kind + " " + issued.appId + " " + issued.value + " " + issued.issuedAt
                                    + " " + issued.endsAt)
                            .toList());
            }
            catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private IssuedValue current(String appId, String kind) {
        return latest.get(appId + " " + kind);
    }

    /** The account's ticket that is given out at this moment; null if there is none. */
    synchronized String ticket(String appId, String type) {
        IssuedValue ticket = current(appId, type);
        return ticket == null ? null : ticket.value;
    }

    /** All accounts' access_tokens and platforms' tokens, oldest first. */
    synchronized List<StandIn.Issue> tokens() {
        return history.stream()
            .filter(IssuedValue::isToken)
            .map(token -> new StandIn.Issue(token.appId, token.value, token.issuedAt, token.askedFrom))
            .toList();
    }

    // ---- What lives

    synchronized boolean alive(String value) {
        IssuedValue issued = byValue.get(value);
        return issued != null && issued.alive();
    }

    synchronized boolean alive(String appId, String value) {
        return alive(value) && byValue.get(value).appId.equals(appId);
    }

    synchronized long millisLeft(String value) {
        IssuedValue issued = byValue.get(value);
        return issued == null ? Long.MIN_VALUE : issued.endsAt - now();
    }

    /** Ends a value's life, as its time would. */
    synchronized void kill(String value) {
        Stream.ofNullable(byValue.get(value)).forEach(issued -> issued.endsAt = 0);
    }

    /** Ends the lives of all of the account's tokens of a kind. */
    synchronized void killAll(String appId, String kind) {
        history.stream()
            .filter(issued -> issued.appId.equals(appId) && issued.kind.equals(kind))
            .forEach(issued -> issued.endsAt = 0);
    }

}
