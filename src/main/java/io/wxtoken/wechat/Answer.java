package io.wxtoken.wechat;

/** What came of asking WeChat for a token. */
public sealed interface Answer {

    /**
     * WeChat issued (or, on the stable endpoint, repeated) a token.
     *
     * @param value the token, 1 to 600 printable ASCII characters
     * @param expiresIn seconds that it lives from now, at least 1
     */
    record Issued(String value, long expiresIn) implements Answer {

        @Override
        public String toString() {
            return "Issued[expiresIn=" + expiresIn + "]";
        }
    }

    /**
     * WeChat said no: no token was issued.
     *
     * @param errmsg WeChat's message with its request id, on one line, without secrets
     */
    record Refused(int errcode, String errmsg) implements Answer {
    }

    /**
     * No answer that can be used: a token may have been issued or not.
     *
     * @param reason one line, without secrets
     * @param sent false when the request certainly never reached WeChat
     */
    record Unknown(String reason, boolean sent) implements Answer {
    }
}
