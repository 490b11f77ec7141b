package io.wxtoken.cli;

import java.util.ServiceConfigurationError;

import io.wxtoken.ExitCode;
import io.wxtoken.job.RefreshOptions;

/** Starts the program, which runs one command and ends. */
public final class Main {

    private Main() {
    }

    public static void main(String[] args) {
        System.exit(run(args));
    }

    /**
     * Runs one command.
     * @return the exit code, see {@link io.wxtoken.ExitCode}
     */
    public static int run(String... args) {
        // A scheduler gives no arguments, and loading the command line's parser would
        // make its runs a fifth longer.
        try {
            return args.length == 0 ? Execution.of(new RefreshCommand(RefreshOptions.SCHEDULED)) : Commands.run(args);
        }
        catch (LinkageError | ServiceConfigurationError e) {
            return reportIncomplete(e);
        }
    }

    /**
     * Reports that a file of the program is missing or does not fit the others. This
     * needs few classes, because the others may be missing, too.
     * @return the exit code
     */
    static int reportIncomplete(Throwable e) {
        System.err.println("wx-token: " + incomplete(e));
        return ExitCode.ACT.code();
    }

    static String incomplete(Throwable e) {
        return "the program's files are incomplete or of two versions (" + e + "): if a new version was being unpacked,"
                + " start it again; otherwise install wx-token again";
    }

}
