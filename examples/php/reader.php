<?php

// Calls WeChat's API with the access_token in wx_token; never fetches one.
//
// Needs PHP 8 with pdo_mysql and curl (Debian: php-cli php-mysql php-curl). Run it as a database user that may do what
// wx_reader may:
//
//     MYSQL_HOST=db.example.com MYSQL_USER=wx_reader MYSQL_PASSWORD=... MYSQL_DATABASE=wx MYSQL_SSL_CA=/etc/mysql/ca.pem \
//         WX_APPID=wx0123456789abcdef php reader.php

declare(strict_types=1);

/**
 * WeChat refuses the token in the row. Its refresh is requested and comes with the next run, within a minute or two.
 * A web request should not wait for that: answer 503 with Retry-After: 60, or put the work back into its queue.
 */
final class TokenRefused extends RuntimeException
{
}

final class WeChat
{
    private const TOKEN_IS_DEAD = [40001, 40014, 42001];

    public function __construct(private PDO $db, private string $appId, private string $api)
    {
    }

    /** @return array{string, array<string, mixed>} the token that WeChat took, and its answer */
    public function call(string $path): array
    {
        $select = $this->db->prepare("SELECT id, value FROM wx_token WHERE app_id = ? AND type = 'access_token'");
        $refused = null;
        for ($attempt = 0; $attempt < 2; $attempt++) {
            $select->execute([$this->appId]);
            [$id, $token] = $select->fetch(PDO::FETCH_NUM) ?: [0, ''];
            $select->closeCursor();
            if ($token === '') {
                throw new RuntimeException("wx_token has no access_token of $this->appId");
            }
            if ($token === $refused) {
                break;
            }
            $answer = $this->get($path, $token);
            if (!in_array($answer['errcode'] ?? 0, self::TOKEN_IS_DEAD, true)) {
                return [$token, $answer];
            }
            $refused = $token;
            // Changes nothing if the row has a newer token by now: the loop then tries that one.
            $this->db->prepare('UPDATE wx_token SET refresh_requested = 1 WHERE id = ? AND value = ? AND refresh_requested = 0')
                ->execute([$id, $token]);
        }
        throw new TokenRefused("errcode {$answer['errcode']}: a refresh of the token is requested, try again in a minute");
    }

    /** @return array<string, mixed> */
    private function get(string $path, #[SensitiveParameter] string $token): array
    {
        $curl = curl_init($this->api . $path . '?' . http_build_query(['access_token' => $token]));
        curl_setopt_array($curl, [CURLOPT_RETURNTRANSFER => true, CURLOPT_FAILONERROR => true, CURLOPT_TIMEOUT => 10]);
        $body = curl_exec($curl);
        if ($body === false) {
            throw new RuntimeException('WeChat: ' . curl_error($curl));
        }
        return json_decode($body, true, flags: JSON_THROW_ON_ERROR);
    }
}

$env = getenv();
$ca = $env['MYSQL_SSL_CA'] ?? null;
$db = new PDO(
    sprintf('mysql:host=%s;port=%s;dbname=%s', $env['MYSQL_HOST'] ?? '127.0.0.1', $env['MYSQL_PORT'] ?? '3306', $env['MYSQL_DATABASE']),
    $env['MYSQL_USER'],
    $env['MYSQL_PASSWORD'],
    [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_TIMEOUT => 5] + ($ca ? [PDO::MYSQL_ATTR_SSL_CA => $ca] : []),
);
try {
    [$token, $answer] = (new WeChat($db, $env['WX_APPID'], $env['WX_API'] ?? 'https://api.weixin.qq.com'))
        ->call('/cgi-bin/get_api_domain_ip');
} catch (TokenRefused $e) {
    fwrite(STDERR, $e->getMessage() . "\n");
    exit(1);
}
// A token is never printed; its fingerprint is the one that wx-token prints.
echo 'token ', substr(hash('sha256', $token), 0, 12), ' ', json_encode($answer), "\n";
