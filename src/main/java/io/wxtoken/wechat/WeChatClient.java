package io.wxtoken.wechat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;

import javax.net.ssl.SSLHandshakeException;

import io.wxtoken.settings.Account;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Answer.Reach;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.core.json.JsonFactory;

/**
 * Asks WeChat. One call is one HTTP request, never repeated and never redirected, since it may kill the token before
 * it; it ends within the connect and the read timeout together, whatever the other side does, and reads 64 KiB at most.
 * Headers are ignored, as WeChat's Content-Type lies. What is not exactly a documented answer is {@link Answer.Unknown}.
 */
public final class WeChatClient {

    /** WeChat's answers have some 200 bytes, 700 with the longest token. */
    private static final int LONGEST_ANSWER = 64 * 1024;

    /** The most that the column {@code value} holds is 600 characters. */
    private static final Pattern TOKEN = Pattern.compile("[!-~]{1,600}");

    /** What an API call with a dead access_token is answered; from a token endpoint 40001 means something else. */
    private static final Set<Integer> TOKEN_DEAD = Set.of(40001, 40014, 42001);

    /** A gateway gave up on WeChat, which may still be at work. */
    private static final Set<Integer> GATEWAY_ERRORS = Set.of(502, 504);

    /** An absurd lifetime is not believed: today's is 2 hours. */
    private static final long LONGEST_LIFE = Duration.ofDays(30).toSeconds();

    /** Tokens one by one, as to bind objects takes 400 classes more in each run. */
    private static final JsonFactory JSON = JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    /** A field's value that is neither a string nor a whole number. */
    private static final Object OTHER = new Object();

    private static final Object ARRAY = new Object();

    static {
        // The JDK's client repeats a GET by itself, up to 5 times, when the connection closes before the answer: each
        // repetition would issue one more token. 1 is the first attempt alone (java.net.http, MultiExchange).
        System.setProperty("jdk.httpclient.redirects.retrylimit", "1");
    }

    private final String baseUrl;

    private final Duration requestTimeout;

    private final HttpClient http;

    public WeChatClient(WxProperties.Api api) {
        this.baseUrl = api.baseUrl().replaceAll("/$", "");
        this.requestTimeout = api.requestTimeout();
        this.http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(api.connectTimeout())
            .build();
    }

    /** The longest that a call takes. */
    public Duration requestTimeout() {
        return requestTimeout;
    }

