package io.wxtoken.cli;

import java.nio.file.Path;
import java.util.ServiceConfigurationError;

import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.ExitCode;
import io.wxtoken.settings.Settings;

/**
 * Runs a command: reads the configuration for it, and turns its failure into lines for
 * people and an exit code.
 */
final class Execution {

    /** A command, with exit codes that may be its own. */
    interface Work {

        int execute(ConfigurableEnvironment environment, Console console) throws Exception;

        /**
         * Reports that the configuration could not be read, or that the work failed.
         * @return the exit code
         */
        int report(FailureReport failure, Console console);

    }

    /** A command that ends with the program's exit codes. */
    interface Body extends Work {

        ExitCode run(ConfigurableEnvironment environment, Console console) throws Exception;

        @Override
        default int execute(ConfigurableEnvironment environment, Console console) throws Exception {
            return run(environment, console).code();
        }

        @Override
        default int report(FailureReport failure, Console console) {
            console.error(failure);
            return failure.exitCode().code();
        }

    }

    private Execution() {
    }

    /**
     * @param settings settings from the command line, {@code --name.of.it=value}
     * @return the exit code
     */
    static int of(Work command, String... settings) {
        return of(Path.of("."), command, settings);
    }

    /**
     * @param folder with the configuration files
     */
    static int of(Path folder, Work command, String... settings) {
        ConfigurableEnvironment environment = null;
        try {
            environment = Settings.environment(folder, settings);
            return command.execute(environment, new Console(environment));
        }
        catch (LinkageError | ServiceConfigurationError e) {
            return Main.reportIncomplete(e);
        }
        catch (Exception | OutOfMemoryError e) {
            Console console = new Console(environment);
            int exitCode = command.report(FailureReport.of(e, environment), console);
            if (console.debug()) {
                e.printStackTrace();
            }
            return exitCode;
        }
    }

}
