package io.wxtoken.database;

import java.sql.SQLException;

/**
 * None of the servers that the URL names takes writes. The message says why, for each.
 */
public final class UnusableServerException extends SQLException {

    UnusableServerException(String problems) {
        super(problems);
    }

}
