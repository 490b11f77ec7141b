/**
 * What WeChat is asked and what its answers mean: the only place that knows its URLs, its
 * JSON and its error codes. Nothing here knows the settings or the rows, and no secret or
 * token leaves this package in a text.
 */
package io.wxtoken.wechat;
