package io.wxtoken.wechat;

import java.time.Instant;
import java.time.ZoneId;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

import io.wxtoken.ExitCode;

/**
 * The table of WeChat's error codes, as its <em>token endpoints</em> use them, and of
 * what to do about each. (40001 from any other API means a dead token; here it means a
 * wrong secret.) Sources: WeChat's return codes (WX/doc/oplatform/developers/errCode),
 * its pages on the two endpoints, and WeCom's return codes (developer.work.weixin.qq.com,
 * path 90313).
 */
public enum ErrorCode {

    BUSY(-1, Kind.TRANSIENT, "WeChat is busy"), BUSY_NULL(-1000, Kind.TRANSIENT, "WeChat is busy"),

    MINUTE_LIMIT(45011, Kind.RATE_LIMIT,
            "too many calls in this minute; find out what else asks for this app id's token"),

    DAY_QUOTA(45009, Kind.HOLD,
            "the day's quota is used up until 00:00 in Shanghai; find out what else asks for tokens; wx-token"
                    + " clear-quota clears it"),
    /** At WeCom the same code is of a limit for a minute, an hour or a day. */
    WECOM_LIMIT(45009, Kind.HOLD,
            "too many calls for WeCom; find out what else asks with this secret; WeCom is asked again in 10 minutes"),
    WECOM_CONCURRENT(45033, Kind.RATE_LIMIT,
            "too many calls at the same moment for WeCom; find out what else asks with this secret"),
    CLEARED_TOO_OFTEN(48006, Kind.ACT,
            "WeChat clears an account's counters 10 times a month at most; they begin anew at 00:00 in Shanghai"),
    REFUSED_FOR_AN_HOUR(89507, Kind.HOLD,
            "the account's administrator refused this address; ask them; WeChat is asked again in 1 hour"),
    REFUSED_FOR_A_DAY(89506, Kind.HOLD,
            "the account's administrator refused this address twice; ask them; WeChat is asked again in 24 hours"),
    WAITS_FOR_ADMINISTRATOR(89501, Kind.HOLD, "the account's administrator must confirm this address in WeChat"),
    NEEDS_ADMINISTRATOR(89503, Kind.HOLD, "the account's administrator must confirm this address in WeChat"),

    WRONG_SECRET(40001, Kind.ACT, "check {secret}: it is not this app id's, or was reset at {console}"),
    WRONG_GRANT_TYPE(40002, Kind.ACT, "check {base-url}: WeChat did not understand the grant type"),
    WRONG_APP_ID(40013, Kind.ACT, "check {app-id}: WeChat does not know it"),
    INVALID_SECRET(40125, Kind.ACT, "check {secret}: it is not this app id's, or was reset at {console}"),
    WECOM_INVALID_SECRET(40091, Kind.ACT, "check {secret}: it is not this application's, or was reset at {console}"),
    NO_APP_ID(41002, Kind.ACT, "check {app-id}: WeChat saw none"),
    NO_SECRET(41004, Kind.ACT, "check {secret}: WeChat saw none"),
    WRONG_METHOD(43002, Kind.ACT, "check {base-url}: something between here and WeChat changes the request's method"),
    NOT_IN_WHITELIST(40164, Kind.ACT,
            "add this node's address to the IP whitelist at {console} (it takes up to 10 minutes)"),
    ADDRESS_REFUSED(61004, Kind.ACT,
            "add this node's address to the IP whitelist at {console} (it takes up to 10 minutes)"),
    WECOM_ADDRESS_REFUSED(60020, Kind.ACT,
            "add this node's address to the application's trusted IPs (企业可信IP) at {console}"),
    SECRET_FROZEN(40243, Kind.ACT, "the AppSecret is frozen: unfreeze it at {console}"),
    ACCOUNT_FORBIDDEN(50004, Kind.ACT, "the account may not use this API: see {console}"),
    ACCOUNT_FROZEN(50007, Kind.ACT, "the account is frozen: see {console}"),
    NEEDS_COMPONENT(61024, Kind.ACT,
            "a third-party platform runs this account, and only that platform may fetch the token"),
    API_UNAUTHORIZED(48001, Kind.ACT,
            "the account has no right to this API; leave the ticket out of {setting}tickets (or none)"),
    WECOM_API_FORBIDDEN(48002, Kind.ACT,
            "the application has no right to this API; leave the ticket out of {setting}tickets (or none)"),
    WECOM_NO_RIGHT(301002, Kind.ACT, "{secret} has no right to this application"),

    VERIFY_TICKET_EXPIRED(61005, Kind.ACT,
            "see that the platform's web application stores each ticket that WeChat pushes in wx_component"),
    VERIFY_TICKET_INVALID(61006, Kind.ACT,
            "see that the platform's web application stores each ticket that WeChat pushes in wx_component"),
    NOT_AUTHORIZED(61003, Kind.AUTHORIZATION,
            "the account no longer authorizes this platform: let its owner authorize again, or delete its row in"
                    + " wx_authorizer"),
    REFRESH_TOKEN_INVALID(61023, Kind.AUTHORIZATION,
            "refresh_token in wx_authorizer is not valid: store the one of api_get_authorizer_list, or the"
                    + " owner must authorize again"),
    RIGHT_NOT_GRANTED(61007, Kind.ACT,
            "the platform was not granted this right; leave the ticket out of {setting}tickets"),

    /** A code that is not in this table. */
    UNLISTED(Integer.MIN_VALUE, Kind.UNKNOWN, "look the code up in WeChat's list of return codes");

    /**
     * The kinds of errors, by what helps.
     */
    public enum Kind {

        /**
         * The error may be over in a moment: the next run asks again, and the waits grow
         * while the error lasts.
         */
        TRANSIENT(ExitCode.RETRY),

