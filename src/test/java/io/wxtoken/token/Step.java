package io.wxtoken.token;

import java.util.Locale;

/**
 * A step of the protocol: a statement on the row, or the request to WeChat. For an
 * authorizer its refresh token is read in between.
 */
enum Step {

    READ, CLAIM, REFRESH_TOKEN, FETCH, PUBLISH, REPORT, RELEASE, LEAVE_TO_LAPSE;

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

}
