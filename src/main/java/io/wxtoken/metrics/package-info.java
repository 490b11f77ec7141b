/** What a run that is gone before anyone can scrape it leaves for Prometheus. */
package io.wxtoken.metrics;
