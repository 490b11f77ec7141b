/**
 * The row protocol, the heart of the program: the row of {@code wx_token}, its
 * statements, when it is due, and how it is refreshed. Start with
 * {@link io.wxtoken.token.Refresher}. Nothing here knows Spring's context, the command
 * line, or WeChat's JSON.
 */
package io.wxtoken.token;
