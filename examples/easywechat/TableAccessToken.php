<?php

declare(strict_types=1);

use EasyWeChat\Kernel\Contracts\AccessToken;

/**
 * Lets EasyWeChat 6 read the access_token in wx_token; it never fetches one. Needs PHP 8 with pdo_mysql.
 *
 *     $app = new EasyWeChat\OfficialAccount\Application(['app_id' => 'wx0123456789abcdef']);
 *     $token = new TableAccessToken($pdo, 'wx0123456789abcdef'); // $pdo as a database user that may do what wx_reader may
 *     $app->setAccessToken($token);
 *     $answer = $token->retry(fn () => $app->getClient()->get('/cgi-bin/get_api_domain_ip')->toArray());
 *
 * It is no RefreshableAccessToken, because the retry of EasyWeChat's option http.retry sends the refused token once more.
 */
final class TableAccessToken implements AccessToken
{
    private const TOKEN_IS_DEAD = [40001, 40014, 42001];

    public function __construct(private PDO $db, private string $appId)
    {
    }

    public function getToken(): string
    {
        return $this->read()[1];
    }

    public function toQuery(): array
    {
        return ['access_token' => $this->getToken()];
    }

    /**
     * Makes a call of WeChat's API. If WeChat refuses the token, requests its refresh, and repeats the call if the row has a
     * newer one by now. Else the caller gets the answer with its errcode: the refresh comes with the next run, within a minute
     * or two. A web request should not wait for that: answer 503 with Retry-After: 60, or put the work back into its queue.
     *
     * @param callable(): array<string, mixed> $call
     * @return array<string, mixed>
     */
    public function retry(callable $call): array
    {
        $before = $this->read();
        $answer = $call();
        if (!in_array($answer['errcode'] ?? 0, self::TOKEN_IS_DEAD, true)) {
            return $answer;
        }
        // Changes nothing if the row has a newer token by now.
        $this->db->prepare('UPDATE wx_token SET refresh_requested = 1 WHERE id = ? AND value = ? AND refresh_requested = 0')
            ->execute($before);
        return $this->read() === $before ? $answer : $call();
    }

    /** @return array{int, string} the row's id, and its token */
    private function read(): array
    {
        $select = $this->db->prepare("SELECT id, value FROM wx_token WHERE app_id = ? AND type = 'access_token' AND value <> ''");
        $select->execute([$this->appId]);
        return $select->fetch(PDO::FETCH_NUM) ?: throw new RuntimeException("wx_token has no access_token of $this->appId");
    }
}
