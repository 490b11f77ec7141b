package io.wxtoken.demo;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.h2.tools.Server;
import picocli.CommandLine.Help.Ansi;

import io.wxtoken.ExitCode;
import io.wxtoken.cli.Main;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;
import io.wxtoken.token.Fingerprint;

/**
 * The README's first command, {@code mvn spring-boot:test-run}. It shows two nodes at
 * work, which are processes of the program as it is, against the stand-in for WeChat
 * (which remembers what it issued) and an H2 file that they reach over loopback. With
 * arguments it is the program itself, against the same two.
 */
public final class Demonstration {

    private static final Map<String, String> COLOURS = Map.of("node-1", "cyan", "node-2", "magenta", "WeChat",
            "bold,green", "app", "yellow");

    private final StandIn weChat;

    private final String url;

    private final Connection application;

    private Demonstration(StandIn weChat, String url) throws SQLException {
        this.weChat = weChat;
        this.url = url;
        this.application = DriverManager.getConnection(url, "sa", "");
    }

    public static void main(String[] args) throws Exception {
        int exitCode;
        try (StandIn weChat = StandIn.start(Path.of("data/stand-in.txt"))) {
            System.setProperty("h2.bindAddress", "127.0.0.1");
            Server h2 = Server.createTcpServer("-tcpPort", "0", "-baseDir", "data", "-ifNotExists").start();
            Demonstration demo = new Demonstration(weChat,
                    "jdbc:h2:tcp://127.0.0.1:" + h2.getPort()
                            + "/./two-nodes;MODE=MySQL;DATABASE_TO_LOWER=TRUE;CASE_INSENSITIVE_IDENTIFIERS=TRUE"
                            + ";NON_KEYWORDS=VALUE;TRACE_LEVEL_FILE=0");
            exitCode = args.length == 0 ? demo.tell() : demo.run(args);
            demo.application.close(); // the last connection: H2 closes its file
        }
        System.exit(exitCode);
    }

    private int tell() throws Exception {
        say("A node starts. It finds no token, or, when you start this again, the one of last time:");
        int exitCode = run("--logging.level.io.wxtoken=debug");
        if (exitCode != ExitCode.OK.code()) {
            return exitCode;
        }

        say("50 minutes later two nodes start at the same moment. One asks WeChat, the other leaves the row alone:");
        sql("UPDATE wx_token SET expire = expire - 3000, expires_at = expires_at - 3000 WHERE id = 1");
        runTwoNodes();

        say("Another program fetches a token and so kills ours. An application notices, and requests a refresh:");
        weChat.issueElsewhere();
        weChat.kill(token());
        useToken();
        String request = "UPDATE wx_token SET refresh_requested = 1 WHERE id = 1 AND value = '%s'";
        print("app", request.formatted("…"));
        sql(request.formatted(token()));
        runTwoNodes();
        useToken();

        say("This is what wx-token status prints:");
        return run("status");
    }

    private static void say(String text) {
        System.out.println();
        System.out.println(Ansi.AUTO.string("@|bold " + text + "|@"));
    }

    private static synchronized void print(String who, String line) {
        System.out.println(Ansi.AUTO.string("@|%s %-6s ||@ ".formatted(COLOURS.get(who), who)) + line);
    }

    /** Runs the program in this process. */
    private int run(String... arguments) {
        List<String> all = withSettings(arguments);
        all.add("--wx.app-secret=" + StandIn.SECRET);
        return Main.run(all.toArray(String[]::new));
    }

    /**
     * The settings are arguments, so that they win over an environment or a
     * config/application.yml made for production.
     */
    private List<String> withSettings(String... arguments) {
        List<String> all = new ArrayList<>(List.of("--wx.app-id=" + StandIn.APP_ID, "--wx.name=微店",
                "--wx.api.base-url=" + weChat.baseUrl(), "--wx.refresh.request-interval=1s",
                "--spring.datasource.url=" + url, "--spring.datasource.username=sa", "--spring.datasource.password=",
                "--logging.pattern.console=%m%n"));
        all.addAll(List.of(arguments));
        return all;
    }

    /** Runs the program in two processes at once, for the token alone. */
    private void runTwoNodes() throws Exception {
        Thread.sleep(1000); // wx.refresh.request-interval
        int before = weChat.tokenCalls();
        // so that both see the row due
        weChat.next(new Fault.Delay(Duration.ofSeconds(1)));
        List<Thread> nodes = List.of(startNode("node-1"), startNode("node-2"));
        for (Thread node : nodes) {
            node.join();
        }
        print("WeChat", "was asked for " + (weChat.tokenCalls() - before) + " token");
    }

    /** Starts a node, and a thread that prints what it says. */
    private Thread startNode(String name) throws IOException {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC", "-Dstdout.encoding=UTF-8", "-Dfile.encoding=UTF-8", "-cp",
                        System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(withSettings("--logging.level.io.wxtoken=debug", "--wx.tickets="));
        ProcessBuilder node = new ProcessBuilder(command).redirectErrorStream(true);
        node.environment().put("WX_APPSECRET", StandIn.SECRET); // everybody can read a
                                                                // process's arguments
        Process process = node.start();
        Thread printing = new Thread(
                () -> process.inputReader(StandardCharsets.UTF_8).lines().forEach(line -> print(name, line)));
        printing.start();
        return printing;
    }

    private String token() throws SQLException {
        try (ResultSet row = application.createStatement().executeQuery("SELECT value FROM wx_token WHERE id = 1")) {
            row.next();
            return row.getString(1);
        }
    }

    private void sql(String update) throws SQLException {
        application.createStatement().executeUpdate(update);
    }

    /** Reads the token and calls WeChat with it, as an application does. */
    private void useToken() throws Exception {
        URI call = URI.create(weChat.baseUrl() + "/cgi-bin/get_api_domain_ip?access_token=" + token());
        String answer = HttpClient.newHttpClient()
            .send(HttpRequest.newBuilder(call).build(), BodyHandlers.ofString())
            .body();
        print("app", "reads " + Fingerprint.shortOf(token()) + ", and WeChat answers " + answer);
    }

}
