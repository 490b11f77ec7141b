package io.wxtoken.token;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Identifies a token, in logs and tables, without revealing it.
 */
public final class Fingerprint {

    private Fingerprint() {
    }

    /**
     * SHA-256 of the token in UTF-8, 64 hexadecimal digits; MySQL's
     * {@code SHA2(value, 256)}.
     */
    public static String of(String token) {
        try {
            return HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8)));
        }
        catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /**
     * The first 12 digits, enough to tell tokens apart; "none" for an empty value.
     */
    public static String shortOf(String token) {
        return token.isEmpty() ? "none" : of(token).substring(0, 12);
    }

}
