package io.wxtoken.mirror;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

import io.wxtoken.AtomicFile;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.AccountRefresher;
import io.wxtoken.token.TokenRow;
import io.wxtoken.token.TokenRows;
import tools.jackson.core.io.JsonStringEncoder;

/**
 * The source's file of an access_token, {@code {"access_token": "…", "expires_time": …}}, where the time is when the token
 * was obtained. Its readers call it stale an hour later. Its owner and its group may read it, and nobody else.
 */
final class FileMirror implements Mirror {

    private final WxProperties.Mirror settings;

    FileMirror(WxProperties.Mirror settings) {
        this.settings = settings;
    }

    @Override
    public boolean bringTo(Map<TokenRows.Key, TokenRow> rows, Set<String> failures) {
        boolean written = false;
        for (Map.Entry<TokenRows.Key, TokenRow> entry : rows.entrySet()) {
            TokenRow row = entry.getValue();
            if (row == null || !row.live() || !row.type().equals(AccountRefresher.ACCESS_TOKEN)) {
                continue;
            }
            Path file = settings.fileOf(entry.getKey().appId());
            String content = content(row);
            if (!content.equals(read(file))) {
                written |= write(file, content, failures);
            }
        }
        return written;
    }

    private static String content(TokenRow row) {
        StringBuilder content = new StringBuilder("{\"access_token\": \"");
        JsonStringEncoder.getInstance().quoteAsString(row.value(), content); // another program may have written anything
        return content.append("\", \"expires_time\": ").append(row.obtainedAt()).append("}").toString();
    }

    /** What can't be read, for whatever reason, is to be replaced. */
    private static String read(Path file) {
        try {
            return Files.readString(file);
        }
        catch (IOException e) {
            return null;
        }
    }

    private static boolean write(Path file, String content, Set<String> failures) {
        try {
            AtomicFile.replace(file, content, "rw-r-----");
            return true;
        }
        catch (IOException e) {
            failures.add("the token's file " + file + " can't be written: " + reason(e)
                    + ". The table is not affected; give this user the right to write into its folder, or correct wx.mirror.file");
            return false;
        }
    }

    private static String reason(IOException e) {
        return e instanceof NoSuchFileException ? "its folder is missing" : e instanceof AccessDeniedException ? "permission denied"
                : e instanceof FileSystemException inFileSystem ? inFileSystem.getReason() : e.getMessage();
    }

    @Override
    public String toString() {
        return "the token's file " + settings.file();
    }
}
