/**
 * How the database is reached and its schema kept: bounds on every wait, and migrations that several nodes may start
 * at once. No statement on {@code wx_token} lives here.
 */
package io.wxtoken.database;
