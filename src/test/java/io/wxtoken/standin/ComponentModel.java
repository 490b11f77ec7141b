package io.wxtoken.standin;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

import io.wxtoken.standin.WeChatModel.IssuedValue;

/**
 * What WeChat knows of third-party platforms (第三方平台): the verify tickets that it pushed
 * to them, and the accounts that authorized them with their refresh tokens.
 */
final class ComponentModel {

    /** The kind of a platform's own token. */
    private static final String COMPONENT = "COMPONENT";

    /** The kind of a token of an account that authorized a platform. */
    private static final String AUTHORIZER = "AUTHORIZER";

    /** A verify ticket's 12 hours, as a multiple of a token's life of 2 hours. */
    private static final int TICKET_LIVES = 6;

    private final WeChatModel model;

    private final Duration ticketLife;

    private final Map<String, Component> components = new HashMap<>();

    private final Map<String, Authorization> authorizations = new HashMap<>();

    /**
     * @param tickets those that were pushed, with their ends in Unix milliseconds
     */
    private record Component(String secret, Map<String, Long> tickets) {
    }

    /** What an account gave to a platform. */
    private static final class Authorization {

        final String componentAppId;

        /** The refresh token that was used last, or the first one. */
        String used;

        /** It, and those that were answered to it. */
        final Set<String> usable = new HashSet<>();

        Authorization(String componentAppId, String refreshToken) {
            this.componentAppId = componentAppId;
            use(refreshToken);
        }

        /** All refresh tokens become unusable but this one and its answers. */
        void use(String refreshToken) {
            if (!refreshToken.equals(used)) {
                used = refreshToken;
                usable.clear();
                usable.add(refreshToken);
            }
        }

    }

    ComponentModel(WeChatModel model, Duration life) {
        this.model = model;
        this.ticketLife = life.multipliedBy(TICKET_LIVES);
    }

    synchronized void add(String appId, String secret) {
        components.put(appId, new Component(secret, new HashMap<>()));
    }

    synchronized String pushTicket(String appId) {
        String ticket = "ticket@@@" + WeChatModel.random();
        components.get(appId).tickets().put(ticket, model.now() + ticketLife.toMillis());
        return ticket;
    }

    /** An account authorizes a platform, perhaps not for the first time. */
    synchronized String authorize(String componentAppId, String appId) {
        withdraw(appId);
        String refreshToken = newRefreshToken();
        authorizations.put(appId, new Authorization(componentAppId, refreshToken));
        return refreshToken;
    }

    synchronized void withdraw(String appId) {
        authorizations.remove(appId);
        model.killAll(appId, AUTHORIZER);
    }

    synchronized boolean refreshTokenUsable(String appId, String refreshToken) {
        return authorizations.containsKey(appId) && authorizations.get(appId).usable.contains(refreshToken);
    }

    // ---- WeChat's answers

    synchronized String componentToken(String appId, String secret, String ticket, int askedFrom) {
        Component component = components.get(appId);
        if (component == null) {
            return WeChatModel.error(40013, "invalid appid");
        }
        if (!component.secret().equals(secret)) {
            return WeChatModel.error(40125, "invalid appsecret");
        }
        Long end = component.tickets().get(ticket);
        if (end == null) {
            return WeChatModel.error(61006, "component ticket is invalid");
        }
        if (end <= model.now()) {
            return WeChatModel.error(61005, "component ticket is expired");
        }
        IssuedValue token = model.issueToken(COMPONENT, appId, askedFrom);
        return "{\"component_access_token\":\"" + token.value + "\",\"expires_in\":" + token.secondsLeft() + "}";
    }

    /**
     * @param componentToken must be alive, and the platform's
     */
    synchronized String authorizerToken(String componentToken, String componentAppId, String appId, String refreshToken,
            int askedFrom) {
        if (!model.alive(componentAppId, componentToken)) {
            return model.deadToken(componentToken);
        }
        Authorization authorization = authorizations.get(appId);
        if (authorization == null || !authorization.componentAppId.equals(componentAppId)) {
            return WeChatModel.error(61003, "component is not authorized by this account");
        }
        if (!authorization.usable.contains(refreshToken)) {
            return WeChatModel.error(61023, "refresh_token is invalid");
        }
        authorization.use(refreshToken);
        String next = newRefreshToken();
        authorization.usable.add(next);
        IssuedValue token = model.issueToken(AUTHORIZER, appId, askedFrom);
        return "{\"authorizer_access_token\":\"" + token.value + "\",\"expires_in\":" + token.secondsLeft()
                + ",\"authorizer_refresh_token\":\"" + next + "\"}";
    }

    private static String newRefreshToken() {
        return "refreshtoken@@@" + WeChatModel.random();
    }

}
