package io.wxtoken.testing;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;

/**
 * Generates answers as WeChat, or a proxy before it, might send them: a body, valid or
 * broken in one of many ways, in HTTP that is valid or broken. From the same seed the
 * n-th answer is always the same.
 */
public final class Answers {

    private static final String[] ENCODINGS = { "UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32", "GBK", "ISO-8859-1" };

    /** Where a token, a ticket or an expires_in should be. */
    private static final List<String> WRONG_VALUES = List.of("null", "true", "[]", "{}", "\"\"", "\" \"", "17",
            "\"two words\"", "\"line\\nbreak\"", "\"nul\\u0000\"", "\"中文\"", "\"\\ud800\"", "[\"T\"]",
            "{\"access_token\":\"T\"}", "\"" + "x".repeat(601) + "\"", "\"" + "x".repeat(60_000) + "\"", "NaN",
            "undefined", "'T'");

    private static final List<String> WRONG_NUMBERS = List.of("0", "-1", "-7200", "7200.0", "7200.5", "7.2e3", "1e400",
            "-0", "\"7200\"", "null", "2592001", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
            "99999999999999999999", "9".repeat(1001), "07200", "+7200", "0x1c20", "[7200]", "{}", "false", "\"\"",
            "\"soon\"");

    private static final List<Integer> ERRCODES = List.of(-1, -1000, 40001, 40002, 40013, 40014, 40125, 40164, 40243,
            41002, 41004, 42001, 43002, 45009, 45011, 48001, 50004, 50007, 61004, 61024, 89501, 89503, 89506, 89507, 1,
            99999, Integer.MAX_VALUE, Integer.MIN_VALUE);

    private static final List<String> WRONG_ERRCODES = List.of("\"40001\"", "null", "40001.5", "true", "[]", "{}",
            "99999999999", "-9223372036854775809");

    private static final List<String> MESSAGES = List.of("", "ok", "invalid credential", "系统繁忙，此时请开发者稍候再试",
            "x" + "😀".repeat(60), "%s%n%d {} ${x}",
            "line\\r\\nbreak\\u0085\\u2028\\u2029\\u001b[31m\\u009b31m\\u202e\\u0000", "\\ud83d",
            "'; DROP TABLE wx_token; --", "rid: ", "x".repeat(5000), "系".repeat(300) + " rid: 5f-6a");

    private static final List<String> NOT_JSON = List.of("", " ", "\r\n", "null", "true", "0", "\"T\"", "[]", "{}",
            "<html><body>502</body></html>", "<?xml version=\"1.0\"?><xml><return_code>FAIL</return_code></xml>",
            "access_token=T&expires_in=7200", "callback({\"access_token\":\"T\"})",
            "{\"access_token\":\"T\",\"expires_in\":7200} {}", "{\"access_token\":\"T\",\"expires_in\":7200},",
            "{'access_token':'T','expires_in':7200}", "{access_token:\"T\",expires_in:7200}", "// T\n{}",
            "\u0000\u0000\u0000\u0000", "\uFFFE\uFFFE", "{\"access_token\":\"T\",,\"expires_in\":7200}");

    private static final List<String> ODD_HEADERS = List.of("no colon at all", ": no name", "Name : blank",
            "Bad\u0000Name: x", "X: nul\u0000", "X: \u00e4\u00f6", "X: a\r\n folded", "\tX: tab first", "X:",
            "Content-Length: x", "Content-Length: -1", "Content-Length: 99999999999999999999",
            "Content-Length: 1\r\nContent-Length: 2", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked",
            "Connection: upgrade", "Upgrade: h2c", "WWW-Authenticate: Basic", "Set-Cookie: a=b; c", "X: bare\rreturn",
            "X: bare\nline", "X: " + "x".repeat(100_000));

