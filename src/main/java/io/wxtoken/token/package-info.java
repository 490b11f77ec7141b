/**
 * The row protocol, the heart of the product: the row {@code wx_token}, its statements, when it is due, and how it is
 * refreshed. Start with {@link io.wxtoken.token.Refresher}. Nothing here knows of Spring Batch or of WeChat's JSON.
 */
package io.wxtoken.token;
