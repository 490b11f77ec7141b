package io.wxtoken.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** An HTTP proxy that knows CONNECT alone, and remembers what it was asked. */
public final class ConnectProxy implements AutoCloseable {

    private final ServerSocket entrance;

    private final String credentials;

    private final List<String> heads = new CopyOnWriteArrayList<>();

    /**
     * @param credentials the header Proxy-Authorization must have this value; null for
     * any or none
     */
    public ConnectProxy(String credentials) {
        this.credentials = credentials;
        try {
            entrance = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        TcpProxy.start(this::accept);
    }

    public int port() {
        return entrance.getLocalPort();
    }

    /** The requests' lines and headers. */
    public List<String> heads() {
        return heads;
    }

    private void accept() throws IOException {
        while (true) {
            Socket client = entrance.accept();
            TcpProxy.start(() -> serve(client));
        }
    }

    private void serve(Socket client) throws IOException {
        String head = readHead(client.getInputStream());
        heads.add(head);
        if (credentials != null && !head.contains("\r\nProxy-Authorization: " + credentials + "\r\n")) {
            answer(client, "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"wx\"");
            client.close();
            return;
        }
        String[] target = head.split(" ")[1].split(":");
        Socket server = new Socket(target[0], Integer.parseInt(target[1]));
        answer(client, "200 Connected");
        TcpProxy.start(() -> TcpProxy.pass(client, server, message -> true));
        TcpProxy.start(() -> TcpProxy.pass(server, client, message -> true));
    }

    private static String readHead(InputStream in) throws IOException {
        StringBuilder head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
            int next = in.read();
            if (next < 0) {
                throw new IOException("the client closed the connection");
            }
            head.append((char) next);
        }
        return head.toString();
    }

    private static void answer(Socket client, String statusAndHeaders) throws IOException {
        client.getOutputStream().write(RawServer.bytes("HTTP/1.1 " + statusAndHeaders + "\r\n\r\n"));
    }

    @Override
    public void close() {
        try {
            entrance.close();
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

}
