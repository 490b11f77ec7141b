package io.wxtoken.mirror;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import tools.jackson.core.io.JsonStringEncoder;

import io.wxtoken.file.AtomicFile;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;

/**
 * Writes the 2015 class's file of an access_token, {@code {"access_token": "…",
 * "expires_time": …}}. The time is when the token was obtained, and readers call the
 * token stale an hour later. Only the file's owner and its group may read it.
 */
final class FileMirror implements Mirror {

    private static final String PERMISSIONS = "rw-r-----";

    private final WxProperties.Mirror settings;

    FileMirror(WxProperties.Mirror settings) {
        this.settings = settings;
    }

    @Override
    public boolean sync(Map<RowKey, TokenRow> rows, Set<String> failures) {
        Set<Path> foldersWritten = new HashSet<>();
        for (Map.Entry<RowKey, TokenRow> entry : rows.entrySet()) {
            TokenRow row = entry.getValue();
            if (row.live() && row.type().equals(RowKey.ACCESS_TOKEN)) {
                String name = settings.fileOf(entry.getKey().appId());
                try {
                    Path file = Path.of(name);
                    String content = content(row);
                    if (!holds(file, content)) {
                        AtomicFile.replace(file, out -> out.write(content.getBytes(StandardCharsets.UTF_8)),
                                PERMISSIONS);
                        foldersWritten.add(file.toRealPath().getParent());
                    }
                }
                catch (IOException | InvalidPathException e) {
                    failures.add(failed(name, e));
                }
            }
        }
        for (Path folder : foldersWritten) {
            try {
                AtomicFile.deleteLeftBehind(folder);
            }
            catch (IOException e) {
                failures.add("the temporary files of killed runs in " + folder + " can't be deleted: "
                        + AtomicFile.reason(e));
            }
        }
        return !foldersWritten.isEmpty();
    }

    @Override
    public void check(List<Account> accounts, Set<String> failures) {
        for (Account account : accounts) {
            String name = settings.fileOf(account.appId());
            try {
                AtomicFile.checkWritable(Path.of(name));
            }
            catch (IOException | InvalidPathException e) {
                failures.add(failed(name, e));
            }
        }
    }

    private static String failed(String name, Exception e) {
        return "the token's file " + name + " can't be written: " + AtomicFile.reason(e)
                + ". The table is not affected; give this user the right to write into its folder, or correct"
                + " wx.mirror.file";
    }

    private static String content(TokenRow row) {
        StringBuilder content = new StringBuilder("{\"access_token\": \"");
        // another program may have written any value into the row
        JsonStringEncoder.getInstance().quoteAsString(row.value(), content);
        return content.append("\", \"expires_time\": ").append(row.obtainedAt()).append("}").toString();
    }

    /**
     * Whether the file is as it should be. A file that can't be read, for whatever
     * reason, is replaced.
     */
    private static boolean holds(Path file, String content) {
        try {
            return Files.isRegularFile(file) && content.equals(Files.readString(file)) && (!AtomicFile.POSIX
                    || PosixFilePermissions.toString(Files.getPosixFilePermissions(file)).equals(PERMISSIONS));
        }
        catch (IOException e) {
            return false;
        }
    }

    @Override
    public String toString() {
        return "the token's file " + settings.file();
    }

}
