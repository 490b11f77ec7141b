/**
 * The program, with a package for each of its parts. This package itself holds only what
 * all parts share: the exit codes ({@link io.wxtoken.ExitCode}). Start with
 * {@link io.wxtoken.token.Refresher}, and see docs/design.md.
 */
package io.wxtoken;