    private static final List<String> ODD_STATUS_LINES = List.of("HTTP/2 200 OK", "HTTP/0.9 200 OK", "HTTP/1.0 200 OK",
            "HTTP/1.1 200", "http/1.1 200 OK", "HTTP/1.1  200 OK", "ICY 200 OK", "HTTP/1.1 2OO OK", "HTTP/1.1 -200 OK",
            "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1", "", " ", "\u0000", "HTTP/1.1 200 " + "O".repeat(50_000),
            "\r\nHTTP/1.1 200 OK", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK", "SSH-2.0-OpenSSH_9.2");

    private static final int[] STATUSES = { 100, 101, 102, 103, 199, 201, 202, 204, 205, 206, 226, 299, 300, 301, 302,
            303, 304, 305, 307, 308, 400, 401, 402, 403, 404, 407, 408, 412, 413, 418, 421, 425, 429, 431, 451, 500,
            501, 502, 503, 504, 507, 511, 599, 600, 999 };

    private static final String CLOSE = "Connection: close\r\n";

    /**
     * @param kind how it was made
     * @param closes the connection is over after it
     * @param mayGive the values that a reader may take from it
     * @param mustGive a reader must take one
     */
    public record Generated(String kind, byte[] bytes, boolean closes, Predicate<String> mayGive, boolean mustGive) {
    }

    private record Body(String kind, byte[] bytes, Predicate<String> mayGive, boolean mustGive) {

        Body(String kind, String text) {
            this(kind, text.getBytes(StandardCharsets.UTF_8), value -> false, false);
        }

        Body named(String prefix) {
            return new Body(prefix + " of " + kind, bytes, mayGive, mustGive);
        }

        Body mayBeRefused() {
            return new Body(kind, bytes, mayGive, false);
        }

        Body in(byte[] otherBytes) {
            return new Body(kind, otherBytes, mayGive, false);
        }
    }

    private final SplittableRandom random;

    private final String field;

    private final String secret;

    private Answers(SplittableRandom random, String field, String secret) {
        this.random = random;
        this.field = field;
        this.secret = secret;
    }

    /**
     * @param field access_token or ticket
     * @param secret an errmsg may quote it
     */
    public static Generated generate(long seed, int n, String field, String secret) {
        return new Answers(new SplittableRandom(seed + n), field, secret).http();
    }

    // ---- The body

    private Body body() {
        return switch (random.nextInt(16)) {
            case 0, 1, 2, 3, 4 -> valid();
            case 5 -> new Body("refusal",
                    "{\"errcode\":" + (random.nextBoolean() ? pick(ERRCODES) : random.nextInt()) + ",\"errmsg\":\""
                            + (random.nextInt(4) == 0 ? secret : pick(MESSAGES)) + "\""
                            + (random.nextBoolean() ? ",\"" + field + "\":null" : "") + "}");
            case 6 -> new Body("wrong value", json(pick(WRONG_VALUES), "7200", ""));
            case 7 -> new Body("wrong expires_in", json(quoted(token()), pick(WRONG_NUMBERS), ""));
            case 8 -> new Body("wrong errcode", json(quoted(token()), "7200", ",\"errcode\":" + pick(WRONG_ERRCODES)));
            case 9 -> new Body("duplicate key", json(quoted(token()), "7200",
                    ",\"" + (random.nextBoolean() ? field : "expires_in") + "\":" + quoted(token())));
            case 10 -> new Body("no JSON", pick(NOT_JSON));
            case 11 -> truncated();
            case 12 -> mutated();
            case 13 -> nested();
            case 14 -> encoded();
            default -> random.nextInt(20) == 0
                    ? new Body("too long",
                            json(quoted(token()), "7200",
                                    ",\"pad\":\"" + "x".repeat(66_000 + random.nextInt(500_000)) + "\""))
                    : new Body("gzip", json("", "", "")).in(gzip(valid().bytes()));
        };
    }

    private Body valid() {
        String token = token();
        String[] extras = { "", ",\"errcode\":0,\"errmsg\":\"ok\"", ",\"x\":[1,{\"y\":null}]", ",\"说明\":\"有效\"",
                ",\"errmsg\":null", "\r\n\t" };
        return new Body("valid",
                json(quoted(token), String.valueOf(1 + random.nextInt(7200)), extras[random.nextInt(extras.length)])
                    .getBytes(StandardCharsets.UTF_8),
                token::equals, true);
    }

    private Body truncated() {
        byte[] whole = valid().bytes();
        return new Body("truncated",
                new String(whole, 0, random.nextInt(whole.length - 1), StandardCharsets.ISO_8859_1));
    }

    /**
     * Replaces a few bytes, but never by a backslash, which could let a token stand there
     * in another form.
     */
    private Body mutated() {
        byte[] bytes = valid().bytes();
        for (int i = 0; i <= random.nextInt(4); i++) {
            byte other = (byte) random.nextInt(256);
            bytes[random.nextInt(bytes.length)] = other == '\\' ? (byte) '/' : other;
        }
        String text = new String(bytes, StandardCharsets.UTF_8);
        return new Body("mutated", bytes, value -> text.contains(quoted(value)), false);
    }

    private Body nested() {
        int depth = random.nextBoolean() ? random.nextInt(600) : 5_000 + random.nextInt(25_000);
        boolean array = random.nextBoolean();
        String token = token();
        String nest = (array ? "[" : "{\"a\":").repeat(depth) + "1"
                + (array ? "]" : "}").repeat(random.nextInt(5) == 0 ? 0 : depth);
        return new Body("nested " + depth,
                json(quoted(token), "7200", ",\"deep\":" + nest).getBytes(StandardCharsets.UTF_8), token::equals,
                false);
    }

    private Body encoded() {
        String token = token();
        String text = json(quoted(token), "7200", ",\"errmsg\":\"成功 é 😀\"");
        int encoding = random.nextInt(ENCODINGS.length + 2);
        byte[] bytes = encoding == ENCODINGS.length ? ("\uFEFF" + text).getBytes(StandardCharsets.UTF_8)
                : encoding > ENCODINGS.length
                        ? ("\u00C3(" + text + "\u00FF\u00FE").getBytes(StandardCharsets.ISO_8859_1)
                        : text.getBytes(Charset.forName(ENCODINGS[encoding]));
        return new Body("encoding " + encoding, bytes, token::equals, false);
    }

    private String json(String value, String expiresIn, String extra) {
        return random.nextInt(3) == 0 ? "{\"expires_in\":" + expiresIn + ",\"" + field + "\":" + value + extra + "}"
                : "{\"" + field + "\": " + value + ", \"expires_in\": " + expiresIn + extra + "}";
    }

    private String token() {
        int length = random.nextInt(10) == 0 ? 600 : 1 + random.nextInt(600);
        return random.ints(length, '!', '~' + 1)
            .map(c -> c == '"' || c == '\\' ? '_' : c)
            .mapToObj(Character::toString)
            .collect(Collectors.joining());
    }

    // ---- HTTP around it

    private Generated http() {
        Body body = body();
        return switch (random.nextInt(30)) {
            case 0 -> answer(body.named("chunked"), false, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                    chunked(body.bytes()));
            case 1 -> answer(body.named("until close"), true, "HTTP/1.1 200 OK\r\n" + CLOSE + "\r\n", body.bytes());
            case 2 -> {
                int status = STATUSES[random.nextInt(STATUSES.length)];
                yield answer(
                        new Body("status " + status, body.bytes(), value -> false, false), true, "HTTP/1.1 " + status
                                + " Odd\r\nLocation: http://127.0.0.1:1/\r\n" + CLOSE + length(body.bytes().length),
                        body.bytes());
            }
            case 3 -> answer(body.named("odd status line").mayBeRefused(), true,
                    pick(ODD_STATUS_LINES) + "\r\n" + CLOSE + length(body.bytes().length), body.bytes());
            case 4 -> answer(body.named("odd header").mayBeRefused(), true, "HTTP/1.1 200 OK\r\n" + pick(ODD_HEADERS)
                    + "\r\nConnection: close\r\n" + length(body.bytes().length), body.bytes());
            case 5 -> switch (random.nextInt(6)) {
                case 0 -> answer(body.named("too long a Content-Length").mayBeRefused(), true,
                        "HTTP/1.1 200 OK\r\n" + CLOSE + length(body.bytes().length + 1 + random.nextInt(99)),
                        body.bytes());
                case 1 -> answer(new Body("too short a Content-Length", ""), true,
                        "HTTP/1.1 200 OK\r\n" + CLOSE + length(random.nextInt(1 + body.bytes().length / 3)),
                        body.bytes());
                case 2 -> answer(body.named("wrong chunks").mayBeRefused(), true,
                        "HTTP/1.1 200 OK\r\n" + CLOSE + "Transfer-Encoding: chunked\r\n\r\n",
                        brokenChunks(body.bytes()));
                case 3 -> answer(body.named("many headers").mayBeRefused(), true,
                        "HTTP/1.1 200 OK\r\n" + CLOSE
                                + IntStream.range(0, random.nextInt(5_000))
                                    .mapToObj(i -> "X-" + i + ": y\r\n")
                                    .collect(Collectors.joining())
                                + length(body.bytes().length),
                        body.bytes());
                case 4 -> answer(new Body("nothing", ""), true, "", new byte[0]);
                default -> answer(new Body("half a head", ""), true, "HTTP/1.1 200 OK\r\nContent-Le", new byte[0]);
            };
            default -> answer(body, false,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/" + (random.nextBoolean() ? "plain" : "html; charset=gbk")
                            + "\r\n" + (random.nextInt(10) == 0 ? "Content-Encoding: gzip\r\n" : "")
                            + length(body.bytes().length),
                    body.bytes());
        };
    }

    private static Generated answer(Body body, boolean closes, String head, byte[] bytes) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(head.getBytes(StandardCharsets.ISO_8859_1));
        all.writeBytes(bytes);
        return new Generated(body.kind(), all.toByteArray(), closes, body.mayGive(), body.mustGive());
    }

