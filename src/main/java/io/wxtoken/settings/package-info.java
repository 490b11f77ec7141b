/**
 * What an operator may set, checked before anything is opened: units, bounds, and messages that name the property.
 * Nothing here talks to a database or to WeChat.
 */
package io.wxtoken.settings;
