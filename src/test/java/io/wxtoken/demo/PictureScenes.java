package io.wxtoken.demo;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import io.wxtoken.cli.Main;
import io.wxtoken.standin.Fault;
import io.wxtoken.standin.StandIn;

/**
 * What the pictures show: the program itself in states that take hours to come about,
 * against the stand-in for WeChat. Time is made to pass by changing the times in the
 * rows. {@code docs/pictures/make} starts it.
 */
public final class PictureScenes {

    private static final String URL = "jdbc:h2:mem:scenes;DB_CLOSE_DELAY=-1;MODE=MySQL;DATABASE_TO_LOWER=TRUE"
            + ";CASE_INSENSITIVE_IDENTIFIERS=TRUE;NON_KEYWORDS=VALUE";

    private static final List<String> APP_IDS = List.of(StandIn.APP_ID, "wxfedcba9876543210", "wx5555555555555555");

    private static final List<String> NAMES = List.of("微店", "会员中心", "小程序");

    private static final StandIn WE_CHAT = StandIn.start();

    private static Connection database;

    public static void main(String[] args) throws Exception {
        database = DriverManager.getConnection(URL, "sa", "");
        APP_IDS.subList(1, 3).forEach(appId -> WE_CHAT.addAccount(appId, StandIn.SECRET));
        if (args[0].equals("status")) {
            status();
        }
        else {
            metrics(Path.of(args[1]), Long.parseLong(args[2]));
        }
        System.exit(0);
    }

    private static int run(int accounts, String... arguments) {
        List<String> all = new ArrayList<>(List.of("--wx.api.base-url=" + WE_CHAT.baseUrl(),
                "--spring.datasource.url=" + URL, "--spring.datasource.username=sa", "--spring.datasource.password=",
                "--wx.refresh.request-interval=1s"));
        for (int i = 0; i < accounts; i++) {
            all.add("--wx.accounts[" + i + "].app-id=" + APP_IDS.get(i));
            all.add("--wx.accounts[" + i + "].app-secret=" + StandIn.SECRET);
            all.add("--wx.accounts[" + i + "].name=" + NAMES.get(i));
            if (i == 2) {
                all.add("--wx.accounts[2].tickets=");
            }
        }
        all.addAll(List.of(arguments));
        return Main.run(all.toArray(String[]::new));
    }

    /** Lets time pass for some rows. */
    private static void pass(long seconds, String which) throws Exception {
        database.createStatement()
            .executeUpdate(("UPDATE wx_token SET expire = expire - %1$d, expires_at = expires_at - %1$d, probed_at ="
                    + " probed_at - %1$d, retry_after = retry_after - %1$d WHERE `value` <> '' AND %2$s")
                .formatted(seconds, which));
    }

    private static void status() throws Exception {
        String quiet = "--logging.level.io.wxtoken=off";
        run(3, quiet);
        pass(700, "TRUE");
        pass(2400, "app_id = '" + APP_IDS.get(1) + "' AND type = 'access_token'");
        WE_CHAT.next(new Fault.Refuse(40164, "invalid ip 203.0.113.7, not in whitelist"));
        run(3, quiet, "--app-id=" + APP_IDS.get(1));
        pass(2330, "app_id = '" + APP_IDS.get(0) + "' AND type = 'jsapi_ticket'");
        pass(2320, "app_id = '" + APP_IDS.get(2) + "'");
        WE_CHAT.next(new Fault.Delay(Duration.ofSeconds(5)));
        int before = WE_CHAT.tokenCalls();
        new Thread(() -> run(3, quiet, "--app-id=" + APP_IDS.get(2))).start();
        while (WE_CHAT.tokenCalls() == before) {
            Thread.sleep(20);
        }
        run(3, "status");
    }

    /**
     * Writes the metrics of three hours' runs of two nodes, one run of each a minute, in
     * OpenMetrics with the times that pass.
     */
    private static void metrics(Path folder, long end) throws Exception {
        Map<String, StringBuilder> families = new TreeMap<>();
        int minutes = 180;
        // so that no run in the picture has to load and compile the classes
        run(1, "--logging.level.io.wxtoken=off", "--wx.accounts[0].tickets=");
        for (int minute = 0; minute <= minutes; minute++) {
            long now = end - (minutes - minute) * 60L;
            if (minute > 0) {
                pass(60, "TRUE");
            }
            if (minute == 60) { // a second program fetches
                WE_CHAT.kill(WE_CHAT.lastIssued(StandIn.APP_ID));
            }
            // the nodes' new address is not in the whitelist
            WE_CHAT.alwaysFor("token", minute >= 95 && minute < 115
                    ? new Fault.Refuse(40164, "invalid ip 203.0.113.7, not in whitelist") : null);
            for (int i = 0; i < 2; i++) {
                String node = (minute + i) % 2 == 0 ? "node-1" : "node-2";
                if (node.equals("node-2") && minute >= 130 && minute < 150) {
                    continue; // is being replaced
                }
                Path file = folder.resolve(node + ".prom");
                // the second account is added later; their tickets are left out
                run(minute < 20 ? 1 : 2, "--wx.metrics.textfile=" + file, "--logging.level.io.wxtoken=off",
                        "--wx.tickets=", minute < 20 ? "--wx.tickets=" : "--wx.accounts[1].tickets=",
                        "--wx.accounts[0].tickets=");
                add(families, Files.readAllLines(file), node, now);
            }
        }
        StringBuilder all = new StringBuilder();
        families.values().forEach(all::append);
        Files.writeString(folder.resolve("metrics.txt"), all.append("# EOF\n"));
    }

    /** Adds a node's samples, at the time that they have in the picture. */
    private static void add(Map<String, StringBuilder> families, List<String> lines, String node, long now) {
        long shift = now - System.currentTimeMillis() / 1000;
        String instance = "instance=\"" + node + "\",job=\"node\"";
        for (String line : lines) {
            String[] parts = line.split(" ");
            if (line.startsWith("#")) {
                if (parts[1].equals("TYPE")) {
                    families.computeIfAbsent(parts[2], name -> new StringBuilder(
                            "# TYPE " + name.replaceAll("_total$", "") + " " + parts[3] + "\n"));
                }
                continue;
            }
            String name = parts[0].replaceAll("\\{.*", "");
            String series = parts[0].contains("{") ? parts[0].replace("{", "{" + instance + ",")
                    : name + "{" + instance + "}";
            double value = Double.parseDouble(parts[1]);
            if (name.endsWith("_timestamp_seconds") && value > 0) {
                value += shift;
            }
            families.get(name).append(series + " " + value + " " + now + "\n");
        }
    }

}
