package io.wxtoken.wechat;

import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.URI;
import java.net.URLEncoder;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import javax.net.ssl.SSLHandshakeException;

import io.wxtoken.ExitCode;
import io.wxtoken.wechat.Answer.Reach;

/**
 * Asks WeChat. One call is one HTTP request, which is never repeated and never
 * redirected, because it may kill the token that was issued before. Only when it
 * certainly did not reach WeChat is it sent to the next host; a host that answered is
 * asked first from then on. A call ends within
 * {@link ConnectionSettings#requestTimeout()}, whatever the other side does, and reads 64
 * KiB at most. Headers are ignored, because WeChat's Content-Type is wrong.
 */
public final class WeChatClient {

    /**
     * In bytes. WeChat's answers have some 200 bytes, and 700 with the longest token.
     */
    private static final int LONGEST_ANSWER = 64 * 1024;

    /**
     * Status codes of a gateway that gave up on WeChat, which may still be working on the
     * request.
     */
    private static final Set<Integer> GATEWAY_ERRORS = Set.of(502, 504);

    static {
        // When the connection closes before the answer, the JDK's client repeats a GET
        // up to 5 times, and each repetition would issue one more token. 1 means the
        // first attempt alone (java.net.http, MultiExchange).
        System.setProperty("jdk.httpclient.redirects.retrylimit", "1");
        // By default the JDK's client sends no Basic credentials to a proxy with CONNECT.
        System.setProperty("jdk.http.auth.tunneling.disabledSchemes", "");
    }

    /**
     * The JDK has no exception type for a proxy that refuses CONNECT. ProxyTest tests
     * that these are its words; other words would be a request of unknown fate.
     */
    private static final Pattern TUNNEL_REFUSED = Pattern.compile("Tunnel failed, got: (\\d{3})");

    private static final int PROXY_AUTHENTICATION_REQUIRED = 407;

    /** So answers tinyproxy to a wrong password. */
    private static final int UNAUTHORIZED = 401;

    private final ConnectionSettings settings;

    /** The settings' routes to WeChat, and then the one to WeCom. */
    private final List<Route> routes;

    /** By the index of their route; null until one is needed. */
    private final HttpClient[] clients;

    /**
     * Index of the route to WeChat that is tried first.
     */
    private volatile int first;

    public WeChatClient(ConnectionSettings settings) {
        this.settings = settings;
        this.routes = Stream.concat(settings.routes().stream(), Stream.of(settings.weCom())).toList();
        this.clients = new HttpClient[routes.size()];
    }

    private synchronized HttpClient client(int index) {
        if (clients[index] == null) {
            clients[index] = client(routes.get(index));
        }
        return clients[index];
    }

    private HttpClient client(Route route) {
        HttpClient.Builder client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(settings.connectTimeout());
        if (route.proxy() != null) {
            client.proxy(
                    ProxySelector.of(InetSocketAddress.createUnresolved(route.proxy().host(), route.proxy().port())));
        }
        return client.build();
    }

    /**
     * The longest time that a call takes.
     */
    public Duration requestTimeout() {
        return settings.requestTimeout();
    }

    /**
     * Fetches the account's access_token from its endpoint.
     * @param force asks the stable endpoint for a new token even if the current one
     * lives; WeChat allows 20 a day, 30 s apart
     */
    public Answer fetchToken(Account account, boolean force) {
        Reply reply = switch (account.endpoint()) {
            case TOKEN -> get(account, "/cgi-bin/token?grant_type=client_credential&appid=" + encode(account.appId())
                    + "&secret=" + encode(account.appSecret()));
            case STABLE_TOKEN -> post(account, "/cgi-bin/stable_token", AnswerJson.stableTokenRequest(account, force));
            case WECOM -> get(account, "/cgi-bin/gettoken?corpid=" + encode(account.appId().split(":")[0])
                    + "&corpsecret=" + encode(account.appSecret()));
            default -> throw new IllegalArgumentException(account + " has no endpoint of its own");
        };
        return reply.failure() != null ? reply.failure()
                : AnswerJson.answer(reply.body(), "access_token", account, account.appSecret());
    }

    /**
     * Fetches a platform's component_access_token.
     * @param verifyTicket that WeChat pushed last
     */
    public Answer fetchComponentToken(Account component, String verifyTicket) {
        Reply reply = post(component, "/cgi-bin/component/api_component_token",
                AnswerJson.request("component_appid", component.appId(), "component_appsecret", component.appSecret(),
                        "component_verify_ticket", verifyTicket));
        return reply.failure() != null ? reply.failure() : AnswerJson.answer(reply.body(), "component_access_token",
                component, component.appSecret(), verifyTicket);
    }

