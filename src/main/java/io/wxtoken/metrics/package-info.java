/**
 * Writes a run's metrics to a file for Prometheus, because a run ends before Prometheus
 * could scrape it: counters of what happened to rows, and the rows' ages. Nothing here
 * decides anything.
 */
package io.wxtoken.metrics;
