package io.wxtoken.wechat;

import io.wxtoken.ExitCode;

/** The outcome of a request to WeChat for a token or a ticket. */
public sealed interface Answer {

    /**
     * WeChat issued a value, or repeated one (the stable endpoint and tickets do).
     *
     * @param value 1 to 600 printable ASCII characters
     * @param expiresIn seconds that it lives from now, at least 1
     * @param refreshToken the refresh token that came with it, 1 to 600 printable ASCII
     * characters; null without one
     */
    record Issued(String value, long expiresIn, String refreshToken) implements Answer {

        /** A value without a refresh token. */
        public Issued(String value, long expiresIn) {
            this(value, expiresIn, null);
        }

        @Override
        public String toString() {
            return "Issued[expiresIn=" + expiresIn + "]";
        }
    }

    /** An answer that brought no value. */
    sealed interface NoValue extends Answer {

        /** What happened and what to do about it, on one line, without secrets. */
        String text();

        /** What it means for the run. */
        default ExitCode exitCode() {
            return ExitCode.RETRY;
        }

        /** WeChat's error code; null when it gave none. */
        default Integer code() {
            return null;
        }

    }

    /**
     * WeChat refused and issued nothing.
     *
     * @param errmsg WeChat's message with its request id, on one line, without secrets
     * @param account for which WeChat was asked
     */
    record Refused(int errcode, String errmsg, Account account) implements NoValue {

        /** The same refusal with something that is known besides WeChat's message. */
        public Refused because(String cause) {
            return new Refused(errcode, errmsg + " (" + cause + ")", account);
        }

        @Override
        public String text() {
            return "errcode " + errcode + ", " + errmsg + ": "
                    + ErrorCode.of(errcode, account.endpoint()).advice(account);
        }

        @Override
        public ExitCode exitCode() {
            return ErrorCode.of(errcode, account.endpoint()).kind().exitCode();
        }

        @Override
        public Integer code() {
            return errcode;
        }
    }

    /** The access_token that WeChat was asked with is dead. */
    record TokenDead(int errcode, String errmsg) implements NoValue {

        @Override
        public String text() {
            return "the token that WeChat was asked with is dead (errcode " + errcode + ", " + errmsg + ")";
        }

        @Override
        public Integer code() {
            return errcode;
        }
    }

    /**
     * WeChat gave no usable answer: it may have issued a token or not.
     *
     * @param text why, on one line, without secrets
     */
    record Unknown(String text, Reach reach, ExitCode exitCode) implements NoValue {

        /** The next run may get an answer. */
        public Unknown(String text, Reach reach) {
            this(text, reach, ExitCode.RETRY);
        }
    }

    /** How far a request without a usable answer came. */
    enum Reach {

        /** The request certainly never reached WeChat. */
        NOT_SENT,

        /** The request was answered, so WeChat has finished with it. */
        ANSWERED,

        /**
         * WeChat may still be working on the request: a token that it issues later kills
         * one that a repetition got before.
         */
        IN_FLIGHT

    }

}
