package io.wxtoken.cli;

import java.sql.SQLException;

import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.ExitCode;
import io.wxtoken.database.DatabaseFailure;
import io.wxtoken.database.Schema;
import io.wxtoken.settings.Settings;

/** Creates the tables or brings them up to date, and does nothing else. */
record MigrateCommand() implements Execution.Body {

    @Override
    public ExitCode run(ConfigurableEnvironment environment, Console console) throws SQLException {
        Settings.readWithoutSecrets(environment);
        System.out.println("the schema at " + DatabaseFailure.withoutSecrets(Settings.databaseUrl(environment))
                + " is at version " + Schema.migrate(environment));
        return ExitCode.OK;
    }
}
