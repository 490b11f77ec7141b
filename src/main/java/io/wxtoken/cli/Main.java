package io.wxtoken.cli;

import io.wxtoken.job.RefreshOptions;

/** Starts the program: one command, then the end. */
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
        // A scheduler gives no arguments. Loading the command line's parser would then
        // cost a fifth more.
        return args.length == 0 ? Execution.of(new RefreshCommand(RefreshOptions.SCHEDULED)) : Commands.run(args);
    }

}
