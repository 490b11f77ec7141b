package io.wxtoken.mirror;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;

/**
 * All mirrors of the rows. Every run brings them to the rows, after what it published, so that a memcached that was
 * restarted or a file that was deleted is whole again one run later.
 * <p>
 * Two runs may do so at the same time, and a slow one would leave an older value behind: so whoever wrote reads the rows
 * again, and goes on until a mirror holds what a row holds that was read after the last write. The run that published
 * last ends that way, and so does each slower one; one that dies before that leaves it to the next run.
 */
public final class Mirrors {

    /** Each but the first means that a row moved on, or that somebody else wrote the mirror, within milliseconds. */
    private static final int ROUNDS = 5;

    private final List<Mirror> mirrors = new ArrayList<>();

    public Mirrors(WxProperties.Mirror settings) {
        if (settings.toFile()) {
            mirrors.add(new FileMirror(settings));
        }
        settings.memcached().servers().stream().distinct().map(MemcachedMirror::new).forEach(mirrors::add);
    }

    /** Reads the rows. */
    public interface RowReader {

        Map<TokenRows.Key, TokenRow> read() throws Exception;
    }

    /**
     * Brings each mirror to the rows; one that fails does not keep the others from it.
     *
     * @param rows of the configured accounts, as just read
     * @return what failed, a line for each, for the operator
     * @throws Exception when the rows can't be read again
     */
    public Set<String> follow(Map<TokenRows.Key, TokenRow> rows, RowReader again) throws Exception {
        Set<String> failures = new LinkedHashSet<>();
        Map<TokenRows.Key, TokenRow> now = rows;
        for (Mirror mirror : mirrors) {
            for (int round = 1; mirror.bringTo(now, failures); round++) {
                if (round == ROUNDS) {
                    failures.add(mirror + " is written by another program all the time: let that only read");
                    break;
                }
                now = again.read();
            }
        }
        return failures;
    }
}
