/**
 * What WeChat is asked and what its answers mean: the one place that knows its URLs, its JSON and its error codes.
 * Nothing here knows of the database; a secret or a token never leaves this package in a text.
 */
package io.wxtoken.wechat;
