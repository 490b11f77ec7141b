package io.wxtoken.cli;

import java.sql.Connection;
import java.sql.SQLException;

import org.springframework.core.env.ConfigurableEnvironment;
import picocli.CommandLine.Help.Ansi;

import io.wxtoken.ExitCode;
import io.wxtoken.database.Database;
import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.status.Status;
import io.wxtoken.status.StatusText;
import io.wxtoken.token.RunId;

/**
 * Prints the state of each row.
 *
 * @param appId null for all accounts
 * @param json whether to print JSON
 */
record StatusCommand(String appId, boolean json) implements Execution.Body {

    static final String READ_ONLY = "these rows are a read-only server's, so they may be old, and no run can refresh"
            + " them there. Name a server that takes writes in spring.datasource.url, or all servers, as in"
            + " jdbc:mysql://db1,db2,db3/wx";

    static final String NO_RUN_YET = "the job has not run there, or only in an older version";

    @Override
    public ExitCode run(ConfigurableEnvironment environment, Console console) throws SQLException {
        WxProperties wx = Settings.readWithoutSecrets(environment);
        try (Connection connection = Database.connectToRead(environment)) {
            Status status = Status.read(connection, wx, appId, RunId.unique());
            System.out
                .print(json ? StatusText.json(status) + System.lineSeparator() : StatusText.table(status, Ansi.AUTO));
            if (connection.isReadOnly()) {
                console.error(READ_ONLY);
                return ExitCode.DATABASE;
            }
            return status.usable() ? ExitCode.OK : ExitCode.RETRY;
        }
        catch (SQLException e) {
            if (!DatabaseErrors.lacksSchema(e)) {
                throw e;
            }
            return MissingTable.report(environment, console, "wx_token", NO_RUN_YET);
        }
    }
}
