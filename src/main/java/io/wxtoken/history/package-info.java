/**
 * Records for people what happened to the rows, in the table {@code wx_token_history}. An
 * entry is written after its row was changed, and no decision depends on it: a run that
 * can't write its history still refreshes the rows.
 */
package io.wxtoken.history;
