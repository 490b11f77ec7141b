/**
 * The Spring Batch job: its wiring, its one step over the rows, and how a run is started, stopped and bounded.
 */
package io.wxtoken.job;
