/**
 * The command line: a class for each command, the output for people and for machines, and
 * the lines and exit code for each failure. No rule about rows lives here.
 */
package io.wxtoken.cli;