    private static String length(int length) {
        return "Content-Length: " + length + "\r\n\r\n";
    }

    private byte[] chunked(byte[] bytes) {
        ByteArrayOutputStream chunks = new ByteArrayOutputStream();
        int size;
        for (int from = 0; from < bytes.length; from += size) {
            size = Math.min(bytes.length - from, 1 + random.nextInt(bytes.length));
            chunks.writeBytes(RawServer
                .bytes(Integer.toHexString(size) + (random.nextInt(5) == 0 ? ";extension=1" : "") + "\r\n"));
            chunks.write(bytes, from, size);
            chunks.writeBytes(RawServer.bytes("\r\n"));
        }
        chunks.writeBytes(RawServer.bytes("0\r\n\r\n"));
        return chunks.toByteArray();
    }

    private byte[] brokenChunks(byte[] bytes) {
        // Sizes from 80000000 to fffffffe are left out. They overflow in the JDK's
        // client, whose thread then loops until the call's timeout.
        String[] sizes = { "zz", "-1", "", "ffffffffffffffffff", "7fffffff", "0x10", " 5", "5 " + "x".repeat(70_000) };
        ByteArrayOutputStream chunks = new ByteArrayOutputStream();
        chunks.writeBytes(RawServer.bytes(sizes[random.nextInt(sizes.length)] + "\r\n"));
        chunks.writeBytes(bytes);
        return chunks.toByteArray();
    }

    private static byte[] gzip(byte[] bytes) {
        ByteArrayOutputStream zipped = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(zipped)) {
            gzip.write(bytes);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return zipped.toByteArray();
    }

    private static String quoted(String text) {
        return '"' + text + '"';
    }

    private <T> T pick(List<T> list) {
        return list.get(random.nextInt(list.size()));
    }

}
