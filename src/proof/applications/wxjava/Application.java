import java.io.BufferedReader;
import java.io.InputStreamReader;

import me.chanjar.weixin.common.redis.JedisWxRedisOps;
import me.chanjar.weixin.mp.api.impl.WxMpServiceImpl;
import me.chanjar.weixin.mp.config.WxMpHostConfig;
import me.chanjar.weixin.mp.config.impl.WxMpRedisConfigImpl;
import redis.clients.jedis.JedisPool;

/**
 * An application with WxJava, which keeps its token in Redis as WxJava's Spring Boot
 * starter sets it up. At each line that it reads it calls WeChat, and then prints the
 * token and the ticket that it uses. Its arguments are WeChat's URL, the app id, the
 * secret and Redis's port.
 */
class Application {

    public static void main(String[] args) throws Exception {
        JedisPool pool = new JedisPool("127.0.0.1", Integer.parseInt(args[3]));
        WxMpRedisConfigImpl storage = new WxMpRedisConfigImpl(new JedisWxRedisOps(pool), "wx");
        storage.setAppId(args[1]);
        storage.setSecret(args[2]);
        WxMpHostConfig hosts = new WxMpHostConfig();
        hosts.setApiHost(args[0]);
        storage.setHostConfig(hosts);
        WxMpServiceImpl weChat = new WxMpServiceImpl();
        weChat.setWxMpConfigStorage(storage);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        while (in.readLine() != null) {
            weChat.get(args[0] + "/cgi-bin/get_api_domain_ip", null);
            System.out.println(weChat.getAccessToken() + " " + weChat.getJsapiTicket());
        }
    }

}
