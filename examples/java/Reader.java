import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Properties;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Calls WeChat's API with the access_token in wx_token; never fetches one.
 *
 * <p>
 * Needs JDK 17 and Connector/J, which lies in wx-token's folder {@code lib}. Run it as a database user that may do what
 * wx_reader may. Java wants the authority of the database's certificate in a store:
 * {@code keytool -importcert -noprompt -file ca.pem -keystore ca.p12 -storepass changeit}
 *
 * <pre>
 * MYSQL_HOST=db.example.com MYSQL_USER=wx_reader MYSQL_PASSWORD=... MYSQL_DATABASE=wx MYSQL_SSL_CA=ca.p12 \
 *     WX_APPID=wx0123456789abcdef java -cp '/opt/wx-token/lib/*' Reader.java
 * </pre>
 */
class Reader {

    private static final Set<Integer> TOKEN_IS_DEAD = Set.of(40001, 40014, 42001);

    private static final Pattern ERRCODE = Pattern.compile("\"errcode\"\\s*:\\s*(\\d+)");

    private final HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();

    private final Connection database;

    private final String appId;

    private final String api;

    /**
     * WeChat refuses the token in the row. Its refresh is requested and comes with the next run, within a minute or
     * two. A web request should not wait for that: answer 503 with Retry-After: 60, or put the work back into its
     * queue.
     */
    static class TokenRefusedException extends IOException {

        TokenRefusedException(int errcode) {
            super("errcode " + errcode + ": a refresh of the token is requested, try again in a minute");
        }

    }

    record Row(int id, String token) {
    }

    /**
     * @param token the one that WeChat took
     */
    record Answer(String token, String json) {
    }

    /**
     * @param database in autocommit, else a request keeps the row locked
     */
    Reader(Connection database, String appId, String api) {
        this.database = database;
        this.appId = appId;
        this.api = api;
    }

    Answer call(String path) throws SQLException, IOException, InterruptedException {
        Row row = read();
        for (int attempt = 1;; attempt++) {
            String json = get(path, row.token());
            Matcher errcode = ERRCODE.matcher(json); // your application has a JSON library
            if (!errcode.find() || !TOKEN_IS_DEAD.contains(Integer.parseInt(errcode.group(1)))) {
                return new Answer(row.token(), json);
            }
            requestRefresh(row);
            Row now = read();
            if (attempt == 2 || now.equals(row)) {
                throw new TokenRefusedException(Integer.parseInt(errcode.group(1)));
            }
            row = now;
        }
    }

    private Row read() throws SQLException {
        try (PreparedStatement select = database
            .prepareStatement("SELECT id, value FROM wx_token WHERE app_id = ? AND type = 'access_token'")) {
            select.setString(1, appId);
            try (ResultSet row = select.executeQuery()) {
                if (!row.next() || row.getString(2).isEmpty()) {
                    throw new SQLException("wx_token has no access_token of " + appId);
                }
                return new Row(row.getInt(1), row.getString(2));
            }
        }
    }

    /** Changes nothing if the row has a newer token by now. */
    private void requestRefresh(Row refused) throws SQLException {
        try (PreparedStatement update = database.prepareStatement(
                "UPDATE wx_token SET refresh_requested = 1 WHERE id = ? AND value = ? AND refresh_requested = 0")) {
            update.setInt(1, refused.id());
            update.setString(2, refused.token());
            update.executeUpdate();
        }
    }

    private String get(String path, String token) throws IOException, InterruptedException {
        URI uri = URI.create(api + path + "?access_token=" + URLEncoder.encode(token, StandardCharsets.UTF_8));
        HttpResponse<String> response = http.send(HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(10)).build(),
                HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            throw new IOException("WeChat answers with HTTP status " + response.statusCode());
        }
        return response.body();
    }

    private static Connection connect() throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("MYSQL_USER"));
        properties.setProperty("password", System.getenv("MYSQL_PASSWORD"));
        properties.setProperty("connectTimeout", "5000");
        if (System.getenv("MYSQL_SSL_CA") != null) {
            properties.setProperty("sslMode", "VERIFY_IDENTITY");
            properties.setProperty("trustCertificateKeyStoreUrl", "file:" + System.getenv("MYSQL_SSL_CA"));
            properties.setProperty("trustCertificateKeyStorePassword", "changeit");
        }
        return DriverManager.getConnection("jdbc:mysql://" + environment("MYSQL_HOST", "127.0.0.1") + ":"
                + environment("MYSQL_PORT", "3306") + "/" + System.getenv("MYSQL_DATABASE"), properties);
    }

    private static String environment(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }

    public static void main(String[] args)
            throws SQLException, IOException, InterruptedException, GeneralSecurityException {
        try (Connection database = connect()) {
            Reader reader = new Reader(database, System.getenv("WX_APPID"),
                    environment("WX_API", "https://api.weixin.qq.com"));
            Answer answer = reader.call("/cgi-bin/get_api_domain_ip");
            // A token is never printed; its fingerprint is the one that wx-token prints.
            byte[] token = answer.token().getBytes(StandardCharsets.UTF_8);
            byte[] sha256 = MessageDigest.getInstance("SHA-256").digest(token);
            System.out.println("token " + HexFormat.of().formatHex(sha256, 0, 6) + " " + answer.json());
        }
        catch (TokenRefusedException e) {
            System.err.println(e.getMessage());
            System.exit(1);
        }
    }

}
