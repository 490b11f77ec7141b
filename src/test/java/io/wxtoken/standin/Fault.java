package io.wxtoken.standin;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;

/** What goes wrong with one request to the stand-in. */
public sealed interface Fault {

    /** WeChat says no: HTTP 200 with an errcode; nothing is issued. */
    record Refuse(int errcode, String errmsg) implements Fault {
    }

    /**
     * As {@code Refuse(-1000)}, with {@code access_token:null} beside it, as reported.
     */
    record NullToken() implements Fault {
    }

    /** An HTTP status other than 200; nothing is issued. */
    record Status(int status) implements Fault {
    }

    /**
     * HTTP 200 with exactly this body; nothing is issued. An empty one comes as
     * text/html, as for a bad app id.
     */
    record Body(String body) implements Fault {
    }

    /** The answer comes late; the token is issued before the wait. */
    record Delay(Duration time) implements Fault {
    }

    /** As {@link Delay}, until {@link #letGo}. */
    record Hold(CountDownLatch over) implements Fault {

        public Hold() {
            this(new CountDownLatch(1));
        }

        public void letGo() {
            over.countDown();
        }

    }

    /** As {@link Delay}, but the token is issued after the wait. */
    record IssueLate(Duration time) implements Fault {
    }

    /**
     * The token is issued, the headers are sent, and the body never ends: a byte now and
     * then.
     */
    record Trickle() implements Fault {
    }

    /** Never an answer; nothing is issued. */
    record Hang() implements Fault {
    }

    /** The connection is closed before a token is issued. */
    record CutBefore() implements Fault {
    }

    /**
     * The connection is closed after the token was issued, before a byte of the answer.
     */
    record CutAfter() implements Fault {
    }

    /** The token is issued, and half of the answer arrives. */
    record CutInside() implements Fault {
    }

}
