/**
 * The attack on the promise: real processes of the packaged program on a real server, and
 * faults drawn from a seed. Start with {@link io.wxtoken.storm.StormProof};
 * {@link io.wxtoken.storm.Storm} directs it. It needs a Unix (SIGSTOP).
 */
package io.wxtoken.storm;