        /**
         * WeChat must not be asked before the next minute.
         */
        RATE_LIMIT(ExitCode.RETRY),

        /**
         * WeChat must not be asked before a certain time, and a person should see to it.
         */
        HOLD(ExitCode.ACT),

        /**
         * Nobody knows what helps, and what a call costs: WeChat is asked again every 10
         * minutes.
         */
        UNKNOWN(ExitCode.RETRY),

        /**
         * An account no longer authorizes the platform, and only its owner can mend that:
         * it is reported when WeChat says so, which is once a day.
         */
        AUTHORIZATION(ExitCode.ACT),

        /**
         * A person must act: each run reports it, and WeChat is asked again every 10
         * minutes.
         */
        ACT(ExitCode.ACT);

        private final ExitCode exitCode;

        Kind(ExitCode exitCode) {
            this.exitCode = exitCode;
        }

        public ExitCode exitCode() {
            return exitCode;
        }

    }

    private static final Set<ErrorCode> CONCERN_ONE_NODE = EnumSet.of(WRONG_SECRET, WRONG_GRANT_TYPE, WRONG_APP_ID,
            INVALID_SECRET, NO_APP_ID, NO_SECRET, WRONG_METHOD, NOT_IN_WHITELIST, ADDRESS_REFUSED, REFUSED_FOR_AN_HOUR,
            WECOM_INVALID_SECRET, WECOM_ADDRESS_REFUSED, WECOM_NO_RIGHT, REFUSED_FOR_A_DAY, WAITS_FOR_ADMINISTRATOR,
            NEEDS_ADMINISTRATOR);

    private static final long MINUTE = 60;

    /**
     * The longest wait that {@link #holdFor} returns, in seconds.
     */
    public static final long LONGEST_WAIT = 24 * 60 * MINUTE;

    /** The longest wait that {@link #backOff} returns, in seconds. */
    public static final long LONGEST_BACK_OFF = 10 * MINUTE;

    private static final Map<Integer, ErrorCode> BY_CODE = Arrays.stream(values())
        .filter(error -> error != WECOM_LIMIT)
        .collect(Collectors.toMap(error -> error.code, Function.identity()));

    private final int code;

    private final Kind kind;

    private final String advice;

    ErrorCode(int code, Kind kind, String advice) {
        this.code = code;
        this.kind = kind;
        this.advice = advice;
    }

    /**
     * @param endpoint of the account for which WeChat was asked
     */
    public static ErrorCode of(int errcode, Endpoint endpoint) {
        return endpoint == Endpoint.WECOM && errcode == WECOM_LIMIT.code ? WECOM_LIMIT
                : BY_CODE.getOrDefault(errcode, UNLISTED);
    }

    public Kind kind() {
        return kind;
    }

    /**
     * Whether the code concerns one node's address or settings, so that another node may
     * succeed.
     */
    public boolean concernsOneNode() {
        return CONCERN_ONE_NODE.contains(this);
    }

    /** Whether the code concerns the ticket that WeChat pushes to a platform. */
    public boolean concernsVerifyTicket() {
        return this == VERIFY_TICKET_EXPIRED || this == VERIFY_TICKET_INVALID;
    }

    /**
     * What a person should do about the error, on one line.
     * @param account for which WeChat was asked
     */
    public String advice(Account account) {
        return advice.replace("{setting}", account.setting())
            .replace("{app-id}", account.setting() + (account.isWeCom() ? "corp-id" : "app-id"))
            .replace("{secret}", account.secretSetting())
            .replace("{base-url}", account.isWeCom() ? "wx.api.wecom-base-url" : "wx.api.base-url")
            .replace("{console}", switch (account.endpoint()) {
                case TOKEN, STABLE_TOKEN -> "mp.weixin.qq.com";
                case WECOM -> "work.weixin.qq.com";
                case COMPONENT, AUTHORIZER -> "open.weixin.qq.com";
            }) + (kind == Kind.ACT ? "; then wx-token --force" : "");
    }

    /**
     * Returns how long WeChat must not be asked again.
     * @param now Unix seconds by the database's clock
     * @param failures how many refreshes failed in a row, with this one
     * @return seconds, at most {@link #LONGEST_WAIT}
     */
    public long holdFor(long now, int failures) {
        return switch (kind) {
            case TRANSIENT -> backOff(failures);
            case RATE_LIMIT -> Math.max(MINUTE - now % MINUTE, backOff(failures));
            case AUTHORIZATION -> LONGEST_WAIT;
            case ACT, UNKNOWN -> 10 * MINUTE;
            case HOLD -> switch (this) {
                case DAY_QUOTA -> midnightInShanghai(now) - now;
                case REFUSED_FOR_AN_HOUR -> 60 * MINUTE;
                case REFUSED_FOR_A_DAY -> LONGEST_WAIT;
                default -> 10 * MINUTE;
            };
        };
    }

    /**
     * Returns the wait after several failures in a row, in seconds: none at first,
     * because the live token may be doomed and lasts only 5 minutes; then 30 s, 1 min and
     * so on up to 10 min. That makes some 150 calls a day at worst, within a test
     * account's quota of 200.
     */
    public static long backOff(int failures) {
        return failures < 3 ? 0 : Math.min(LONGEST_BACK_OFF, 15L << Math.min(failures - 2, 6));
    }

    private static long midnightInShanghai(long now) {
        ZoneId shanghai = ZoneId.of("Asia/Shanghai");
        return Instant.ofEpochSecond(now)
            .atZone(shanghai)
            .toLocalDate()
            .plusDays(1)
            .atStartOfDay(shanghai)
            .toEpochSecond();
    }

}
