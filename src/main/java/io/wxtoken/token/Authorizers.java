package io.wxtoken.token;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

import javax.sql.DataSource;

import org.springframework.jdbc.core.simple.JdbcClient;

import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.database.UnusableSchemaException;
import io.wxtoken.settings.InvalidSettingsException;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.wechat.Account;

/**
 * The accounts that authorized the third-party platform of {@code wx.component}, as the
 * platform's web application wrote them into {@code wx_authorizer}, and the ticket that
 * it wrote into {@code wx_component}. Accounts come and go at any time, so they are read
 * in each run. An account that is configured as well is not among them, and neither is
 * one without a refresh token.
 */
public final class Authorizers {

    /** Also keeps quotes and backslashes out of statements. */
    private static final String APP_ID = "wx[A-Za-z0-9_-]{1,30}";

    private static final Pattern APP_ID_PATTERN = Pattern.compile(APP_ID);

    private static final String NEEDED_RIGHTS = "UPDATE wx_authorizer SET refresh_token = '' WHERE 1 = 0";

    private final JdbcClient jdbc;

    public Authorizers(DataSource dataSource) {
        this.jdbc = JdbcClient.create(dataSource);
    }

    /**
     * The ticket that WeChat pushed to the platform last.
     *
     * @param receivedAt in Unix seconds
     * @param now the database's time
     */
    record VerifyTicket(String value, long receivedAt, long now) {

        @Override
        public String toString() {
            return "VerifyTicket[" + receivedAt + "]";
        }
    }

    /**
     * A refresh token that WeChat replaced.
     *
     * @param used the one that WeChat was asked with
     * @param next the one that it gave
     */
    record Rotation(String appId, String used, String next) {

        @Override
        public String toString() {
            return "Rotation[" + appId + "]";
        }
    }

    /**
     * The condition on {@code wx_authorizer} for the accounts that authorized a platform.
     */
    static String condition(Account component) {
        return "component_app_id = " + TokenRepository.literals(List.of(component.appId()))
                + " AND refresh_token <> '' AND app_id REGEXP '^" + APP_ID + "$'";
    }

    /**
     * All accounts: those that are configured, and then those that authorized the
     * platform.
     */
    public static List<Account> withConfigured(Connection connection, WxProperties wx) throws SQLException {
        List<Account> all = new ArrayList<>(wx.allAccounts());
        all.addAll(read(connection, wx, null));
        return all;
    }

    /**
     * Finds an account.
     * @param wanted its app id, or the name of a configured account; null for the first
     * account
     * @throws InvalidSettingsException when there is no such account
     */
    public static Account find(Connection connection, WxProperties wx, String wanted) throws SQLException {
        Optional<Account> configured = wx.find(wanted);
        if (configured.isPresent() || wx.componentAccount().isEmpty()) {
            return configured.orElseGet(() -> wx.account(wanted));
        }
        return read(connection, wx, List.of(wanted)).stream()
            .findFirst()
            .orElseThrow(() -> new InvalidSettingsException("--app-id=" + wanted
                    + " is none of the configured accounts, and has no refresh_token in wx_authorizer for "
                    + wx.component().appId()));
    }