    /**
     * Fetches the access_token of an account that authorized a platform.
     * @param componentToken the platform's live component_access_token
     * @return among others {@link Answer.TokenDead}, if that is dead
     */
    public Answer fetchAuthorizerToken(Account authorizer, String componentToken, String refreshToken) {
        Reply reply = post(authorizer,
                "/cgi-bin/component/api_authorizer_token?component_access_token=" + encode(componentToken),
                AnswerJson.request("component_appid", authorizer.authorization().component().appId(),
                        "authorizer_appid", authorizer.appId(), "authorizer_refresh_token", refreshToken));
        return reply.failure() != null ? reply.failure()
                : AnswerJson.authorizerAnswer(reply.body(), authorizer, componentToken, refreshToken);
    }

    /** Fetches a ticket of the account with its live access_token. */
    public Answer fetchTicket(Account account, Ticket ticket, String accessToken) {
        String path = !account.isWeCom() ? "/cgi-bin/ticket/getticket?type=" + ticket.parameter() + "&"
                : ticket == Ticket.JSAPI ? "/cgi-bin/get_jsapi_ticket?"
                        : "/cgi-bin/ticket/get?type=" + ticket.parameter() + "&";
        Reply reply = get(account, path + "access_token=" + encode(accessToken));
        return reply.failure() != null ? reply.failure() : AnswerJson.ticketAnswer(reply.body(), account, accessToken);
    }

    /**
     * Asks whether an account's access_token lives, by the cheapest call that there is.
     */
    public ProbeResult probe(Account account, String accessToken) {
        Reply reply = get(account, "/cgi-bin/get_api_domain_ip?access_token=" + encode(accessToken));
        return reply.failure() != null ? ProbeResult.UNKNOWN : AnswerJson.probeResult(reply.body());
    }

    /**
     * Clears the account's counters of API calls, which WeChat allows 10 times a month.
     * @return the failure; empty when they are cleared
     */
    public Optional<Answer.NoValue> clearQuota(Account account) {
        Reply reply = post(account, "/cgi-bin/clear_quota/v2",
                AnswerJson.request("appid", account.appId(), "appsecret", account.appSecret()));
        return reply.failure() != null ? Optional.of(reply.failure()) : AnswerJson.resultAnswer(reply.body(), account);
    }

    private Reply get(Account account, String pathAndQuery) {
        return ask(account, baseUrl -> HttpRequest.newBuilder(URI.create(baseUrl + pathAndQuery)));
    }

