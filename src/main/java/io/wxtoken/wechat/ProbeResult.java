package io.wxtoken.wechat;

/** WeChat's answer to the question whether an access_token lives. */
public enum ProbeResult {

    /**
     * WeChat accepts the token. In its last minutes of grace a token that was replaced is
     * still accepted.
     */
    ALIVE,

    /** WeChat refuses the token. */
    DEAD,

    /** WeChat gave no clear answer. */
    UNKNOWN

}
