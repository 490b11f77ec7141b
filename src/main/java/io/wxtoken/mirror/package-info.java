/** Copies of the rows for applications that keep the token elsewhere than in the table: in memcached, or in a file. */
package io.wxtoken.mirror;
