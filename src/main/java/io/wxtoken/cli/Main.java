package io.wxtoken.cli;

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
        return args.length == 0 ? Execution.of(new RefreshCommand(RefreshOptions.SCHEDULED)) : Commands.run(args);
    }

}