    /**
     * Fetches the account's access_token from its endpoint.
     *
     * @param force on the stable endpoint, a new token even if the current one lives: 20 a day, 30 s apart
     */
    public Answer fetchToken(Account account, boolean force) {
        HttpRequest request = switch (account.endpoint()) {
            case TOKEN -> get("/cgi-bin/token?grant_type=client_credential&appid=" + encode(account.appId()) + "&secret="
                    + encode(account.appSecret()));
            case STABLE_TOKEN -> HttpRequest.newBuilder(URI.create(baseUrl + "/cgi-bin/stable_token"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofByteArray(stableTokenRequest(account, force)))
                .build();
        };
        return read(ask(request), "access_token", account.appSecret());
    }

    private static byte[] stableTokenRequest(Account account, boolean force) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), body)) {
            json.writeStartObject()
                .writeStringProperty("grant_type", "client_credential")
                .writeStringProperty("appid", account.appId())
                .writeStringProperty("secret", account.appSecret())
                .writeBooleanProperty("force_refresh", force)
                .writeEndObject();
        }
        return body.toByteArray();
    }

    /** Fetches a ticket with a live access_token. */
    public Answer fetchTicket(Ticket ticket, String accessToken) {
        Answer answer = read(ask(get("/cgi-bin/ticket/getticket?type=" + ticket.parameter() + "&access_token=" + encode(accessToken))),
                "ticket", accessToken);
        return answer instanceof Answer.Refused refused && TOKEN_DEAD.contains(refused.errcode())
                ? new Answer.TokenDead(refused.errcode(), refused.errmsg()) : answer;
    }

    /** What {@link #probe} found. */
    public enum Life {
        ALIVE, DEAD, UNKNOWN
    }

    /** Asks whether a token lives, by the cheapest call that there is. In the grace a doomed token still answers "alive". */
    public Life probe(String accessToken) {
        Reply reply = ask(get("/cgi-bin/get_api_domain_ip?access_token=" + encode(accessToken)));
        if (reply.failure() != null) {
            return Life.UNKNOWN;
        }
        try {
            Map<String, Object> fields = fields(reply.body());
            return fields.get("ip_list") == ARRAY ? Life.ALIVE
                    : fields.get("errcode") instanceof Integer errcode && TOKEN_DEAD.contains(errcode) ? Life.DEAD : Life.UNKNOWN;
        }
        catch (JacksonException e) {
            return Life.UNKNOWN;
        }
    }

    private HttpRequest get(String pathAndQuery) {
        return HttpRequest.newBuilder(URI.create(baseUrl + pathAndQuery)).build();
    }

    /** Either the body, or why there is none. */
    private record Reply(byte[] body, Answer.Unknown failure) {

        static Reply failed(String reason, Reach reach) {
            return new Reply(null, new Answer.Unknown(reason, reach));
        }
    }

    private Reply ask(HttpRequest request) {
        CompletableFuture<HttpResponse<byte[]>> exchange = http.sendAsync(request, response -> new BoundedBody());
        try {
            HttpResponse<byte[]> response = exchange.get(requestTimeout.toMillis(), TimeUnit.MILLISECONDS);
            return response.statusCode() == 200 ? new Reply(response.body(), null)
                    : Reply.failed("HTTP status " + response.statusCode() + " from " + baseUrl,
                            GATEWAY_ERRORS.contains(response.statusCode()) ? Reach.IN_FLIGHT : Reach.ANSWERED);
        }
        catch (TimeoutException e) {
            exchange.cancel(true);
            return Reply.failed("no answer from " + baseUrl + " within " + requestTimeout.toMillis() + " ms", Reach.IN_FLIGHT);
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

    /** Names what happened in our own words: an exception's text may hold the URI, and so the secret. */
    private Reply failure(Throwable cause) {
        for (Throwable t = cause; t != null; t = t.getCause()) {
            if (t instanceof UnresolvedAddressException || t instanceof UnknownHostException) {
                return Reply.failed("can't resolve the host of " + baseUrl + ": check DNS and wx.api.base-url", Reach.NOT_SENT);
            }
        }
        for (Throwable t = cause; t != null; t = t.getCause()) {
            if (t instanceof HttpConnectTimeoutException) {
                return Reply.failed("can't connect to " + baseUrl + " within wx.api.connect-timeout", Reach.NOT_SENT);
            }
            if (t instanceof ConnectException) {
                return Reply.failed("can't connect to " + baseUrl + ": check the network and wx.api.base-url", Reach.NOT_SENT);
            }
            if (t instanceof SSLHandshakeException) {
                return Reply.failed("TLS to " + baseUrl + " failed, its certificate may not be trusted: check wx.api.base-url and the clock",
                        Reach.NOT_SENT);
            }
            if (t instanceof AnswerTooLongException) {
                return Reply.failed("an answer of more than " + LONGEST_ANSWER + " bytes from " + baseUrl, Reach.ANSWERED);
            }
        }
        return Reply.failed("the connection to " + baseUrl + " broke (" + cause.getClass().getSimpleName() + ")", Reach.IN_FLIGHT);
    }

    private static Answer read(Reply reply, String field, String secret) {
        if (reply.failure() != null) {
            return reply.failure();
        }
        if (reply.body().length == 0) {
            return new Answer.Unknown("an empty answer", Reach.ANSWERED);
        }
        Map<String, Object> fields;
        try {
            fields = fields(reply.body());
        }
        catch (JacksonException e) {
            return new Answer.Unknown("an answer that is not JSON", Reach.ANSWERED); // the text of e quotes the answer
        }
        if (!(fields.getOrDefault("errcode", 0) instanceof Integer errcode)) {
            return new Answer.Unknown("an answer whose errcode is no number", Reach.ANSWERED);
        }
        if (errcode != 0) {
            return new Answer.Refused(errcode, oneLine(fields.get("errmsg") instanceof String errmsg ? errmsg : "", secret));
        }
        if (!(fields.get(field) instanceof String value) || !TOKEN.matcher(value).matches()) {
            return new Answer.Unknown("an answer without a usable " + field, Reach.ANSWERED);
        }
        if (!(fields.get("expires_in") instanceof Number expiresIn) || expiresIn instanceof BigInteger || expiresIn.longValue() < 1
                || expiresIn.longValue() > LONGEST_LIFE) {
            return new Answer.Unknown("an answer without a usable expires_in", Reach.ANSWERED);
        }
        return new Answer.Issued(value, expiresIn.longValue());
    }

    /** The fields of the object that the answer is, without what is nested in them; none when it is something else. */
    private static Map<String, Object> fields(byte[] body) throws JacksonException {
        Map<String, Object> fields = new HashMap<>();
        try (JsonParser json = JSON.createParser(ObjectReadContext.empty(), body)) {
            if (json.nextToken() == JsonToken.START_OBJECT) {
                while (json.nextToken() != JsonToken.END_OBJECT) {
                    String name = json.currentName();
                    fields.put(name, switch (json.nextToken()) {
                        case VALUE_STRING -> json.getString();
                        case VALUE_NUMBER_INT -> json.getNumberValue();
                        case START_ARRAY -> ARRAY;
                        default -> OTHER;
                    });
                    json.skipChildren();
                }
            }
            json.skipChildren();
            if (json.nextToken() != null) {
                throw new StreamReadException(json, "something follows the answer's end");
            }
        }
        return fields;
    }

    /**
     * WeChat's message goes into logs and a varchar(255) column: on one line, without the secret should it ever quote
     * that, and cut to 110 characters before its request id ("rid: …"), which support asks for.
     */
    private static String oneLine(String errmsg, String secret) {
        String line = errmsg.replace(secret, "***").replaceAll("[\\p{C}\\p{Z}]+", " ").strip();
        int rid = line.lastIndexOf("rid:");
        String tail = rid < 0 ? "" : line.substring(rid, Math.min(line.length(), rid + 50));
        int room = 110 - tail.length();
        return line.length() <= 110 ? line : line.substring(0, rid < 0 ? room - 2 : Math.min(rid, room - 2)).strip() + "… " + tail;
    }

    private static String encode(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8);
    }

    private static final class AnswerTooLongException extends IOException {
    }

    /** Collects the body up to {@link #LONGEST_ANSWER}. (The JDK has BodySubscribers.limiting from 25 on only.) */
    private static final class BoundedBody implements HttpResponse.BodySubscriber<byte[]> {

        private final CompletableFuture<byte[]> body = new CompletableFuture<>();

        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        private Flow.Subscription subscription;

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            this.subscription = subscription;
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(List<ByteBuffer> buffers) {
            for (ByteBuffer buffer : buffers) {
                if (bytes.size() + buffer.remaining() > LONGEST_ANSWER) {
                    subscription.cancel();
                    body.completeExceptionally(new AnswerTooLongException());
                    return;
                }
                byte[] chunk = new byte[buffer.remaining()];
                buffer.get(chunk);
                bytes.writeBytes(chunk);
            }
        }

        @Override
        public void onError(Throwable failure) {
            body.completeExceptionally(failure);
        }

        @Override
        public void onComplete() {
            body.complete(bytes.toByteArray());
        }

        @Override
        public CompletionStage<byte[]> getBody() {
            return body;
        }
    }
}
