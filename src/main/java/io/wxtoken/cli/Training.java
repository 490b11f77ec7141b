package io.wxtoken.cli;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.core.io.ByteArrayResource;

import io.wxtoken.job.RefreshOptions;

/**
 * Lets a JVM record which classes a run on MySQL loads, for the launcher's archive of
 * classes. It starts two runs whose results do not matter. It needs no database, no
 * network and no WeChat, because an image is built without them, and it leaves no file.
 * <p>
 * The first run connects to a socket that speaks just enough of MySQL's protocol for
 * Connector/J: it greets, lets TLS fail, and answers each query with the same row. The
 * run fails when it checks the schema. The second run completes, with Flyway, Spring
 * Batch and the HTTP client, on H2 in memory; its "WeChat" answers every request with an
 * empty object, which is a failed refresh.
 * <p>
 * All settings are given here and override others, and the launcher clears the
 * environment, so that an operator's database, app id and files are not touched.
 */
final class Training {

    /** What MySQL 9 sends first: it offers TLS and asks for a hash of the password. */
    private static final String GREETING = packet(0,
            "\n9.7.0\0\1\0\0\0saltsalt\0\15\252\55\2\0\53\11\25\0\0\0\0\0\0\0\0\0\0saltsaltsalt\0"
                    + "mysql_native_password\0");

    private static final String WELCOME = packet(2, "\0\0\0\2\0\0\0");

    private static final String COLUMN = "\3def\0\0\0\1a\0\f\77\0\1\0\0\0\375\0\0\0\0\0";

    /**
     * A row with as many columns as the program's first query; the value 0 means that the
     * server takes writes.
     */
    private static final String ROW = packet(1, "\4") + packet(2, COLUMN) + packet(3, COLUMN) + packet(4, COLUMN)
            + packet(5, COLUMN) + packet(6, "\0010\0010\0010\0010") + packet(7, "\376\0\0\2\0\0\0");

    private Training() {
    }

    public static void main(String[] args) throws IOException {
        int mySql = startServer(GREETING, WELCOME, ROW);
        int weChat = startServer("", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        String server = "address=(host=127.0.0.1)(port=" + mySql + ")(sslMode=";
        run(weChat, "jdbc:mysql://" + server + "REQUIRED)," + server + "DISABLED)/training");
        run(weChat, "jdbc:h2:mem:training;DB_CLOSE_DELAY=-1;MODE=MySQL;DATABASE_TO_LOWER=TRUE"
                + ";CASE_INSENSITIVE_IDENTIFIERS=TRUE;NON_KEYWORDS=VALUE");
        // an operator's file is read by these classes
        new YamlPropertySourceLoader().load("training",
                new ByteArrayResource("wx: {a: [b]}".getBytes(StandardCharsets.UTF_8)));
        System.exit(0);
    }

    private static void run(int weChat, String url) {
        Execution.of(Path.of("no such folder"), new RefreshCommand(RefreshOptions.SCHEDULED),
                "--spring.datasource.url=" + url, "--spring.datasource.username=training",
                "--spring.datasource.password=training", "--wx.app-id=wxtraining", "--wx.app-secret=training",
                "--wx.api.base-url=http://127.0.0.1:" + weChat, "--wx.mirror.file=", "--wx.mirror.memcached.servers=",
                "--wx.mirror.redis.url=", "--wx.metrics.textfile=", "--logging.file.name=", "--wx.run.timeout=60s");
    }

    /**
     * Opens a socket on loopback whose answers do not depend on what it is asked.
     * @param greeting is sent when a client connects
     * @param answers to the first request, the second and so on; the last one is repeated
     * @return its port
     */
    private static int startServer(String greeting, String... answers) throws IOException {
        ServerSocket server = new ServerSocket(0, 0, InetAddress.getByName("127.0.0.1"));
        Thread thread = new Thread(() -> {
            while (true) {
                try (Socket client = server.accept()) {
                    client.getOutputStream().write(greeting.getBytes(StandardCharsets.ISO_8859_1));
                    for (int i = 0; client.getInputStream().read(new byte[10_000]) > 0; i++) {
                        client.getOutputStream()
                            .write(answers[Math.min(i, answers.length - 1)].getBytes(StandardCharsets.ISO_8859_1));
                    }
                }
                catch (IOException e) {
                    // the client has closed the connection
                }
            }
        }, "wx-token-training");
        thread.setDaemon(true);
        thread.start();
        return server.getLocalPort();
    }

    private static String packet(int number, String content) {
        return (char) content.length() + "\0\0" + (char) number + content;
    }

}
