package io.wxtoken.wechat;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;

import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.core.json.JsonFactory;

import io.wxtoken.wechat.Answer.Reach;

/**
 * Reads and writes WeChat's JSON. An answer that is not exactly as documented is
 * {@link Answer.Unknown}. JSON is read token by token, because binding objects would load
 * 400 more classes in each run.
 */
final class AnswerJson {

    private static final JsonFactory JSON = JsonFactory.builder()
        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
        .build();

    private static final String REFRESH_TOKEN = "authorizer_refresh_token";

    /** The column {@code value} holds 600 characters at most. */
    private static final Pattern TOKEN = Pattern.compile("[!-~]{1,600}");

    /**
     * An API call with a dead access_token gets these codes; from a token endpoint 40001
     * means something else.
     */
    private static final Set<Integer> TOKEN_DEAD = Set.of(40001, 40014, 42001);

    /**
     * Stands for a field's value that is neither a string nor a whole number nor an
     * array.
     */
    private static final Object OTHER = new Object();

    private static final Object ARRAY = new Object();

    private AnswerJson() {
    }

    static byte[] stableTokenRequest(Account account, boolean force) {
        return object(json -> json.writeStringProperty("grant_type", "client_credential")
            .writeStringProperty("appid", account.appId())
            .writeStringProperty("secret", account.appSecret())
            .writeBooleanProperty("force_refresh", force));
    }

    /**
     * @param namesAndValues of the request's fields, by turns
     */
    static byte[] request(String... namesAndValues) {
        return object(json -> {
            for (int i = 0; i < namesAndValues.length; i += 2) {
                json.writeStringProperty(namesAndValues[i], namesAndValues[i + 1]);
            }
        });
    }

