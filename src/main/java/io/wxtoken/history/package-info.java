/**
 * The table {@code wx_token_history}: what happened to the rows, for people. It is
 * written after a row was changed, and nothing is ever decided by it: a run whose history
 * can't be written refreshes as ever.
 */
package io.wxtoken.history;