    private Reply post(Account account, String path, byte[] json) {
        return ask(account,
                baseUrl -> HttpRequest.newBuilder(URI.create(baseUrl + path))
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofByteArray(json)));
    }

    /**
     * Holds the body, or the reason why there is none.
     */
    private record Reply(byte[] body, Answer.Unknown failure) {

        static Reply failed(String reason, Reach reach) {
            return new Reply(null, new Answer.Unknown(reason, reach));
        }

        static Reply notSent(String reason, ExitCode exitCode) {
            return new Reply(null, new Answer.Unknown(reason, Reach.NOT_SENT, exitCode));
        }

        boolean sent() {
            return failure == null || failure.reach() != Reach.NOT_SENT;
        }

        Reply after(Collection<String> unreached) {
            return failure == null || unreached.isEmpty() ? this
                    : failed(failure.text() + "; before that: " + String.join("; ", unreached), failure.reach());
        }
    }

    private Reply ask(Account account, Function<String, HttpRequest.Builder> request) {
        if (account.isWeCom()) {
            return ask(routes.size() - 1, request, requestTimeout());
        }
        long begun = System.nanoTime();
        Duration left = requestTimeout();
        Set<String> unreached = new LinkedHashSet<>();
        ExitCode exitCode = ExitCode.OK;
        int start = first;
        // less may be left than is planned, because resolving a host's name has no bound
        // of its own
        for (int i = 0; i < settings.routes().size() && left.compareTo(settings.readTimeout()) >= 0; i++) {
            int index = (start + i) % settings.routes().size();
            Reply reply = ask(index, request, left);
            if (reply.failure() == null) {
                first = index;
            }
            if (reply.sent()) {
                return reply.after(unreached);
            }
            unreached.add(reply.failure().text());
            exitCode = exitCode.and(reply.failure().exitCode());
            left = requestTimeout().minusNanos(System.nanoTime() - begun);
        }
        return Reply.notSent(String.join("; ", unreached), exitCode);
    }

    private Reply ask(int index, Function<String, HttpRequest.Builder> unaddressed, Duration left) {
        Duration timeout = settings.connectTimeout().plus(settings.readTimeout());
        Route route = routes.get(index);
        HttpRequest.Builder request = unaddressed.apply(route.baseUrl());
        if (route.proxy() != null && route.proxy().user() != null) {
            // Sent with CONNECT alone: an Authenticator would be asked for WeChat's
            // host, too, and again after a wrong password.
            request.header("Proxy-Authorization", basic(route.proxy()));
        }
        CompletableFuture<HttpResponse<byte[]>> exchange = client(index).sendAsync(request.build(),
                response -> new BoundedBody(LONGEST_ANSWER));
        try {
            HttpResponse<byte[]> response = exchange.get(Math.min(left.toMillis(), timeout.toMillis()),
                    TimeUnit.MILLISECONDS);
            int status = response.statusCode();
            if (status == 200) {
                return new Reply(response.body(), null);
            }
            if (status == PROXY_AUTHENTICATION_REQUIRED && route.proxy() != null && response.sslSession().isEmpty()) {
                return refusedByProxy(route, status);
            }
            return Reply.failed("HTTP status " + status + " from " + route,
                    GATEWAY_ERRORS.contains(status) ? Reach.IN_FLIGHT : Reach.ANSWERED);
        }
        catch (TimeoutException e) {
            exchange.cancel(true);
            return Reply.failed("no answer from " + route + " within " + timeout.toMillis() + " ms", Reach.IN_FLIGHT);
        }
        catch (InterruptedException e) {
            exchange.cancel(true);
            Thread.currentThread().interrupt();
            return Reply.failed("interrupted while waiting for " + route, Reach.IN_FLIGHT);
        }
        catch (ExecutionException e) {
            return failure(route, e.getCause());
        }
    }

    private static String basic(HttpProxy proxy) {
        String credentials = proxy.user() + ":" + (proxy.password() == null ? "" : proxy.password());
        return "Basic " + Base64.getEncoder().encodeToString(credentials.getBytes(StandardCharsets.UTF_8));
    }

    /** The proxy did not CONNECT to WeChat, so it was sent no request. */
    private static Reply refusedByProxy(Route route, int status) {
        HttpProxy proxy = route.proxy();
        if (status == PROXY_AUTHENTICATION_REQUIRED || status == UNAUTHORIZED) {
            return Reply.notSent(
                    "the proxy " + proxy + " wants "
                            + (proxy.user() == null
                                    ? "a user and a password (HTTP status " + status + "): write http://user:password@"
                                            + proxy.host() + ":" + proxy.port()
                                    : "another user or password (HTTP status " + status + "): correct them"),
                    ExitCode.ACT);
        }
        return Reply.notSent(
                "the proxy " + proxy + " answered HTTP status " + status + " to CONNECT for " + route.baseUrl()
                        + (status < 500 ? ": make it allow that host and port"
                                : ": it can't reach that host, see its log"),
                status < 500 ? ExitCode.ACT : ExitCode.RETRY);
    }

    /**
     * Describes the failure in this program's words, because an exception's text may
     * contain the URI, and so the secret.
     */
    private Reply failure(Route route, Throwable cause) {
        HttpProxy proxy = route.proxy();
        String server = proxy == null ? route.baseUrl() : "the proxy " + proxy;
        String setting = proxy != null ? proxy.setting()
                : route == settings.weCom() ? "wx.api.wecom-base-url" : "wx.api.base-url";
        for (Throwable t = cause; t != null; t = t.getCause()) {
            if (t instanceof UnresolvedAddressException || t instanceof UnknownHostException) {
                return Reply.failed("can't resolve the host of " + server + ": check DNS and " + setting,
                        Reach.NOT_SENT);
            }
        }
        for (Throwable t = cause; t != null; t = t.getCause()) {
            if (t instanceof HttpConnectTimeoutException) {
                return Reply.failed("can't connect to " + server + " within wx.api.connect-timeout", Reach.NOT_SENT);
            }
            if (t instanceof ConnectException) {
                return Reply.failed("can't connect to " + server + ": check the network and " + setting,
                        Reach.NOT_SENT);
            }
            if (t instanceof SSLHandshakeException) {
                return Reply.failed("TLS to " + route + " failed, perhaps because "
                        + (proxy == null ? "its certificate is not trusted: check " + setting + " and the clock"
                                : "the proxy shows a certificate of its own, which is not trusted: add its authority"
                                        + " by JAVA_OPTS=-Djavax.net.ssl.trustStore=…"),
                        Reach.NOT_SENT);
            }
            if (t instanceof BoundedBody.TooLongException) {
                return Reply.failed("the answer from " + route + " has more than " + LONGEST_ANSWER + " bytes",
                        Reach.ANSWERED);
            }
            Matcher refused = TUNNEL_REFUSED.matcher(String.valueOf(t.getMessage()));
            if (proxy != null && refused.matches()) {
                return refusedByProxy(route, Integer.parseInt(refused.group(1)));
            }
        }
        return Reply.failed("the connection to " + route + " broke before the whole answer came", Reach.IN_FLIGHT);
    }

    private static String encode(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8);
    }

}