    private static byte[] object(Consumer<JsonGenerator> fields) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), body)) {
            json.writeStartObject();
            fields.accept(json);
            json.writeEndObject();
        }
        return body.toByteArray();
    }

    /**
     * Reads an answer that brings no value.
     * @return the failure; empty when WeChat has done what it was asked for
     */
    static Optional<Answer.NoValue> resultAnswer(byte[] body, Account account) {
        Map<String, Object> fields = new HashMap<>();
        Answer.NoValue failure = failure(body, fields, account, account.appSecret());
        return failure != null ? Optional.of(failure) : fields.containsKey("errcode") ? Optional.empty()
                : Optional.of(new Answer.Unknown("WeChat's answer has no errcode", Reach.ANSWERED));
    }

    /**
     * Reads the answer of a token endpoint.
     * @param field the name of the value's field
     * @param account for which WeChat was asked
     * @param secrets of the request, which must not appear in a text
     */
    static Answer answer(byte[] body, String field, Account account, String... secrets) {
        Map<String, Object> fields = new HashMap<>();
        Answer.NoValue failure = failure(body, fields, account, secrets);
        if (failure != null) {
            return failure;
        }
        if (!(fields.get(field) instanceof String value) || !TOKEN.matcher(value).matches()) {
            return new Answer.Unknown("WeChat's answer has no usable " + field, Reach.ANSWERED);
        }
        if (!(fields.get("expires_in") instanceof Number expiresIn) || expiresIn instanceof BigInteger
                || expiresIn.longValue() < 1 || expiresIn.longValue() > Lifetimes.LONGEST.toSeconds()) {
            return new Answer.Unknown("WeChat's answer has no usable expires_in", Reach.ANSWERED);
        }
        Object refreshToken = fields.get(REFRESH_TOKEN);
        if (refreshToken != null && !(refreshToken instanceof String text && TOKEN.matcher(text).matches())) {
            return new Answer.Unknown("WeChat's answer has no usable " + REFRESH_TOKEN, Reach.ANSWERED);
        }
        return new Answer.Issued(value, expiresIn.longValue(), (String) refreshToken);
    }

    /**
     * Returns why the answer is a failure, whatever was asked; null when it is not.
     * @param fields gets the answer's fields
     */
    private static Answer.NoValue failure(byte[] body, Map<String, Object> fields, Account account, String... secrets) {
        if (body.length == 0) {
            return new Answer.Unknown("WeChat's answer is empty", Reach.ANSWERED);
        }
        try {
            fields.putAll(fields(body));
        }
        catch (JacksonException | CharacterCodingException e) {
            // the exception's text would quote the answer
            return new Answer.Unknown("WeChat's answer is not JSON", Reach.ANSWERED);
        }
        if (!(fields.getOrDefault("errcode", 0) instanceof Integer errcode)) {
            return new Answer.Unknown("WeChat's answer has an errcode that is no number", Reach.ANSWERED);
        }
        return errcode == 0 ? null : new Answer.Refused(errcode,
                oneLine(fields.get("errmsg") instanceof String errmsg ? errmsg : "", secrets), account);
    }

    /**
     * Reads the answer to a request for a ticket.
     */
    static Answer ticketAnswer(byte[] body, Account account, String accessToken) {
        return orTokenDead(answer(body, "ticket", account, accessToken));
    }

    /**
     * Reads the answer to a request for the token of an account that authorized a
     * platform.
     */
    static Answer authorizerAnswer(byte[] body, Account account, String componentToken, String refreshToken) {
        return orTokenDead(answer(body, "authorizer_access_token", account, componentToken, refreshToken));
    }

    private static Answer orTokenDead(Answer answer) {
        return answer instanceof Answer.Refused refused && TOKEN_DEAD.contains(refused.errcode())
                ? new Answer.TokenDead(refused.errcode(), refused.errmsg()) : answer;
    }

    /**
     * Reads the answer to an API call with an access_token.
     */
    static ProbeResult probeResult(byte[] body) {
        try {
            Map<String, Object> fields = fields(body);
            return fields.get("ip_list") == ARRAY ? ProbeResult.ALIVE
                    : fields.get("errcode") instanceof Integer errcode && TOKEN_DEAD.contains(errcode)
                            ? ProbeResult.DEAD : ProbeResult.UNKNOWN;
        }
        catch (JacksonException | CharacterCodingException e) {
            return ProbeResult.UNKNOWN;
        }
    }

    /**
     * Returns the fields of a JSON object, without nested ones; empty when the answer is
     * something else.
     */
    private static Map<String, Object> fields(byte[] body) throws JacksonException, CharacterCodingException {
        // Jackson alone would take a letter that is written in more bytes than it needs
        StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body));
        Map<String, Object> fields = new HashMap<>();
        try (JsonParser json = JSON.createParser(ObjectReadContext.empty(), body)) {
            if (json.nextToken() == JsonToken.START_OBJECT) {
                while (json.nextToken() != JsonToken.END_OBJECT) {
                    String name = json.currentName();
                    fields.put(name, switch (json.nextToken()) {
                        case VALUE_STRING -> json.getString();
                        case VALUE_NUMBER_INT -> json.getNumberValue();
                        case START_ARRAY -> ARRAY;
                        default -> OTHER;
                    });
                    json.skipChildren();
                }
            }
            json.skipChildren();
            if (json.nextToken() != null) {
                throw new StreamReadException(json, "something follows the answer's end");
            }
        }
        return fields;
    }

    /**
     * Shortens WeChat's message for logs and a varchar(255) column: one line of at most
     * 110 characters, cut before the request id ("rid: …") that WeChat's support asks
     * for, and without the secrets, in case the message quotes them.
     */
    private static String oneLine(String errmsg, String... secrets) {
        String text = errmsg;
        for (String secret : secrets) {
            text = text.replace(secret, "***");
        }
        String line = text.replaceAll("[\\p{C}\\p{Z}]+", " ").strip();
        int rid = line.lastIndexOf("rid:");
        String tail = rid < 0 ? "" : line.substring(rid, Math.min(line.length(), rid + 50));
        int room = 110 - tail.length();
        return line.length() <= 110 ? line
                : line.substring(0, rid < 0 ? room - 2 : Math.min(rid, room - 2)).strip() + "… " + tail;
    }

}
