package io.wxtoken.wechat;

/** What came of asking WeChat for a token or a ticket. */
public sealed interface Answer {

    /**
     * WeChat issued (or, on the stable endpoint and for a ticket, repeated) a value.
     *
     * @param value 1 to 600 printable ASCII characters
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

    /** The access_token that a ticket was asked for with is dead. */
    record TokenDead(int errcode, String errmsg) implements Answer {
    }

    /**
     * No answer that can be used: a token may have been issued or not.
     *
     * @param reason one line, without secrets
     */
    record Unknown(String reason, Reach reach) implements Answer {
    }

    /** How far a request without a usable answer came. */
    enum Reach {

        /** It certainly never reached WeChat. */
        NOT_SENT,

        /** It was answered, so it is over. */
        ANSWERED,

        /** WeChat may still be at it: what it issues then kills what a repetition got before. */
        IN_FLIGHT
    }
}
