/**
 * Files that other programs read: they are replaced as a whole. What is in them is not
 * known here.
 */
package io.wxtoken.file;
