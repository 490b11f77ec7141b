/**
 * The command line: a class for each command, what is said to people and to machines, and
 * which failure ends with which lines and exit code. No rule about rows lives here.
 */
package io.wxtoken.cli;
