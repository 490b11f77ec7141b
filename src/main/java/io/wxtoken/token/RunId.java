package io.wxtoken.token;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.UUID;

/**
 * Identifies this run.
 *
 * @param host the host's name, at most 40 characters
 * @param run names this process and no other, at most 64 characters: host, process id,
 * and 8 random digits, as process ids are reused. It stands in {@code claimed_by}, and in
 * {@code wx_token_history}.
 */
public record RunId(String host, String run) {

    public static RunId unique() {
        String host;
        try {
            host = InetAddress.getLocalHost().getHostName();
        }
        catch (UnknownHostException e) {
            host = "unknown-host";
        }
        host = host.substring(0, Math.min(host.length(), 40));
        return new RunId(host, "%s-%d-%.8s".formatted(host, ProcessHandle.current().pid(), UUID.randomUUID()));
    }

    /** The caller as WeChat judges it: host and app id. */
    String caller(String appId) {
        return host + "/" + appId;
    }
}
