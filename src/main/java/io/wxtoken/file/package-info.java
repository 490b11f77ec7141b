/**
 * Replaces files that other programs read. This package does not know what they contain.
 */
package io.wxtoken.file;
