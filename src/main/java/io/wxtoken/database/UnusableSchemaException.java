package io.wxtoken.database;

/**
 * The database holds something else under one of the program's names, or a schema that
 * this user can't bring up to date: a person must act. The message is one line that says
 * what is wrong and what to do.
 */
public final class UnusableSchemaException extends RuntimeException {

    UnusableSchemaException(String problem) {
        super(problem);
    }

}
