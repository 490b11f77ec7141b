/**
 * Replaces files that other programs read. This package does not know what is in them.
 */
package io.wxtoken.file;
