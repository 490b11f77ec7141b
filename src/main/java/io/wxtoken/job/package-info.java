/**
 * One run: the check whether anything is due, the Spring Batch job over the accounts,
 * what it reports, and how it ends when it is told to stop or takes too long. No SQL
 * lives here, and no rule about a row.
 */
package io.wxtoken.job;
