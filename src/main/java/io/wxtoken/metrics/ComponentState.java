package io.wxtoken.metrics;

import java.util.Set;

/**
 * What the metrics show of a third-party platform.
 *
 * @param unauthorized the app ids of the accounts in {@code wx_authorizer} that no longer
 * authorize it, as WeChat said within the last day; their rows are left out
 * @param ticketReceivedAt when its ticket came, in Unix seconds; 0 without one
 */
public record ComponentState(Set<String> unauthorized, long ticketReceivedAt) {
}
