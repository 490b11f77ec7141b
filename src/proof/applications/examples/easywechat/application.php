<?php

// Calls WeChat as EasyWeChat's AccessTokenAwareClient does, with the example's AccessToken. It prints what the examples print,
// and takes the same environment. With EASYWECHAT, an autoloader that knows EasyWeChat 6, it is EasyWeChat that calls.

declare(strict_types=1);

namespace EasyWeChat\Kernel\Contracts {
    if (getenv('EASYWECHAT')) {
        require getenv('EASYWECHAT');
    } else {
        /** As in EasyWeChat 6 (w7corp/easywechat at 7a93b80, MIT License). */
        interface AccessToken
        {
            public function getToken(): string;

            /**
             * @return array<string,string>
             */
            public function toQuery(): array;
        }
    }
}

namespace {
    require __DIR__ . '/../../../../../examples/easywechat/TableAccessToken.php';

    $db = new PDO(
        sprintf('mysql:host=%s;port=%s;dbname=%s', getenv('MYSQL_HOST'), getenv('MYSQL_PORT'), getenv('MYSQL_DATABASE')),
        getenv('MYSQL_USER'),
        getenv('MYSQL_PASSWORD'),
        [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::MYSQL_ATTR_SSL_CA => getenv('MYSQL_SSL_CA')],
    );
    $token = new TableAccessToken($db, getenv('WX_APPID'));
    $path = '/cgi-bin/get_api_domain_ip';
    if (getenv('EASYWECHAT')) {
        $app = new EasyWeChat\OfficialAccount\Application([
            'app_id' => getenv('WX_APPID'), 'http' => ['base_uri' => getenv('WX_API')],
        ]);
        $app->setAccessToken($token);
        $call = fn () => $app->getClient()->get($path)->toArray();
    } else {
        $call = fn () => json_decode(file_get_contents(getenv('WX_API') . $path . '?' . http_build_query($token->toQuery())), true);
    }
    $answer = $token->retry($call);
    if (isset($answer['errcode'])) {
        fwrite(STDERR, json_encode($answer) . "\n");
        exit(1);
    }
    echo 'token ', substr(hash('sha256', $token->getToken()), 0, 12), ' ', json_encode($answer), "\n";
}
