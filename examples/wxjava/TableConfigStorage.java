import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import javax.sql.DataSource;

import me.chanjar.weixin.common.enums.TicketType;
import me.chanjar.weixin.mp.config.impl.WxMpDefaultConfigImpl;

/**
 * Lets WxJava (weixin-java-mp) read an Official Account's access_token and its tickets in wx_token. WxJava fetches
 * neither, as they never count as expired here:
 *
 * <pre>
 * WxMpService weChat = new WxMpServiceImpl();
 * weChat.setWxMpConfigStorage(new TableConfigStorage(dataSource, "wx0123456789abcdef"));
 * </pre>
 *
 * When WeChat refuses the token, WxJava calls {@link #expireAccessToken}, reads the row again, and repeats the call
 * once. If the row still has the same token, the application gets a {@code WxErrorException} with 40001, 40014 or
 * 42001. The refresh is then requested and comes with the next run, within a minute or two. A web request should not
 * wait for that: answer 503 with Retry-After: 60, or put the work back into its queue.
 *
 * <p>
 * Set no secret, unless you sign users in by OAuth2: with one, {@code getAccessToken(true)} would fetch a token. WxJava
 * logs the URLs of failed calls, with the token in them, as warnings of
 * {@code me.chanjar.weixin.mp.api.impl.BaseWxMpServiceImpl}: switch these off.
 */
public class TableConfigStorage extends WxMpDefaultConfigImpl {

    private static final String ACCESS_TOKEN = "access_token";

    private record Row(int id, String value) {
    }

    private final transient DataSource database;

    /** By type. */
    private final transient Map<String, Row> lastRead = new ConcurrentHashMap<>();

    /**
     * @param database a pool whose connections are in autocommit, else a request keeps the row locked
     */
    public TableConfigStorage(DataSource database, String appId) {
        this.database = database;
        setAppId(appId);
    }

    @Override
    public boolean isAccessTokenExpired() {
        return false;
    }

    @Override
    public String getAccessToken() {
        return read(ACCESS_TOKEN);
    }

    @Override
    public void expireAccessToken() {
        requestRefresh(ACCESS_TOKEN);
    }

    @Override
    public boolean isTicketExpired(TicketType type) {
        return isInTable(type) ? false : super.isTicketExpired(type);
    }

    @Override
    public String getTicket(TicketType type) {
        return isInTable(type) ? read(type.getCode() + "_ticket") : super.getTicket(type);
    }

    @Override
    public void expireTicket(TicketType type) {
        if (isInTable(type)) {
            requestRefresh(type.getCode() + "_ticket");
        }
        else {
            super.expireTicket(type);
        }
    }

    private static boolean isInTable(TicketType type) {
        return type != TicketType.SDK;
    }

    private String read(String type) {
        try (Connection connection = database.getConnection();
                PreparedStatement select = connection
                    .prepareStatement("SELECT id, value FROM wx_token WHERE app_id = ? AND type = ?")) {
            select.setString(1, getAppId());
            select.setString(2, type);
            try (ResultSet row = select.executeQuery()) {
                if (!row.next() || row.getString(2).isEmpty()) {
                    throw new IllegalStateException("wx_token has no " + type + " of " + getAppId());
                }
                lastRead.put(type, new Row(row.getInt(1), row.getString(2)));
                return row.getString(2);
            }
        }
        catch (SQLException e) {
            throw new IllegalStateException("can't read wx_token", e);
        }
    }

    /** Changes nothing if the row has a newer value by now. */
    private void requestRefresh(String type) {
        Row refused = lastRead.get(type);
        try (Connection connection = database.getConnection();
                PreparedStatement update = connection.prepareStatement("UPDATE wx_token SET refresh_requested = 1"
                        + " WHERE id = ? AND value = ? AND refresh_requested = 0")) {
            update.setInt(1, refused.id());
            update.setString(2, refused.value());
            update.executeUpdate();
        }
        catch (SQLException e) {
            throw new IllegalStateException("can't request a refresh in wx_token", e);
        }
    }

    /** WxJava's own would print the token. */
    @Override
    public String toString() {
        return "TableConfigStorage of " + getAppId();
    }

}
