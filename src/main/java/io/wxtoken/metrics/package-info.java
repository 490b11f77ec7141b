/**
 * What a run leaves for Prometheus, as it is over before anyone could ask it: counters of
 * what happened to rows, and the rows' ages, in a file. Nothing here decides anything.
 */
package io.wxtoken.metrics;
