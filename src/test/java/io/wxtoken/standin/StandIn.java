package io.wxtoken.standin;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import javax.net.ssl.SSLContext;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;

/**
 * WeChat over HTTP, as far as the product meets it: a {@link WeChatModel} answers the
 * requests to which no {@link Fault} happens.
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
 * <li>WeCom's {@code gettoken} repeats an application's token until its end, and its
 * {@code get_jsapi_ticket} and {@code ticket/get} give the corp's and the application's
 * ticket.
 * <li>2000 token calls a day, 20 of them forced, then 45009; {@link #newDay} begins
 * another, and {@code POST /cgi-bin/clear_quota/v2} clears an account's, 10 times.
 * <li>{@code api_component_token} issues a platform's token for a verify ticket that was
 * pushed within 12 hours (scaled), and {@code api_authorizer_token} that of an account
 * that authorized it, as {@code token} does. Each call answers a new refresh token; the
 * one that it was made with stays usable until such an answer is used.
 * </ul>
 * Times can be scaled down: {@code expires_in} is then the scaled life in seconds. Every
 * token that was ever issued is kept, in a file too if one is given, and {@link #alive}
 * answers for this moment.
 */
public final class StandIn implements AutoCloseable {

    /** The account that the stand-in has from its start. */
    public static final String APP_ID = "wx0123456789abcdef";

    public static final String SECRET = "stand-in-secret-0123456789abcdef";

    private static final Duration LIFE = Duration.ofSeconds(7200);

    private static final Duration GRACE = Duration.ofMinutes(5);

    static {
        // Else the JDK's server sends headers and body in two packets, and the second
        // waits 40 ms for the first's receipt.
        System.setProperty("sun.net.httpserver.nodelay", "true");
    }

    private final HttpServer server;

    private final WeChatModel model;

    private final ComponentModel components;

    private final ExecutorService threads = Executors.newCachedThreadPool(runnable -> {
        Thread thread = new Thread(runnable, "stand-in");
        thread.setDaemon(true);
        return thread;
    });

    private final RequestHandler handler;

    /**
     * An access_token that was issued.
     *
     * @param at when, in Unix milliseconds
     * @param askedFrom the port of the connection that asked for it; 0 if another program
     * did
     */
    public record Issue(String appId, String value, long at, int askedFrom) {
    }

    /** Starts it as a process of its own, on the port that the argument names. */
    public static void main(String[] args) {
        start(Integer.parseInt(args[0]), LIFE, GRACE);
    }

    /** WeChat's own times: 7200 s of life, 5 minutes of grace. */
    public static StandIn start() {
        return start(0, LIFE, GRACE);
    }

    /**
     * The same, and what it issues is remembered in this file by the next one that is
     * started with it.
     */
    public static StandIn start(Path memory) {
        return start(0, LIFE, GRACE, memory);
    }

    /**
     * @param port on 127.0.0.1; 0 for a free one
     * @param life of a token
     * @param grace how long a token lives on when the next one was issued
     */
    public static StandIn start(int port, Duration life, Duration grace) {
        return start(port, life, grace, null);
    }

