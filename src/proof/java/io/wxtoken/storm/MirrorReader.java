package io.wxtoken.storm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import io.wxtoken.fixtures.Memcached;
import io.wxtoken.fixtures.Program;
import io.wxtoken.fixtures.Redis;
import io.wxtoken.standin.StandIn;

/**
 * Applications that keep the token in a file, in memcached or in Redis (where these are
 * installed), and what they meet. All nodes write the same files, as on a shared disk.
 */
final class MirrorReader implements AutoCloseable {

    private static final Pattern WHOLE = Pattern
        .compile("\\{\"access_token\": \"([!-~]+)\", \"expires_time\": [1-9]\\d+}");

    private final StandIn weChat;

    private final Path folder;

    private final List<String> appIds;

    private final Memcached memcached = Memcached.isInstalled() ? Memcached.start() : null;

    private final Redis redis = Redis.isInstalled() ? Redis.start() : null;

    /** Since when, in ms, the token in a place is dead; by place and account. */
    private final Map<String, Long> deadSince = new HashMap<>();

    private long longestDead;

    private long reads;

    private long broken;

    /**
     * @param folder of its own, as there are tokens in it
     */
    MirrorReader(StandIn weChat, Path folder, List<String> appIds) throws IOException {
        this.weChat = weChat;
        this.folder = Files.createDirectories(folder);
        this.appIds = appIds;
        for (String appId : appIds) {
            // an earlier storm with the same seed left it
            Files.deleteIfExists(file(appId));
        }
    }

    Program writtenBy(Program program) {
        program.with("WX_MIRROR_FILE", folder.resolve("{app_id}.json").toString());
        if (redis != null) {
            program.with("WX_MIRROR_REDIS_URL", redis.url());
        }
        return memcached == null ? program : program.with("WX_MIRROR_MEMCACHED_SERVERS", memcached.server());
    }

    private Path file(String appId) {
        return folder.resolve(appId + ".json");
    }

    synchronized void read() throws IOException {
        for (String appId : appIds) {
            try {
                String content = Files.readString(file(appId));
                Matcher whole = WHOLE.matcher(content);
                broken += whole.matches() ? 0 : 1;
                use("file", appId, whole.matches() ? whole.group(1) : null);
            }
            catch (NoSuchFileException e) {
                broken += deadSince.containsKey("file " + appId) ? 1 : 0; // it was there
            }
            if (memcached != null) {
                use("memcached", appId, memcached.value(appId));
            }
            if (redis != null) {
                use("Redis", appId, redis.value(inRedis(appId)));
            }
        }
    }

    private static String inRedis(String appId) {
        return "wx-token:" + appId + ":access_token";
    }

    private void use(String place, String appId, String value) {
        if (value != null) {
            reads++;
            long now = System.currentTimeMillis();
            long since = deadSince.getOrDefault(place + " " + appId, 0L);
            boolean alive = weChat.alive(appId, value);
            deadSince.put(place + " " + appId, alive ? 0 : since == 0 ? now : since);
            longestDead = Math.max(longestDead, alive || since == 0 ? 0 : now - since);
        }
    }

    /** Each mirror of the account's token holds this one. */
    boolean holds(String appId, String value) {
        try {
            return Files.readString(file(appId)).contains("\"" + value + "\"")
                    && (memcached == null || value.equals(memcached.value(appId)))
                    && (redis == null || value.equals(redis.value(inRedis(appId))));
        }
        catch (IOException e) {
            return false;
        }
    }

    synchronized long reads() {
        return reads;
    }

    /** Reads of a part of a file, of none, or of nonsense. */
    synchronized long broken() {
        return broken;
    }

    synchronized long longestDead() {
        return longestDead;
    }

    /** How many files writers left that were killed. */
    long leftBehind() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().startsWith(".")).count();
        }
    }

    @Override
    public void close() {
        if (memcached != null) {
            memcached.close();
        }
        if (redis != null) {
            redis.close();
        }
    }

}
