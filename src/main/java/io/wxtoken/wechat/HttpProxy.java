package io.wxtoken.wechat;

/**
 * An HTTP proxy through which WeChat is reached: it is asked to CONNECT, and the TLS to
 * WeChat goes through it.
 *
 * @param host a name or an address
 * @param user the user that it wants; null for none
 * @param password never shown, not even by {@link #toString()}
 * @param setting where it is set, such as {@code wx.api.proxy}, for messages
 */
public record HttpProxy(String host, int port, String user, String password, String setting) {

    /** Host and port, and where they are set. */
    @Override
    public String toString() {
        return host + ":" + port + " (" + setting + ")";
    }
}
