package io.wxtoken.standin;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Deque;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * WeChat, as far as the product meets it.
 * <ul>
 * <li>{@code GET /cgi-bin/token} issues a new token; the one before it lives for the
 * grace longer, at most.
 * <li>{@code POST /cgi-bin/stable_token} answers with the current token and the seconds
 * that remain, and rotates it only within the grace before its end, and then the old one
 * lives for the grace longer; with {@code force_refresh} it issues a new one and kills
 * the old one at once, but not within 30 s (scaled) of the last.
 * <li>The two are isolated. Errors are HTTP 200 with an errcode, and JSON comes as
 * text/plain.
 * <li>{@code getticket} gives the same ticket throughout its life, with the full
 * {@code expires_in} each time, for a live access_token; {@code get_api_domain_ip} tells
 * whether a token lives.
 * <li>2000 token calls a day, 20 of them forced, then 45009; {@link #newDay} begins
 * another.
 * </ul>
 * Times can be scaled down: {@code expires_in} is then the scaled life in seconds. Every
 * token that was ever issued is kept, in a file too if one is given, and {@link #alive}
 * answers for this moment.
 */
public final class StandIn implements AutoCloseable {

    /** What the stand-in accepts unless told otherwise. */
    public static final String APP_ID = "wx0123456789abcdef";

    public static final String SECRET = "stand-in-secret-0123456789abcdef";

    private static final String TOKEN = "TOKEN";

    private static final String STABLE = "STABLE";

    private static final int CALLS_A_DAY = 2000;

    private static final int FORCED_A_DAY = 20;

    static {
        // Else the JDK's server sends headers and body in two packets, and the second
        // waits 40 ms for the first's receipt.
        System.setProperty("sun.net.httpserver.nodelay", "true");
    }

    private static final JsonMapper JSON = new JsonMapper();

    private static final SecureRandom RANDOM = new SecureRandom();

    private final HttpServer server;

    private final ExecutorService threads = Executors.newCachedThreadPool(runnable -> {
        Thread thread = new Thread(runnable, "stand-in");
        thread.setDaemon(true);
        return thread;
    });

    private final Duration life;

    private final Duration grace;

    private final Map<String, String> secrets = new HashMap<>(Map.of(APP_ID, SECRET));

    private final List<IssuedToken> history = new ArrayList<>();

    private final Map<String, IssuedToken> byValue = new HashMap<>();

    private final Map<String, IssuedToken> latest = new HashMap<>();

    private final Deque<Fault> faults = new ArrayDeque<>();

    private Fault always;

    private int requests;

    private final Path memory;

    private final Map<String, Integer> callsToday = new HashMap<>();

    private final Map<String, Integer> forcedToday = new HashMap<>();

    private final ThreadLocal<Integer> asking = ThreadLocal.withInitial(() -> 0);

    private int tokenCalls;

    private int probes;

    private int ticketCalls;

    /**
     * A token or ticket that was issued. Mutable only in its end, which the next one
     * brings nearer. Times in ms.
     */
    private static final class IssuedToken {

        /** TOKEN, STABLE, or a ticket's type. */
        final String kind;

        final String appId;

        final String value;

        final long issuedAt;

        long endsAt;

        /** The port from which it was asked for; 0 if another program did. */
        int askedFrom;

        IssuedToken(String kind, String appId, String value, long issuedAt, long endsAt) {
            this.kind = kind;
            this.appId = appId;
            this.value = value;
            this.issuedAt = issuedAt;
            this.endsAt = endsAt;
        }

        boolean isToken() {
            return kind.equals(TOKEN) || kind.equals(STABLE);
        }

        boolean alive() {
            return endsAt > System.currentTimeMillis();
        }

        long secondsLeft() {
            return Math.max(0, (endsAt - System.currentTimeMillis() + 999) / 1000);
        }

    }

    /** WeChat's own times: 7200 s of life, 5 minutes of grace. */
    public static StandIn start() {
        return start(0, Duration.ofSeconds(7200), Duration.ofMinutes(5));
    }

    /**
     * The same, and what it issues is remembered in this file by the next one that is
     * started with it.
     */
    public static StandIn start(Path memory) {
        return start(0, Duration.ofSeconds(7200), Duration.ofMinutes(5), memory);
    }

    /**
     * @param port on 127.0.0.1; 0 for a free one
     * @param life of a token
     * @param grace how long a token lives on when the next one was issued
     */
    public static StandIn start(int port, Duration life, Duration grace) {
        return start(port, life, grace, null);
    }

    private static StandIn start(int port, Duration life, Duration grace, Path memory) {
        try {
            return new StandIn(HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port), 200),
                    life, grace, memory);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private StandIn(HttpServer server, Duration life, Duration grace, Path memory) throws IOException {
        this.server = server;
        this.life = life;
        this.grace = grace;
        this.memory = memory;
        if (memory != null && Files.exists(memory)) {
            for (String line : Files.readAllLines(memory)) {
                String[] field = line.split(" ");
                IssuedToken token = new IssuedToken(field[0], field[1], field[2], Long.parseLong(field[3]),
                        Long.parseLong(field[4]));
                history.add(token);
                byValue.put(token.value, token);
                latest.put(token.appId + " " + token.kind, token);
            }
        }
        server.createContext("/", this::handle);
        server.setExecutor(threads);
        server.start();
    }

    public String baseUrl() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    /** Accounts besides {@link #APP_ID}. */
    public synchronized void addAccount(String appId, String secret) {
        secrets.put(appId, secret);
    }

    /** The day's quotas begin anew. */
    public synchronized void newDay() {
        callsToday.clear();
        forcedToday.clear();
    }

    /** These happen to the next requests, one each, in this order. */
    public synchronized void next(Fault... coming) {
        faults.addAll(List.of(coming));
    }

    /** This happens to every request from now on; null ends it. */
    public synchronized void always(Fault fault) {
        always = fault;
    }

    /** All requests so far, whatever came of them. */
    public synchronized int requests() {
        return requests;
    }

    /** Requests to a token endpoint: what counts against the day's quota. */
    public synchronized int tokenCalls() {
        return tokenCalls;
    }

    public synchronized int ticketCalls() {
        return ticketCalls;
    }

    public synchronized int probes() {
        return probes;
    }

    /** All access_tokens issued so far, oldest first. */
    public synchronized List<String> issued() {
        return history.stream().filter(IssuedToken::isToken).map(token -> token.value).toList();
    }

    /** The access_token issued last. */
    public synchronized String lastIssued() {
        return issued().isEmpty() ? null : issued().get(issued().size() - 1);
    }

    /** The account's access_token issued last. */
    public synchronized String lastIssued(String appId) {
        return history.stream()
            .filter(token -> token.isToken() && token.appId.equals(appId))
            .reduce((older, newer) -> newer)
            .map(token -> token.value)
            .orElse(null);
    }

    /** The ticket that is given out at this moment. */
    public synchronized String ticket(String type) {
        IssuedToken ticket = current(APP_ID, type);
        return ticket == null ? null : ticket.value;
    }

    /** An API call with this token would succeed at this moment. */
    public synchronized boolean alive(String value) {
        IssuedToken token = byValue.get(value);
        return token != null && token.alive();
    }

    /**
     * An access_token that was issued.
     *
     * @param at when, in Unix milliseconds
     * @param askedFrom the port of the connection that asked for it; 0 if another program
     * did
     */
    public record Issue(String appId, String value, long at, int askedFrom) {
    }

    /** The account's access_tokens, oldest first. */
    public synchronized List<Issue> issues(String appId) {
        return history.stream()
            .filter(token -> token.isToken() && token.appId.equals(appId))
            .map(token -> new Issue(token.appId, token.value, token.issuedAt, token.askedFrom))
            .toList();
    }

    /** Of the account's access_tokens the one that was issued next after this one. */
    public Optional<Issue> issuedAfter(String appId, String value) {
        return issues(appId).stream().dropWhile(token -> !token.value().equals(value)).skip(1).findFirst();
    }

    /** An API call for this account with this token would succeed at this moment. */
    public synchronized boolean alive(String appId, String value) {
        return alive(value) && find(value).appId.equals(appId);
    }

    /**
     * Calls to a token endpoint since the day began, of the account that made the most.
     */
    public synchronized int mostCallsToday() {
        return callsToday.values().stream().max(Integer::compare).orElse(0);
    }

    /**
     * Milliseconds that a value lives from now, as far as is known by now; negative when
     * it is dead.
     */
    public synchronized long millisLeft(String value) {
        IssuedToken token = find(value);
        return token == null ? Long.MIN_VALUE : token.endsAt - System.currentTimeMillis();
    }

    /** Another program (staging, say) fetches a token of its own. */
    public String issueElsewhere() {
        return issueElsewhere(APP_ID);
    }

    public synchronized String issueElsewhere(String appId) {
        return issue(appId, TOKEN).value;
    }

    /** As its time would. */
    public synchronized void kill(String value) {
        history.stream().filter(token -> token.value.equals(value)).forEach(token -> token.endsAt = 0);
    }

    private synchronized void remember() {
        if (memory != null) {
            try {
                Files.createDirectories(memory.toAbsolutePath().getParent());
                Files.write(memory,
                        history.stream()
                            .map(token -> token.kind + " " + token.appId + " " + token.value + " " + token.issuedAt
                                    + " " + token.endsAt)
                            .toList());
            }
            catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readAllBytes();
            Fault fault;
            asking.set(exchange.getRemoteAddress().getPort());
            String path = exchange.getRequestURI().getPath();
            synchronized (this) {
                requests++;
                tokenCalls += path.endsWith("token") ? 1 : 0;
                ticketCalls += path.endsWith("/getticket") ? 1 : 0;
                probes += path.endsWith("/get_api_domain_ip") ? 1 : 0;
                fault = faults.isEmpty() ? always : faults.poll();
            }
            if (fault instanceof Fault.Refuse refuse) {
                json(exchange, error(refuse.errcode(), refuse.errmsg()));
            }
            else if (fault instanceof Fault.NullToken) {
                json(exchange, "{\"access_token\":null,\"errcode\":-1000,\"errmsg\":\"system error\"}");
            }
            else if (fault instanceof Fault.Status status) {
                exchange.sendResponseHeaders(status.status(), -1);
            }
            else if (fault instanceof Fault.Body raw) {
                send(exchange, raw.body().isEmpty() ? "text/html" : "text/plain",
                        raw.body().getBytes(StandardCharsets.UTF_8));
            }
            else if (fault instanceof Fault.Hang) {
                sleep(Duration.ofMinutes(10));
            }
            else if (fault instanceof Fault.CutBefore) {
                return; // closing the exchange without an answer closes the connection
            }
            else {
                if (fault instanceof Fault.IssueLate late) {
                    sleep(late.time());
                }
                String answer = answer(exchange, body);
                if (fault instanceof Fault.Delay delay) {
                    sleep(delay.time());
                }
                if (fault instanceof Fault.CutAfter) {
                    return;
                }
                if (fault instanceof Fault.CutInside || fault instanceof Fault.Trickle) {
                    byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
                    exchange.sendResponseHeaders(200, bytes.length);
                    OutputStream out = exchange.getResponseBody();
                    out.write(bytes, 0, bytes.length / 2);
                    out.flush();
                    for (int i = bytes.length / 2; fault instanceof Fault.Trickle && i < bytes.length - 1; i++) {
                        sleep(Duration.ofMillis(200));
                        out.write(bytes, i, 1);
                        out.flush();
                    }
                    return;
                }
                json(exchange, answer);
            }
        }
    }

    private String answer(HttpExchange exchange, byte[] body) {
        boolean post = exchange.getRequestMethod().equals("POST");
        switch (exchange.getRequestURI().getPath()) {
            case "/cgi-bin/token" -> {
                Map<String, String> query = query(exchange.getRequestURI().getRawQuery());
                return token(query.get("grant_type"), query.get("appid"), query.get("secret"), false, false);
            }
            case "/cgi-bin/stable_token" -> {
                if (!post) {
                    return error(43002, "require POST method");
                }
                JsonNode json = JSON.readTree(body);
                return token(json.path("grant_type").asString(null), json.path("appid").asString(null),
                        json.path("secret").asString(null), true, json.path("force_refresh").asBoolean(false));
            }
            case "/cgi-bin/ticket/getticket" -> {
                Map<String, String> query = query(exchange.getRequestURI().getRawQuery());
                return ticket(query.get("access_token"), query.get("type"));
            }
            case "/cgi-bin/get_api_domain_ip" -> {
                IssuedToken token = find(query(exchange.getRequestURI().getRawQuery()).get("access_token"));
                return token != null && token.alive() ? "{\"ip_list\":[\"101.226.62.77\"]}" : deadToken(token);
            }
            default -> {
                return error(40066, "invalid url");
            }
        }
    }

    private synchronized String token(String grantType, String appId, String secret, boolean stable, boolean force) {
        if (!"client_credential".equals(grantType)) {
            return error(40002, "invalid grant_type");
        }
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
        if (callsToday.merge(appId, 1, Integer::sum) > CALLS_A_DAY) {
            return error(45009, "reach max api daily quota limit");
        }
        IssuedToken token = stable ? stableToken(appId, force) : issue(appId, TOKEN);
        return "{\"access_token\":\"" + token.value + "\",\"expires_in\":" + token.secondsLeft() + "}";
    }

    private IssuedToken stableToken(String appId, boolean force) {
        IssuedToken current = current(appId, STABLE);
        long now = System.currentTimeMillis();
        if (current == null || current.endsAt - now <= grace.toMillis()) {
            return issue(appId, STABLE);
        }
        long forceInterval = life.toMillis() / 240; // 30 s of 7200
        if (force && now - current.issuedAt >= forceInterval
                && forcedToday.merge(appId, 1, Integer::sum) <= FORCED_A_DAY) {
            current.endsAt = now;
            return add(STABLE, appId);
        }
        return current;
    }

    private synchronized String ticket(String accessToken, String type) {
        IssuedToken token = find(accessToken);
        if (token == null || !token.alive()) {
            return deadToken(token);
        }
        IssuedToken ticket = current(token.appId, type);
        if (ticket == null || !ticket.alive()) {
            ticket = add(type, token.appId);
        }
        return "{\"errcode\":0,\"errmsg\":\"ok\",\"ticket\":\"" + ticket.value + "\",\"expires_in\":" + life.toSeconds()
                + "}";
    }

    private synchronized IssuedToken find(String value) {
        return byValue.get(value);
    }

    private static String deadToken(IssuedToken token) {
        return token == null ? error(40001, "invalid credential, access_token is invalid or not latest")
                : error(42001, "access_token expired");
    }

    private IssuedToken issue(String appId, String kind) {
        IssuedToken old = current(appId, kind);
        if (old != null) {
            long graceEnd = System.currentTimeMillis() + grace.toMillis();
            // A stable token within its last minutes lives on for the whole grace; an
            // ordinary one never longer than it would have.
            old.endsAt = kind.equals(STABLE) && old.alive() ? graceEnd : Math.min(old.endsAt, graceEnd);
        }
        return add(kind, appId);
    }

    private IssuedToken add(String kind, String appId) {
        long now = System.currentTimeMillis();
        IssuedToken token = new IssuedToken(kind, appId, newToken(), now, now + life.toMillis());
        token.askedFrom = asking.get();
        history.add(token);
        byValue.put(token.value, token);
        latest.put(appId + " " + kind, token);
        remember();
        return token;
    }

    private IssuedToken current(String appId, String kind) {
        return latest.get(appId + " " + kind);
    }

    private static String error(int errcode, String errmsg) {
        byte[] rid = new byte[12];
        RANDOM.nextBytes(rid);
        String hex = HexFormat.of().formatHex(rid);
        return "{\"errcode\":" + errcode + ",\"errmsg\":\"" + errmsg + " rid: " + hex.substring(0, 8) + "-"
                + hex.substring(8, 16) + "-" + hex.substring(16) + "\"}";
    }

    private static String newToken() {
        byte[] random = new byte[99];
        RANDOM.nextBytes(random);
        return "99_" + Base64.getUrlEncoder().encodeToString(random);
    }

    private static Map<String, String> query(String rawQuery) {
        Map<String, String> parameters = new HashMap<>();
        for (String pair : rawQuery == null ? new String[0] : rawQuery.split("&")) {
            String[] parts = pair.split("=", 2);
            parameters.put(parts[0], parts.length < 2 ? "" : URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
        }
        return parameters;
    }

    private static void json(HttpExchange exchange, String body) throws IOException {
        // WeChat's Content-Type lies
        send(exchange, "text/plain", body.getBytes(StandardCharsets.UTF_8));
    }

    private static void send(HttpExchange exchange, String contentType, byte[] body) throws IOException {
        exchange.getResponseHeaders().add("Content-Type", contentType);
        exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
    }

    private static void sleep(Duration time) {
        try {
            Thread.sleep(time.toMillis());
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

}
