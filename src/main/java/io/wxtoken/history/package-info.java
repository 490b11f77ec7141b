/**
 * {@code wx_token_history}: what happened to the rows, for people. It is written after the row, by whoever changed it, and
 * nothing here decides anything: a run whose history can't be written refreshes as ever.
 */
package io.wxtoken.history;
