package io.wxtoken.database;

import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

import com.mysql.cj.conf.PropertyDefinitions.SslMode;
import com.mysql.cj.conf.PropertyKey;
import com.mysql.cj.jdbc.JdbcConnection;

/**
 * What an operator wants to know of the server at the other end of a connection.
 *
 * @param product its name and version
 * @param encryption whether what goes over the connection is encrypted, and for whom
 * @param now its clock, in Unix seconds
 */
public record ServerInfo(String product, Encryption encryption, long now) {

    /** How a connection is protected. */
    public enum Encryption {

        /** The database is in this process. */
        NOT_NEEDED,

        /** Everybody between here and the server can read the tokens. */
        NONE,

        /** It is encrypted, but perhaps to somebody else than the server. */
        UNVERIFIED,

        /** The server's certificate was verified. */
        VERIFIED

    }

    /** Asks the server. */
    public static ServerInfo of(Connection connection) throws SQLException {
        DatabaseMetaData metaData = connection.getMetaData();
        String product = metaData.getDatabaseProductName() + " " + metaData.getDatabaseProductVersion();
        try (Statement statement = connection.createStatement()) {
            long now;
            try (ResultSet row = statement.executeQuery("SELECT UNIX_TIMESTAMP()")) {
                row.next();
                now = row.getLong(1);
            }
            if (!connection.isWrapperFor(JdbcConnection.class)) {
                return new ServerInfo(product, Encryption.NOT_NEEDED, now);
            }
            boolean encrypted;
            try (ResultSet row = statement.executeQuery("SHOW SESSION STATUS LIKE 'Ssl_cipher'")) {
                encrypted = row.next() && !row.getString(2).isEmpty();
            }
            SslMode mode = connection.unwrap(JdbcConnection.class)
                .getPropertySet()
                .<SslMode>getEnumProperty(PropertyKey.sslMode)
                .getValue();
            boolean verified = mode == SslMode.VERIFY_CA || mode == SslMode.VERIFY_IDENTITY;
            return new ServerInfo(product,
                    !encrypted ? Encryption.NONE : verified ? Encryption.VERIFIED : Encryption.UNVERIFIED, now);
        }
    }
}
