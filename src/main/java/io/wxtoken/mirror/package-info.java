/**
 * Copies of the rows for applications that read the token elsewhere than in the table: in
 * memcached, in Redis, or in a file. Values go from the rows to the copies, never back.
 */
package io.wxtoken.mirror;