    /**
     * Reads the accounts that authorized the platform, by app id; none without
     * {@code wx.component}.
     * @param appIds of the accounts that are wanted; null for all
     * @throws SQLException when the table is missing, or the database fails
     */
    public static List<Account> read(Connection connection, WxProperties wx, Collection<String> appIds)
            throws SQLException {
        List<String> wanted = appIds == null ? null
                : appIds.stream().filter(appId -> APP_ID_PATTERN.matcher(appId).matches()).toList();
        Account component = wx.componentAccount().orElse(null);
        if (component == null || wanted != null && wanted.isEmpty()) {
            return List.of();
        }
        Set<String> configured = new HashSet<>();
        wx.allAccounts().forEach(account -> configured.add(account.appId()));
        List<Account> authorizers = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "SELECT app_id, authorized_at, refresh_token FROM wx_authorizer WHERE " + condition(component)
                                + (wanted == null ? "" : " AND app_id IN (" + TokenRepository.literals(wanted) + ")")
                                + " ORDER BY app_id")) {
            while (row.next()) {
                if (!configured.contains(row.getString(1))) {
                    authorizers.add(wx.authorizer(row.getString(1), row.getLong(2), Fingerprint.of(row.getString(3))));
                }
            }
        }
        return authorizers;
    }

    /**
     * Returns the Unix time at which the platform's ticket came; 0 without one.
     * @throws SQLException when this user may not read the table
     */
    public static long ticketReceivedAt(Connection connection, Account component) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement
                    .executeQuery("SELECT received_at FROM wx_component WHERE verify_ticket <> '' AND app_id = "
                            + TokenRepository.literals(List.of(component.appId())))) {
            return row.next() ? row.getLong(1) : 0;
        }
    }

    /**
     * Checks that the two tables are as the migration makes them.
     * @throws UnusableSchemaException when one of them is not, or this user may not read
     * it
     * @throws SQLException when the database fails
     */
    public static void checkTables(Connection connection) throws SQLException {
        checkTable(connection, "wx_component", "app_id, verify_ticket, received_at");
        checkTable(connection, "wx_authorizer", "app_id, component_app_id, refresh_token, authorized_at");
    }

    private static void checkTable(Connection connection, String table, String columns) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("SELECT " + columns + " FROM " + table + " WHERE 1 = 0").close();
        }
        catch (SQLException e) {
            if (DatabaseErrors.denies(e)) {
                throw new UnusableSchemaException("wx.component needs the table " + table
                        + ", which this user may not read: run config/mysql/grants.sql, as it is in this version");
            }
            if (DatabaseErrors.lacksSchema(e)) {
                throw new UnusableSchemaException("wx.component needs the table " + table + " with the columns "
                        + columns + ", and the database has another one, which is left as it is: rename it, or name"
                        + " another database in spring.datasource.url");
            }
            throw e;
        }
    }

    /**
     * Executes statements that change nothing and need the rights that a run needs.
     * @throws SQLException when this user lacks one of them
     */
    public static void checkRights(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate(NEEDED_RIGHTS);
        }
    }

    /**
     * As {@link #checkRights(Connection)}, on a connection of the pool: an answer of
     * WeChat whose refresh token can't be stored would be lost.
     */
    void checkRights() {
        jdbc.sql(NEEDED_RIGHTS).update();
    }

    /** Reads the app ids of all accounts that authorized the platform. */
    public Set<String> appIds(Account component) {
        return new HashSet<>(
                jdbc.sql("SELECT app_id FROM wx_authorizer WHERE " + condition(component)).query(String.class).list());
    }

    /**
     * Reads the refresh token with which WeChat is asked now.
     * @return empty when the account no longer authorizes this platform
     */
    Optional<String> refreshToken(Account authorizer) {
        return jdbc
            .sql("SELECT refresh_token FROM wx_authorizer WHERE app_id = :appId AND component_app_id = :component"
                    + " AND refresh_token <> ''")
            .param("appId", authorizer.appId())
            .param("component", authorizer.authorization().component().appId())
            .query(String.class)
            .optional();
    }

    /** Reads the platform's ticket; empty when there is none. */
    Optional<VerifyTicket> verifyTicket(Account component) {
        return jdbc
            .sql("SELECT verify_ticket, received_at, UNIX_TIMESTAMP() FROM wx_component WHERE app_id = :appId AND"
                    + " verify_ticket <> ''")
            .param("appId", component.appId())
            .query((row, number) -> new VerifyTicket(row.getString(1), row.getLong(2), row.getLong(3)))
            .optional();
    }

    /**
     * Stores the next refresh token, but only over the one that WeChat was asked with. On
     * other databases than H2 the statement that publishes the token does so.
     * @param jdbc of the transaction that publishes the token that came with it
     * @return false when another one is stored meanwhile, or the account withdrew
     */
    static boolean store(JdbcClient jdbc, Rotation rotation) {
        return jdbc
            .sql("UPDATE wx_authorizer SET refresh_token = :next WHERE app_id = :appId AND refresh_token = :used")
            .param("next", rotation.next())
            .param("appId", rotation.appId())
            .param("used", rotation.used())
            .update() == 1;
    }

}
