package io.wxtoken;

import java.util.ArrayList;
import java.util.List;

import io.wxtoken.job.RefreshRun;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Unmatched;

/** The command line. Settings may stand there too, as {@code --wx.refresh.after=10m}; they go to Spring as they are. */
@Command(name = "wx-token", description = "Refreshes what is due in the table wx_token, and ends.", sortOptions = false)
final class Arguments {

    @Parameters(arity = "0..1", paramLabel = "refresh", description = "The only command, and the default.")
    private String command;

    @Option(names = "--force", description = "Refresh the access_tokens now, due or not (a token has leaked, say).")
    private boolean force;

    @Option(names = "--app-id", paramLabel = "APPID", description = "Only this account.")
    private String appId;

    @Option(names = "--help", usageHelp = true, description = "Show this help.")
    private boolean help;

    @Unmatched
    private List<String> unmatched = new ArrayList<>();

    /** @throws ParameterException when an argument is none of ours and no setting */
    static Arguments parse(String... args) {
        Arguments arguments = new Arguments();
        CommandLine commandLine = new CommandLine(arguments);
        commandLine.parseArgs(args);
        for (String argument : arguments.unmatched) {
            if (!argument.matches("--[a-z][^=]*\\.[^=]+=.*")) {
                throw new ParameterException(commandLine, "unknown argument '" + argument.replaceAll("=.*", "=…")
                        + "': see --help; a setting is written --name.of.it=value");
            }
        }
        if (arguments.command != null && !arguments.command.equals("refresh")) {
            throw new ParameterException(commandLine, "unknown command '" + arguments.command + "': see --help");
        }
        return arguments;
    }

    RefreshRun.Options options() {
        return new RefreshRun.Options(force, appId);
    }

    boolean help() {
        return help;
    }

    static String usage() {
        return new CommandLine(new Arguments()).getUsageMessage();
    }

    /** For Spring. */
    String[] settings() {
        return unmatched.toArray(String[]::new);
    }
}
