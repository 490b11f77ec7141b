/**
 * How the database is reached and its schema kept: which server of several is used,
 * bounds on every wait, what a server's errors mean, and migrations that several nodes
 * may start at once. No statement that changes a row of {@code wx_token} lives here.
 */
package io.wxtoken.database;
