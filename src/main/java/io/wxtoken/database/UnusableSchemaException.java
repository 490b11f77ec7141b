package io.wxtoken.database;

/**
 * A table with one of the program's names is another program's, or this user can't bring
 * the schema up to date: a person must act. The message is one line that says what is
 * wrong and what to do.
 */
public final class UnusableSchemaException extends RuntimeException {

    public UnusableSchemaException(String problem) {
        super(problem);
    }

}
