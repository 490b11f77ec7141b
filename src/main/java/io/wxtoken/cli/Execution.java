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

    /** The work of a command. */
    interface Body {

        ExitCode run(ConfigurableEnvironment environment, Console console) throws Exception;

    }

    private Execution() {
    }

    /**
     * @param settings settings from the command line, {@code --name.of.it=value}
     * @return the exit code
     */
    static int of(Body command, String... settings) {
        return of(Path.of("."), command, settings);
    }

    /**
     * @param folder with the configuration files
     */
    static int of(Path folder, Body command, String... settings) {
        ConfigurableEnvironment environment = null;
        try {
            environment = Settings.environment(folder, settings);
            return command.run(environment, new Console(environment)).code();
        }
        catch (LinkageError | ServiceConfigurationError e) {
            return Main.reportIncomplete(e);
        }
        catch (Exception | OutOfMemoryError e) {
            Console console = new Console(environment);
            FailureReport report = FailureReport.of(e, environment);
            console.error(report.lines());
            if (console.debug()) {
                e.printStackTrace();
            }
            return report.exitCode().code();
        }
    }

}
