package io.wxtoken.wechat;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.wxtoken.fixtures.RawServer;

/** An answer that never ends is cut off, and costs little memory and time. */
class EndlessAnswerTest {

    /** What the client reads, and what the two sockets' buffers hold. */
    private static final long BOUND = 32 << 20;

    private static final Account ACCOUNT = new Account("wx1", "s3cret", Endpoint.TOKEN, List.of(), true);

    private final RawServer server = new RawServer();

    @AfterEach
    void stop() {
        server.close();
    }

    private static WeChatClient client(RawServer server, Duration readTimeout) {
        return new WeChatClient(new ConnectionSettings(List.of(new Route(server.baseUrl(), null)), null,
                Duration.ofSeconds(1), readTimeout));
    }

    private static Answer.Unknown fetch(RawServer server) {
        return (Answer.Unknown) client(server, Duration.ofSeconds(2)).fetchToken(ACCOUNT, false);
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', textBlock = """
            body until close | HTTP/1.1 200 OK~~ | x
            body with length | HTTP/1.1 200 OK~Content-Length: 9000000000000~~ | x
            JSON of blanks | HTTP/1.1 200 OK~~{ | {}
            body of an error | HTTP/1.1 500 Oops~~ | x
            one chunk | HTTP/1.1 200 OK~Transfer-Encoding: chunked~~7fffffff~ | x
            many chunks | HTTP/1.1 200 OK~Transfer-Encoding: chunked~~ | 1~x~
            chunk extension | HTTP/1.1 200 OK~Transfer-Encoding: chunked~~1; | x
            trailers | HTTP/1.1 200 OK~Transfer-Encoding: chunked~~1~x~0~ | X: y~
            status line | HTTP/1.1 200 | x
            one header | HTTP/1.1 200 OK~X: | x
            many headers | HTTP/1.1 200 OK~ | X: y~
            interim answers | HTTP/1.1 103 Early Hints~~ | HTTP/1.1 103 Early Hints~~
            """)
    void anAnswerWithoutEndIsCutOff(String name, String begin, String forEver) throws Exception {
        byte[] repeated = RawServer.bytes(forEver.replace("~", "\r\n").repeat(10_000));
        AtomicLong written = new AtomicLong();
        server.reply(out -> {
            out.write(RawServer.bytes(begin.replace("~", "\r\n")));
            // or until the client closes, or reads no more
            while (written.get() < 4 * BOUND) {
                out.write(repeated);
                written.addAndGet(repeated.length);
            }
            return false;
        });
        assertThat(fetch(server).text()).doesNotContain("s3cret");
        // The client does not go on reading in the background.
        Thread.sleep(200);
        assertThat(written.get()).isLessThan(BOUND);
    }

    @Test
    void anAnswerThatComesByteByByteIsGivenUp() {
        List<CompletableFuture<String>> given = Stream
            .of("HTTP/1.1 200 OK~~", "HTTP/1.1 200 OK~X: ", "HTTP/1.1 200 OK~Transfer-Encoding: chunked~~", "HTTP/1.1 ")
            .map(begin -> CompletableFuture.supplyAsync(() -> {
                try (RawServer slow = new RawServer()) {
                    slow.reply(out -> {
                        out.write(RawServer.bytes(begin.replace("~", "\r\n")));
                        while (true) { // until the client closes
                            out.write('1');
                            pause();
                        }
                    });
                    return fetch(slow).text();
                }
            }, work -> new Thread(work).start()))
            .toList();
        assertThat(given)
            .allSatisfy(text -> assertThat(text.join()).contains("no answer from http://127.0.0.1:", "within 3000 ms"));
    }

    @Test
    void aRefusalIsOneLineWhateverCharactersItHolds() {
        byte[] body = RawServer
            .bytes("{\"errcode\":40013,\"errmsg\":\"a\\r\\nb\\u0085c\\u2028d\\u001b[31me\\u009bf\\u202eg\"}");
        server.reply(out -> {
            out.write(RawServer.bytes("HTTP/1.1 200 OK\r\nContent-Length: " + body.length + "\r\n\r\n"));
            out.write(body);
            return true;
        });
        assertThat(client(server, Duration.ofMinutes(1)).fetchToken(ACCOUNT, false))
            .isEqualTo(new Answer.Refused(40013, "a b c d [31me f g", ACCOUNT));
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(50);
        }
        catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

}
