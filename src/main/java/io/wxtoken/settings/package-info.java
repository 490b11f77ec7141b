/**
 * What an operator may set: read, bound, and checked against its rules before anything is
 * opened. Nothing here connects to a database or to WeChat.
 */
package io.wxtoken.settings;