    /** The same over TLS, at {@code https://localhost}. */
    public static StandIn start(SSLContext tls) {
        try {
            HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", 0), 200);
            server.setHttpsConfigurator(new HttpsConfigurator(tls));
            return new StandIn(server, new WeChatModel(LIFE, GRACE, null), LIFE);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static StandIn start(int port, Duration life, Duration grace, Path memory) {
        try {
            return new StandIn(HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port), 200),
                    new WeChatModel(life, grace, memory), life);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private StandIn(HttpServer server, WeChatModel model, Duration life) {
        this.server = server;
        this.model = model;
        this.components = new ComponentModel(model, life);
        this.handler = new RequestHandler(model, components);
        model.addAccount(APP_ID, SECRET);
        server.createContext("/", handler);
        server.setExecutor(threads);
        server.start();
    }

    public String baseUrl() {
        return (server instanceof HttpsServer ? "https://localhost:" : "http://127.0.0.1:")
                + server.getAddress().getPort();
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }

    // ---- What tests make it do

    /** Adds an account besides {@link #APP_ID}. */
    /** Lets time pass for all that it issued. */
    public void pass(Duration time) {
        model.pass(time);
    }

    public void addAccount(String appId, String secret) {
        model.addAccount(appId, secret);
    }

    /** Adds an application of WeCom; its app id is corp id, colon and agent id. */
    public void addAgent(String corpId, String agentId, String secret) {
        model.addAgent(corpId, agentId, secret);
    }

    /** Adds a third-party platform (第三方平台). */
    public void addComponent(String appId, String secret) {
        components.add(appId, secret);
    }

    /** Pushes a verify ticket to a platform, and returns it. */
    public String pushTicket(String componentAppId) {
        return components.pushTicket(componentAppId);
    }

    /**
     * An account authorizes a platform, or does so again: what it had given before, and
     * its token, are dead.
     * @return the refresh token that the platform's web application gets
     */
    public String authorize(String componentAppId, String authorizerAppId) {
        return components.authorize(componentAppId, authorizerAppId);
    }

    /** An account withdraws its authorization. */
    public void withdraw(String authorizerAppId) {
        components.withdraw(authorizerAppId);
    }

    /** Begins a day, with its quotas unused. */
    public void newDay() {
        model.newDay();
    }

    /** These happen to the next requests, one each, in this order. */
    public void next(Fault... coming) {
        handler.next(coming);
    }

    /** This happens to every request from now on; null ends it. */
    public void always(Fault fault) {
        handler.always(fault);
    }

    /**
     * This happens to every request to paths with this end from now on; null ends it.
     */
    public void alwaysFor(String endOfPath, Fault fault) {
        handler.alwaysFor(endOfPath, fault);
    }

    /** Another program (staging, say) fetches a token of its own. */
    public String issueElsewhere() {
        return issueElsewhere(APP_ID);
    }

    public String issueElsewhere(String appId) {
        return model.issueElsewhere(appId);
    }

    /** Ends a token's or a ticket's life, as its time would. */
    public void kill(String value) {
        model.kill(value);
    }

    // ---- What it was asked

    /** All requests so far, whatever came of them. */
    public int requests() {
        return handler.requests(path -> true);
    }

    /** Requests to any token endpoint; those for an account's own count for its quota. */
    public int tokenCalls() {
        return handler.requests(path -> path.endsWith("token"));
    }

    /** Requests for a platform's own token. */
    public int componentTokenCalls() {
        return handler.requests(path -> path.endsWith("/api_component_token"));
    }

    public int ticketCalls() {
        return handler.requests(RequestHandler::isForTicket);
    }

    public int probes() {
        return handler.requests(path -> path.endsWith("/get_api_domain_ip"));
    }

    /**
     * Calls to a token endpoint since the day began, of the account that made the most.
     */
    public int mostCallsToday() {
        return model.mostCallsToday();
    }

    // ---- What it issued, and what of it lives

    /** All access_tokens issued so far, oldest first. */
    public List<String> issued() {
        return model.tokens().stream().map(Issue::value).toList();
    }

    /** The access_token issued last; null if there is none. */
    public String lastIssued() {
        return last(issued());
    }

    /** The account's access_token, or the platform's token, issued last; null if none. */
    public String lastIssued(String appId) {
        return last(issues(appId).stream().map(Issue::value).toList());
    }

    private static String last(List<String> values) {
        return values.isEmpty() ? null : values.get(values.size() - 1);
    }

    /** The account's access_tokens, or the platform's tokens, oldest first. */
    public List<Issue> issues(String appId) {
        return model.tokens().stream().filter(token -> token.appId().equals(appId)).toList();
    }

    /** Of the account's access_tokens the one that was issued next after this one. */
    public Optional<Issue> issuedAfter(String appId, String value) {
        return issues(appId).stream().dropWhile(token -> !token.value().equals(value)).skip(1).findFirst();
    }

    /** The ticket that is given out at this moment; null if there is none. */
    public String ticket(String type) {
        return model.ticket(APP_ID, type);
    }

    /** An API call with this token would succeed at this moment. */
    public boolean alive(String value) {
        return model.alive(value);
    }

    /** An API call for this account with this token would succeed at this moment. */
    public boolean alive(String appId, String value) {
        return model.alive(appId, value);
    }

    /** An account's refresh token would get an access_token at this moment. */
    public boolean refreshTokenUsable(String authorizerAppId, String refreshToken) {
        return components.refreshTokenUsable(authorizerAppId, refreshToken);
    }

    /**
     * Milliseconds that a value lives from now, as far as is known by now; negative when
     * it is dead.
     */
    public long millisLeft(String value) {
        return model.millisLeft(value);
    }

}
