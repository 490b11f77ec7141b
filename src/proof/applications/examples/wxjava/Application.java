import java.security.MessageDigest;
import java.util.HexFormat;

import com.mysql.cj.jdbc.MysqlDataSource;
import me.chanjar.weixin.common.error.WxErrorException;
import me.chanjar.weixin.mp.api.impl.WxMpServiceImpl;
import me.chanjar.weixin.mp.config.WxMpHostConfig;

/**
 * An application with WxJava and the example's storage. It prints what the examples
 * print, and takes the same environment.
 */
class Application {

    public static void main(String[] args) throws Exception {
        MysqlDataSource database = new MysqlDataSource();
        database.setUrl("jdbc:mysql://" + System.getenv("MYSQL_HOST") + ":" + System.getenv("MYSQL_PORT") + "/"
                + System.getenv("MYSQL_DATABASE") + "?sslMode=VERIFY_IDENTITY&trustCertificateKeyStorePassword=changeit"
                + "&trustCertificateKeyStoreUrl=file:" + System.getenv("MYSQL_SSL_CA"));
        database.setUser(System.getenv("MYSQL_USER"));
        database.setPassword(System.getenv("MYSQL_PASSWORD"));
        TableConfigStorage storage = new TableConfigStorage(database, System.getenv("WX_APPID"));
        WxMpHostConfig hosts = new WxMpHostConfig();
        hosts.setApiHost(System.getenv("WX_API"));
        storage.setHostConfig(hosts);
        WxMpServiceImpl weChat = new WxMpServiceImpl();
        weChat.setWxMpConfigStorage(storage);
        try {
            String answer = weChat.get(System.getenv("WX_API") + "/cgi-bin/get_api_domain_ip", null);
            byte[] sha256 = MessageDigest.getInstance("SHA-256").digest(weChat.getAccessToken().getBytes());
            weChat.createJsapiSignature("https://example.com/"); // fetches no ticket, either
            System.out.println("token " + HexFormat.of().formatHex(sha256, 0, 6) + " " + answer);
        }
        catch (WxErrorException e) {
            System.err.println(e.getMessage());
            System.exit(1);
        }
    }

}
