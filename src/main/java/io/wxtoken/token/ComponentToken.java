package io.wxtoken.token;

import java.util.List;

import org.springframework.dao.DataAccessException;

import io.wxtoken.ExitCode;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.WeChatClient;

/**
 * A platform's component_access_token during one run, for all workers. The first that
 * needs it refreshes it, if it is due, while the others wait; if WeChat calls it dead, it
 * is refreshed in the same run, once.
 */
public final class ComponentToken {

    private final TokenRepository rows;

    private final Refresher refresher;

    private final Authorizers authorizers;

    private final WeChatClient weChat;

    private final ComponentFetcher fetcher;

    private final RefreshListener listener;

    /** As it was read last. */
    private TokenRow seen;

    private Result result;

    /** The refresh ended in an error of the database. */
    private boolean failed;

    private boolean forced;

    private boolean foundDead;

    private boolean rightsChecked;

    public ComponentToken(Account component, TokenRepository rows, Refresher refresher, Authorizers authorizers,
            WeChatClient weChat, RefreshListener listener) {
        this.rows = rows;
        this.refresher = refresher;
        this.authorizers = authorizers;
        this.weChat = weChat;
        this.listener = listener;
        this.fetcher = new ComponentFetcher(component, authorizers, weChat);
    }

    /** What this run did with the row. */
    synchronized Result refreshed(boolean force) {
        if (result == null || failed || force && !forced) {
            forced = force;
            Account component = fetcher.account();
            seen = rows.findOrAdd(rows.read(List.of(component)), List.of(component))
                .configured()
                .get(RowKey.token(component));
            result = refresher.refresh(seen, fetcher, force ? Trigger.FORCED : Trigger.SCHEDULE);
            failed = false;
        }
        return result;
    }

    /**
     * Fetches with the token as it now is. If the database fails for its row alone, which
     * another session may have locked, the token serves as long as it lives; the error is
     * reported for the platform's own row.
     */
    synchronized AuthorizerFetcher fetcherFor(Account authorizer) {
        if (!rightsChecked) {
            authorizers.checkRights();
            rightsChecked = true;
        }
        if (result == null) {
            try {
                refreshed(false);
            }
            catch (DataAccessException e) {
                if (seen == null || !seen.live()) {
                    throw e;
                }
                result = new Result(seen, Outcome.FAILED, "the database failed", ExitCode.RETRY);
                failed = true;
            }
        }
        return new AuthorizerFetcher(authorizer, result, foundDead, authorizers, weChat);
    }

    /**
     * Refreshes the token, because WeChat says that it is dead.
     * @param dead the row whose value WeChat was asked with
     * @return whether there is another value now
     */
    synchronized boolean refreshDead(TokenRow dead) {
        if (!foundDead && result.row().value().equals(dead.value())) {
            foundDead = true;
            rows.requestFor(dead.id(), dead.value());
            listener.warning(RowKey.token(fetcher.account()), Verdict.DEAD,
                    "component_access_token with fingerprint %s is dead %d s before its time: another program may fetch"
                        .formatted(Fingerprint.shortOf(dead.value()), dead.timeLeft())
                            + " it, too. Find that program, and let it read the row");
            result = refresher.refresh(rows.read(dead.id()).orElse(dead), fetcher, Trigger.DEAD);
        }
        return !result.row().value().equals(dead.value());
    }

}
