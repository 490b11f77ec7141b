package io.wxtoken.token;

/**
 * The right to ask WeChat for one row's token.
 *
 * @param seen the row as it was when it was claimed
 * @param version the row's version since the claim: the fencing token
 * @param run the run that claimed it, unique for each process
 */
public record Claim(TokenRow seen, long version, String run) {
}
