package io.wxtoken.standin;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
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
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * WeChat, as far as the product meets it.
 * <ul>
 * <li>{@code GET /cgi-bin/token} issues a new token; the one before it lives for the grace longer, at most.
 * <li>{@code POST /cgi-bin/stable_token} answers with the current token and the seconds that remain, and rotates it only
 * within the grace before its end, and then the old one lives for the grace longer; with {@code force_refresh} it issues
 * a new one and kills the old one at once, but not within 30 s (scaled) of the last.
 * <li>The two are isolated. Errors are HTTP 200 with an errcode, and JSON comes as text/plain.
 * </ul>
 * Times can be scaled down: {@code expires_in} is then the scaled life in seconds. Every token that was ever issued is
 * kept, and {@link #alive} answers for this moment.
 */
public final class StandIn implements AutoCloseable {

    /** What the stand-in accepts unless told otherwise. */
    public static final String APP_ID = "wx0123456789abcdef";

    public static final String SECRET = "stand-in-secret-0123456789abcdef";

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

    private final Deque<Fault> faults = new ArrayDeque<>();

    private Fault always;

    private int requests;

    /** A token that was issued. Mutable only in its end, which the next one brings nearer. */
    private static final class IssuedToken {

        final String appId;

        final boolean stable;

        final String value;

        final long issuedAt = System.nanoTime();

        long endsAt;

        IssuedToken(String appId, boolean stable, Duration life) {
            this.appId = appId;
            this.stable = stable;
            this.value = newToken();
            this.endsAt = issuedAt + life.toNanos();
        }

        long secondsLeft() {
            return Math.max(0, (endsAt - System.nanoTime() + 999_999_999) / 1_000_000_000);
        }
    }

    /** WeChat's own times: 7200 s of life, 5 minutes of grace. */
    public static StandIn start() {
        return start(0, Duration.ofSeconds(7200), Duration.ofMinutes(5));
    }

    /**
     * @param port on 127.0.0.1; 0 for a free one
     * @param life of a token
     * @param grace how long a token lives on when the next one was issued
     */
    public static StandIn start(int port, Duration life, Duration grace) {
        try {
            return new StandIn(HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port), 200), life, grace);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private StandIn(HttpServer server, Duration life, Duration grace) {
        this.server = server;
        this.life = life;
        this.grace = grace;
        server.createContext("/", this::handle);
        server.setExecutor(threads);
        server.start();
    }

    public String baseUrl() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    public synchronized void addAccount(String appId, String secret) {
        secrets.put(appId, secret);
    }

    /** These happen to the next requests, one each, in this order. */
    public synchronized void next(Fault... coming) {
        faults.addAll(List.of(coming));
    }

    /** This happens to every request from now on; null ends it. */
    public synchronized void always(Fault fault) {
        always = fault;
    }

    /** All requests to a token endpoint so far, whatever came of them. */
    public synchronized int requests() {
        return requests;
    }

    /** All tokens issued so far, oldest first. */
    public synchronized List<String> issued() {
        return history.stream().map(token -> token.value).toList();
    }

    public synchronized String lastIssued() {
        return history.isEmpty() ? null : history.get(history.size() - 1).value;
    }

    /** An API call with this token would succeed at this moment. */
    public synchronized boolean alive(String value) {
        return history.stream().anyMatch(token -> token.value.equals(value) && token.endsAt > System.nanoTime());
    }

    /** Another program (staging, say) fetches a token of its own. */
    public synchronized String issueElsewhere() {
        return issue(APP_ID, false).value;
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
            synchronized (this) {
                requests++;
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
            else if (fault instanceof Fault.Redirect redirect) {
                exchange.getResponseHeaders().add("Location", redirect.location());
                exchange.sendResponseHeaders(302, -1);
            }
            else if (fault instanceof Fault.Body raw) {
                send(exchange, raw.body().isEmpty() ? "text/html" : "text/plain", raw.body().getBytes(StandardCharsets.UTF_8));
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
        IssuedToken token = stable ? stableToken(appId, force) : issue(appId, false);
        return "{\"access_token\":\"" + token.value + "\",\"expires_in\":" + token.secondsLeft() + "}";
    }

    private IssuedToken stableToken(String appId, boolean force) {
        IssuedToken current = current(appId, true);
        long now = System.nanoTime();
        long forceInterval = life.toNanos() / 240; // 30 s of 7200
        if (current == null || current.endsAt - now <= grace.toNanos()) {
            return issue(appId, true);
        }
        if (force && now - current.issuedAt >= forceInterval) {
            current.endsAt = now;
            return issue(appId, true);
        }
        return current;
    }

    private IssuedToken issue(String appId, boolean stable) {
        IssuedToken old = current(appId, stable);
        if (old != null) {
            long graceEnd = System.nanoTime() + grace.toNanos();
            // A stable token within its last minutes lives on for the whole grace; an ordinary one never longer than it would have.
            old.endsAt = stable && old.endsAt > System.nanoTime() ? graceEnd : Math.min(old.endsAt, graceEnd);
        }
        IssuedToken token = new IssuedToken(appId, stable, life);
        history.add(token);
        return token;
    }

    private IssuedToken current(String appId, boolean stable) {
        for (int i = history.size() - 1; i >= 0; i--) {
            IssuedToken token = history.get(i);
            if (token.appId.equals(appId) && token.stable == stable) {
                return token;
            }
        }
        return null;
    }

    private static String error(int errcode, String errmsg) {
        byte[] rid = new byte[12];
        RANDOM.nextBytes(rid);
        String hex = HexFormat.of().formatHex(rid);
        return "{\"errcode\":" + errcode + ",\"errmsg\":\"" + errmsg + " rid: " + hex.substring(0, 8) + "-" + hex.substring(8, 16) + "-"
                + hex.substring(16) + "\"}";
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
        send(exchange, "text/plain", body.getBytes(StandardCharsets.UTF_8)); // WeChat's Content-Type lies
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
