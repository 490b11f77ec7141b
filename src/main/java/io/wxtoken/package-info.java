/**
 * The program, a room for each of its parts. This package itself holds only what all
 * rooms share: how grave an outcome is ({@link io.wxtoken.ExitCode}). Start with
 * {@link io.wxtoken.token.Refresher}, and see docs/design.md.
 */
package io.wxtoken;
