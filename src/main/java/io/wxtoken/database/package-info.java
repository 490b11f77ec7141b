/**
 * Connects to the database and keeps its schema: chooses among several servers, bounds
 * every wait, interprets the servers' errors, and runs migrations that several nodes may
 * start at once. No statement that changes a row of {@code wx_token} lives here.
 */
package io.wxtoken.database;
