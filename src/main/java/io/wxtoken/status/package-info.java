/**
 * Answers an operator's, or a monitoring check's, question whether all is well. It reads
 * the rows and writes nothing.
 */
package io.wxtoken.status;
