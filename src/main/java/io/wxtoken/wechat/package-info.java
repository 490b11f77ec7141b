/**
 * Asks WeChat and interprets its answers. No other package knows WeChat's URLs, its JSON
 * and its error codes. Nothing here knows the settings or the rows, and no text that
 * leaves this package contains a secret or a token.
 */
package io.wxtoken.wechat;
