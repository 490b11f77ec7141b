/**
 * One run: the check whether anything is due, the Spring Batch job over the accounts, the
 * run's log, and its end when it is told to stop or takes too long. No SQL lives here,
 * and no rule about a row.
 */
package io.wxtoken.job;
