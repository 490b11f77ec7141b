package io.wxtoken.token;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.UUID;

/**
 * Who runs.
 *
 * @param host its name, at most 40 characters
 * @param run names this process and no other, at most 64 characters: host, process id, and 8 random digits, as process ids
 * come again. It stands in {@code claimed_by}, and in {@code wx_token_history}.
 */
public record Node(String host, String run) {

    public static Node unique() {
        String host;
        try {
            host = InetAddress.getLocalHost().getHostName();
        }
        catch (UnknownHostException e) {
            host = "unknown-host";
        }
        host = host.substring(0, Math.min(host.length(), 40));
        return new Node(host, "%s-%d-%.8s".formatted(host, ProcessHandle.current().pid(), UUID.randomUUID()));
    }

    /** What WeChat sees of it: an address, and an app id with its secret. */
    String as(String appId) {
        return host + "/" + appId;
    }
}
