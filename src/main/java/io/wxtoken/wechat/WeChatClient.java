package io.wxtoken.wechat;

import java.net.ConnectException;
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
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import javax.net.ssl.SSLHandshakeException;

import io.wxtoken.wechat.Answer.Reach;

/**
 * Asks WeChat. One call is one HTTP request, which is never repeated and never
 * redirected, because it may kill the token that was issued before; it ends within the
 * connect and the read timeout together, whatever the other side does, and reads 64 KiB
 * at most. Headers are ignored, because WeChat's Content-Type is wrong.
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
    }

    private final String baseUrl;

    private final Duration requestTimeout;

    private final HttpClient http;

    /**
     * @param baseUrl scheme and host, such as {@code https://api.weixin.qq.com}
     * @param connectTimeout bounds the connection, the TLS handshake included
     * @param readTimeout how much longer the answer may take
     */
    public WeChatClient(String baseUrl, Duration connectTimeout, Duration readTimeout) {
        this.baseUrl = baseUrl.replaceAll("/$", "");
        this.requestTimeout = connectTimeout.plus(readTimeout);
        this.http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(connectTimeout)
            .build();
    }

    /**
     * The longest time that a call takes.
     */
    public Duration requestTimeout() {
        return requestTimeout;
    }

    /**
     * Fetches the account's access_token from its endpoint.
     * @param force asks the stable endpoint for a new token even if the current one
     * lives; WeChat allows 20 a day, 30 s apart
     */
    public Answer fetchToken(Account account, boolean force) {
        HttpRequest request = switch (account.endpoint()) {
            case TOKEN -> get("/cgi-bin/token?grant_type=client_credential&appid=" + encode(account.appId())
                    + "&secret=" + encode(account.appSecret()));
            case STABLE_TOKEN -> HttpRequest.newBuilder(URI.create(baseUrl + "/cgi-bin/stable_token"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofByteArray(AnswerJson.stableTokenRequest(account, force)))
                .build();
        };
        Reply reply = ask(request);
        return reply.failure() != null ? reply.failure()
                : AnswerJson.answer(reply.body(), "access_token", account, account.appSecret());
    }

    /** Fetches a ticket of the account with its live access_token. */
    public Answer fetchTicket(Account account, Ticket ticket, String accessToken) {
        Reply reply = ask(
                get("/cgi-bin/ticket/getticket?type=" + ticket.parameter() + "&access_token=" + encode(accessToken)));
        return reply.failure() != null ? reply.failure() : AnswerJson.ticketAnswer(reply.body(), account, accessToken);
    }

    /** Asks whether an access_token lives, by the cheapest call that there is. */
    public ProbeResult probe(String accessToken) {
        Reply reply = ask(get("/cgi-bin/get_api_domain_ip?access_token=" + encode(accessToken)));
        return reply.failure() != null ? ProbeResult.UNKNOWN : AnswerJson.probeResult(reply.body());
    }

    private HttpRequest get(String pathAndQuery) {
        return HttpRequest.newBuilder(URI.create(baseUrl + pathAndQuery)).build();
    }

    /**
     * Holds the body, or the reason why there is none.
     */
    private record Reply(byte[] body, Answer.Unknown failure) {

        static Reply failed(String reason, Reach reach) {
            return new Reply(null, new Answer.Unknown(reason, reach));
        }
    }

    private Reply ask(HttpRequest request) {
        CompletableFuture<HttpResponse<byte[]>> exchange = http.sendAsync(request,
                response -> new BoundedBody(LONGEST_ANSWER));
        try {
            HttpResponse<byte[]> response = exchange.get(requestTimeout.toMillis(), TimeUnit.MILLISECONDS);
            return response.statusCode() == 200 ? new Reply(response.body(), null)
                    : Reply.failed("HTTP status " + response.statusCode() + " from " + baseUrl,
                            GATEWAY_ERRORS.contains(response.statusCode()) ? Reach.IN_FLIGHT : Reach.ANSWERED);
        }
        catch (TimeoutException e) {
            exchange.cancel(true);
            return Reply.failed("no answer from " + baseUrl + " within " + requestTimeout.toMillis() + " ms",
                    Reach.IN_FLIGHT);
        }
        catch (InterruptedException e) {
            exchange.cancel(true);
            Thread.currentThread().interrupt();
            return Reply.failed("interrupted while waiting for " + baseUrl, Reach.IN_FLIGHT);
        }
        catch (ExecutionException e) {
            return failure(e.getCause());
        }
    }

    /**
     * Describes the failure in this program's words, because an exception's text may
     * contain the URI, and so the secret.
     */
    private Reply failure(Throwable cause) {
        for (Throwable t = cause; t != null; t = t.getCause()) {
            if (t instanceof UnresolvedAddressException || t instanceof UnknownHostException) {
                return Reply.failed("can't resolve the host of " + baseUrl + ": check DNS and wx.api.base-url",
                        Reach.NOT_SENT);
            }
        }
        for (Throwable t = cause; t != null; t = t.getCause()) {
            if (t instanceof HttpConnectTimeoutException) {
                return Reply.failed("can't connect to " + baseUrl + " within wx.api.connect-timeout", Reach.NOT_SENT);
            }
            if (t instanceof ConnectException) {
                return Reply.failed("can't connect to " + baseUrl + ": check the network and wx.api.base-url",
                        Reach.NOT_SENT);
            }
            if (t instanceof SSLHandshakeException) {
                return Reply.failed("TLS to " + baseUrl
                        + " failed, perhaps because its certificate is not trusted: check wx.api.base-url and the"
                        + " clock", Reach.NOT_SENT);
            }
            if (t instanceof BoundedBody.TooLongException) {
                return Reply.failed("the answer from " + baseUrl + " has more than " + LONGEST_ANSWER + " bytes",
                        Reach.ANSWERED);
            }
        }
        return Reply.failed("the connection to " + baseUrl + " broke before the whole answer came", Reach.IN_FLIGHT);
    }

    private static String encode(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8);
    }

}
