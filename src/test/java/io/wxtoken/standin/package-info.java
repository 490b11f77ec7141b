/**
 * A stand-in for WeChat over real HTTP on loopback, for tests and for the README's first
 * command. It is true to what WeChat documents, and to the quirks that users report; it
 * knows nothing of the product.
 */
package io.wxtoken.standin;
