package io.wxtoken.database;

import java.sql.SQLException;

/**
 * No server that the URL names takes writes. The message gives the reason for each
 * server.
 */
public final class UnusableServerException extends SQLException {

    UnusableServerException(String problems) {
        super(problems);
    }

}
