package io.wxtoken.storm;

import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.wxtoken.fixtures.TestDatabase;
import io.wxtoken.standin.StandIn;

/**
 * What other programs do to the rows and to WeChat: they ask for refreshes, write a row
 * as the 2015 class does, or fetch tokens that they write nowhere.
 */
final class OtherPrograms {

    private final TestDatabase database;

    private final StandIn weChat;

    private final Set<String> unwritten = ConcurrentHashMap.newKeySet();

    OtherPrograms(TestDatabase database, StandIn weChat) {
        this.database = database;
        this.weChat = weChat;
    }

    /**
     * Asks for the refresh of one of the accounts.
     * @param turn which one's it is
     */
    void requestRefresh(List<String> appIds, long turn) throws SQLException {
        sql("UPDATE wx_token SET refresh_requested = 1 WHERE type = 'access_token' AND app_id = '"
                + appIds.get((int) (turn % appIds.size())) + "'");
    }

    void writeAsThe2015Class(String appId) throws SQLException {
        String token = weChat.issueElsewhere(appId);
        try {
            sql("UPDATE wx_token SET expire = UNIX_TIMESTAMP(), value = '" + token + "' WHERE id = 1");
        }
        catch (SQLException e) {
            unwritten.add(token);
            throw e;
        }
    }

    /** Fetches a token and does not write the row, so that only the probe can tell. */
    void refreshElsewhere(String appId) {
        unwritten.add(weChat.issueElsewhere(appId));
    }

    /** Another program fetched this token, and did not write it into its row. */
    boolean leftUnwritten(String token) {
        return unwritten.contains(token);
    }

    private void sql(String statement) throws SQLException {
        try (var connection = database.connect(); var sql = connection.createStatement()) {
            sql.executeUpdate(statement);
        }
    }

}
