/**
 * Shows operators and monitoring checks the state of each row, and whether all rows are
 * usable. It reads the rows and writes nothing.
 */
package io.wxtoken.status;
