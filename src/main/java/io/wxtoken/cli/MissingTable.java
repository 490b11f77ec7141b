package io.wxtoken.cli;

import java.sql.SQLException;

import org.springframework.core.env.ConfigurableEnvironment;

import io.wxtoken.ExitCode;
import io.wxtoken.database.DatabaseFailure;
import io.wxtoken.database.Schema;
import io.wxtoken.settings.Settings;

/** Reports that a command can't read a table because it is missing or old. */
final class MissingTable {

    private MissingTable() {
    }

    /**
     * @param table one of the program's tables, which is missing or lacks a column
     * @throws io.wxtoken.database.UnusableSchemaException when a table of that name is
     * another program's
     */
    static ExitCode report(ConfigurableEnvironment environment, Console console, String table, String advice)
            throws SQLException {
        console.error(line(environment, table, advice));
        return ExitCode.RETRY;
    }

    /** The line that {@link #report} writes. */
    static String line(ConfigurableEnvironment environment, String table, String advice) throws SQLException {
        Schema.check(environment);
        return "there is no table " + table + " at " + DatabaseFailure.withoutSecrets(Settings.databaseUrl(environment))
                + " yet, or it is an old one: " + advice;
    }

}
