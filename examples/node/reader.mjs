// Calls WeChat's API with the access_token in wx_token; never fetches one.
//
// Needs Node.js 18 or later and mysql2 (npm install mysql2). Run it as a database user that may do what wx_reader may:
//
//     MYSQL_HOST=db.example.com MYSQL_USER=wx_reader MYSQL_PASSWORD=... MYSQL_DATABASE=wx MYSQL_SSL_CA=/etc/mysql/ca.pem \
//         WX_APPID=wx0123456789abcdef node reader.mjs

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import mysql from 'mysql2/promise';

const TOKEN_IS_DEAD = [40001, 40014, 42001];

/**
 * WeChat refuses the token in the row. Its refresh is requested and comes with the next run, within a minute or two.
 * A web request should not wait for that: answer 503 with Retry-After: 60, or put the work back into its queue.
 */
class TokenRefused extends Error {}

/** Returns the token that WeChat took, and its answer. */
async function call(db, appId, api, path) {
  let refused;
  let answer;
  for (let attempt = 0; attempt < 2; attempt++) {
    const [[row]] = await db.execute("SELECT id, value FROM wx_token WHERE app_id = ? AND type = 'access_token'", [appId]);
    if (!row?.value) throw new Error(`wx_token has no access_token of ${appId}`);
    const token = row.value;
    if (token === refused) break;
    const query = new URLSearchParams({ access_token: token });
    const response = await fetch(`${api}${path}?${query}`, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) throw new Error(`WeChat answers with HTTP status ${response.status}`);
    answer = await response.json();
    if (!TOKEN_IS_DEAD.includes(answer.errcode)) return { token, answer };
    refused = token;
    // Changes nothing if the row has a newer token by now: the loop then tries that one.
    await db.execute(
      'UPDATE wx_token SET refresh_requested = 1 WHERE id = ? AND value = ? AND refresh_requested = 0', [row.id, token]);
  }
  throw new TokenRefused(`errcode ${answer.errcode}: a refresh of the token is requested, try again in a minute`);
}

const env = process.env;
const db = mysql.createPool({
  host: env.MYSQL_HOST ?? '127.0.0.1',
  port: Number(env.MYSQL_PORT ?? 3306),
  user: env.MYSQL_USER,
  password: env.MYSQL_PASSWORD,
  database: env.MYSQL_DATABASE,
  ssl: env.MYSQL_SSL_CA && { ca: readFileSync(env.MYSQL_SSL_CA), verifyIdentity: true },
});
try {
  const { token, answer } = await call(
    db, env.WX_APPID, env.WX_API ?? 'https://api.weixin.qq.com', '/cgi-bin/get_api_domain_ip');
  // A token is never printed; its fingerprint is the one that wx-token prints.
  console.log('token', createHash('sha256').update(token).digest('hex').slice(0, 12), JSON.stringify(answer));
} catch (e) {
  if (!(e instanceof TokenRefused)) throw e;
  console.error(e.message);
  process.exitCode = 1;
} finally {
  await db.end();
}
