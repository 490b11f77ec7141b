/**
 * Reads the operator's settings, and checks them against their rules before anything is
 * opened. Nothing here connects to a database or to WeChat.
 */
package io.wxtoken.settings;
