package io.wxtoken.cli;

import java.sql.Connection;
import java.sql.SQLException;

import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.database.Database;
import io.wxtoken.database.DatabaseErrors;
import io.wxtoken.settings.Settings;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.status.Status;
import io.wxtoken.status.StatusCheck;
import io.wxtoken.token.RunId;

/**
 * Checks the rows for a monitoring system. Whatever keeps it from judging them is
 * {@link StatusCheck.Severity#UNKNOWN}.
 *
 * @param appId null for all accounts
 */
record StatusCheckCommand(String appId, StatusCheck.Thresholds thresholds) implements Execution.Work {

    @Override
    public int execute(ConfigurableEnvironment environment, Console console) throws SQLException {
        WxProperties wx = Settings.readWithoutSecrets(environment);
        try (Connection connection = Database.connectToRead(environment)) {
            Status status = Status.read(connection, wx, appId, RunId.unique());
            return print(connection.isReadOnly() ? StatusCheck.unknown(StatusCommand.READ_ONLY)
                    : StatusCheck.of(status, thresholds));
        }
        catch (SQLException e) {
            if (!DatabaseErrors.lacksSchema(e)) {
                throw e;
            }
            return print(StatusCheck.unknown(MissingTable.line(environment, "wx_token", StatusCommand.NO_RUN_YET)));
        }
    }

    @Override
    public int report(FailureReport failure, Console console) {
        return print(StatusCheck.unknown(String.join("; ", failure.lines())));
    }

    /**
     * @return the exit code
     */
    static int print(StatusCheck check) {
        System.out.println(check.text());
        return check.severity().exitCode();
    }

}
