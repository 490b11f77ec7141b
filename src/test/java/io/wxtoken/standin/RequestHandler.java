package io.wxtoken.standin;

import java.io.IOException;
import java.io.OutputStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.function.Predicate;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Counts the requests, lets faults happen to them, and sends the model's answers as
 * WeChat's server does.
 */
final class RequestHandler implements HttpHandler {

    private static final JsonMapper JSON = new JsonMapper();

    private final WeChatModel model;

    private final ComponentModel components;

    private final Deque<Fault> faults = new ArrayDeque<>();

    private Fault always;

    /** By the end of the path. */
    private final Map<String, Fault> alwaysFor = new HashMap<>();

    /** How many there were, by path. */
    private final Map<String, Integer> requests = new HashMap<>();

    RequestHandler(WeChatModel model, ComponentModel components) {
        this.model = model;
        this.components = components;
    }

    synchronized void next(Fault... coming) {
        faults.addAll(List.of(coming));
    }

    synchronized void always(Fault fault) {
        always = fault;
    }

    synchronized void alwaysFor(String endOfPath, Fault fault) {
        alwaysFor.put(endOfPath, fault);
    }

    /** How many requests there were to such paths. */
    synchronized int requests(Predicate<String> path) {
        return requests.entrySet()
            .stream()
            .filter(entry -> path.test(entry.getKey()))
            .mapToInt(Map.Entry::getValue)
            .sum();
    }

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readAllBytes();
            if (exchange.getRequestHeaders().containsKey("Proxy-Authorization")) {
                exchange.sendResponseHeaders(400, -1); // the proxy's password is none of
                                                       // WeChat's business
                return;
            }
            Fault fault = arrive(exchange.getRequestURI().getPath());
            if (fault instanceof Fault.Refuse refuse) {
                json(exchange, WeChatModel.error(refuse.errcode(), refuse.errmsg()));
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
                answerWith(fault, exchange, body);
            }
        }
    }

    static boolean isForTicket(String path) {
        return path.endsWith("/getticket") || path.endsWith("/get_jsapi_ticket") || path.endsWith("/ticket/get");
    }

    /** Counts a request, and says what happens to it; null for nothing. */
    private synchronized Fault arrive(String path) {
        requests.merge(path, 1, Integer::sum);
        return !faults.isEmpty() ? faults.poll()
                : alwaysFor.entrySet()
                    .stream()
                    .filter(each -> path.endsWith(each.getKey()) && each.getValue() != null)
                    .map(Map.Entry::getValue)
                    .findFirst()
                    .orElse(always);
    }

    /** The model answers, and the fault, if there is one, spoils how that arrives. */
    private void answerWith(Fault fault, HttpExchange exchange, byte[] body) throws IOException {
        if (fault instanceof Fault.IssueLate late) {
            sleep(late.time());
        }
        String answer = answer(exchange, body);
        if (fault instanceof Fault.Delay delay) {
            sleep(delay.time());
        }
        if (fault instanceof Fault.Hold hold) {
            await(hold.over());
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

    private String answer(HttpExchange exchange, byte[] body) {
        Map<String, String> query = query(exchange.getRequestURI().getRawQuery());
        int askedFrom = exchange.getRemoteAddress().getPort();
        switch (exchange.getRequestURI().getPath()) {
            case "/cgi-bin/token" -> {
                return model.token(query.get("grant_type"), query.get("appid"), query.get("secret"), false, false,
                        askedFrom);
            }
            case "/cgi-bin/stable_token" -> {
                if (!exchange.getRequestMethod().equals("POST")) {
                    return WeChatModel.error(43002, "require POST method");
                }
                JsonNode json = JSON.readTree(body);
                return model.token(json.path("grant_type").asString(null), json.path("appid").asString(null),
                        json.path("secret").asString(null), true, json.path("force_refresh").asBoolean(false),
                        askedFrom);
            }
            case "/cgi-bin/ticket/getticket" -> {
                return model.ticket(query.get("access_token"), query.get("type"), false, askedFrom);
            }
            case "/cgi-bin/gettoken" -> {
                return model.weComToken(query.get("corpid"), query.get("corpsecret"), askedFrom);
            }
            case "/cgi-bin/get_jsapi_ticket" -> {
                return model.ticket(query.get("access_token"), "jsapi", true, askedFrom);
            }
            case "/cgi-bin/ticket/get" -> {
                return model.ticket(query.get("access_token"), query.get("type"), true, askedFrom);
            }
            case "/cgi-bin/get_api_domain_ip" -> {
                return model.domainAddresses(query.get("access_token"));
            }
            case "/cgi-bin/component/api_component_token" -> {
                if (!exchange.getRequestMethod().equals("POST")) {
                    return WeChatModel.error(43002, "require POST method");
                }
                JsonNode json = JSON.readTree(body);
                return components.componentToken(json.path("component_appid").asString(null),
                        json.path("component_appsecret").asString(null),
                        json.path("component_verify_ticket").asString(null), askedFrom);
            }
            case "/cgi-bin/component/api_authorizer_token" -> {
                if (!exchange.getRequestMethod().equals("POST")) {
                    return WeChatModel.error(43002, "require POST method");
                }
                JsonNode json = JSON.readTree(body);
                return components.authorizerToken(query.get("component_access_token"),
                        json.path("component_appid").asString(null), json.path("authorizer_appid").asString(null),
                        json.path("authorizer_refresh_token").asString(null), askedFrom);
            }
            case "/cgi-bin/clear_quota/v2" -> {
                if (!exchange.getRequestMethod().equals("POST")) {
                    return WeChatModel.error(43002, "require POST method");
                }
                JsonNode json = JSON.readTree(body);
                return model.clearQuota(json.path("appid").asString(null), json.path("appsecret").asString(null));
            }
            default -> {
                return WeChatModel.error(40066, "invalid url");
            }
        }
    }

    private static Map<String, String> query(String rawQuery) {
        Map<String, String> parameters = new HashMap<>();
        for (String pair : rawQuery == null ? new String[0] : rawQuery.split("&")) {
            String[] parts = pair.split("=", 2);
            parameters.put(parts[0], parts.length < 2 ? "" : URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
        }
        return parameters;
    }

    /** Sends JSON as text/plain, as WeChat does. */
    private static void json(HttpExchange exchange, String body) throws IOException {
        send(exchange, "text/plain", body.getBytes(StandardCharsets.UTF_8));
    }

    private static void send(HttpExchange exchange, String contentType, byte[] body) throws IOException {
        exchange.getResponseHeaders().add("Content-Type", contentType);
        exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
    }

    private static void await(CountDownLatch over) {
        try {
            over.await();
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
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
