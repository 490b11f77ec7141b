package io.wxtoken.cli;

import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.util.List;

import org.springframework.core.env.Environment;

import io.wxtoken.file.AtomicFile;
import io.wxtoken.metrics.Textfile;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.token.RefreshListener;

/**
 * The metrics file that is set, if there is one. A file that can't be written keeps no
 * command from its work.
 */
final class MetricsFile {

    private static final String SETTING = "wx.metrics.textfile";

    private final String name;

    /** Null when no metrics are wanted. */
    private final Textfile textfile;

    /**
     * The setting need not have been checked, because the metrics should also show a run
     * with a wrong setting.
     */
    MetricsFile(Environment environment) {
        name = environment.containsProperty(SETTING) ? Settings.text(environment, SETTING) : "";
        boolean usable = WxProperties.Metrics.isTextfile(name) && name.indexOf('\0') < 0 && !name.contains("${");
        textfile = usable ? new Textfile(name) : null;
    }

    boolean wanted() {
        return textfile != null;
    }

    /** Counts what happens to rows, if metrics are wanted. */
    RefreshListener listener() {
        return textfile == null ? RefreshListener.NONE : textfile.listener();
    }

    /** Writes to the file. */
    interface Content {

        void writeTo(Textfile textfile) throws IOException;

    }

    /**
     * Writes the file, if metrics are wanted, and warns if it can't be written.
     * @param consequence what follows if it can't, for the end of the warning
     * @return whether there is nothing to mend
     */
    boolean write(Console console, Content content, String consequence) {
        if (textfile == null) {
            return true;
        }
        try {
            content.writeTo(textfile);
            return true;
        }
        catch (IOException | InvalidPathException e) {
            console.warn(List.of(SETTING + " = " + name + " can't be written: " + AtomicFile.reason(e)
                    + ". The tokens are not affected; make its folder, give this user the right to write there, or"
                    + " correct the setting" + consequence));
            return false;
        }
    }

}
