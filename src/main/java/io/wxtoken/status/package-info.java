/** What an operator, or a monitoring check, asks: are we fine? Reads the rows, and nothing else. */
package io.wxtoken.status;
