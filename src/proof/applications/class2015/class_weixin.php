<?php
// The class of 2015 that this project comes from, as an application runs it, written anew for PHP 8 (mysql_query and Memcache are
// gone): the same three places, the same statements, keys and limits, and when it finds no token or a stale one, it fetches
// one of its own, which kills the job's.
//
//   php class_weixin.php <form>...      prints a line for each: the form, and the token
//
// Its constants are in the environment: APPID, APPSECRET, API, MYSQL_HOST, _PORT, _USER, _PASSWORD, _DATABASE, MEMCACHED_PORT; the
// file is in the folder that it is started in.

class class_weixin
{
    public $access_token;
    private $expires_time;

    public function __construct(string $form)
    {
        $this->$form();
    }

    private function fetch(): void
    {
        $url = getenv('API') . '/cgi-bin/token?grant_type=client_credential&appid=' . getenv('APPID') . '&secret=' . getenv('APPSECRET');
        $this->access_token = json_decode(file_get_contents($url), true)['access_token'];
        $this->expires_time = time();
    }

    private function stale(): bool
    {
        return time() > ((int) $this->expires_time + 3600);
    }

    private function database(): void
    {
        $db = new mysqli(getenv('MYSQL_HOST'), getenv('MYSQL_USER'), getenv('MYSQL_PASSWORD'), getenv('MYSQL_DATABASE'), (int) getenv('MYSQL_PORT'));
        $row = $db->query("SELECT * FROM `wx_token` WHERE `type` = 'access_token'")->fetch_array();
        $this->access_token = $row['value'];
        $this->expires_time = $row['expire'];
        if ($this->stale()) {
            $this->fetch();
            $db->query("UPDATE `wx_token` SET `expire` = '$this->expires_time', `value` = '$this->access_token' WHERE `type` = 'access_token'");
        }
    }

    private function memcache(): void
    {
        $mem = new Memcached();
        $mem->addServer('127.0.0.1', (int) getenv('MEMCACHED_PORT'));
        $this->access_token = $mem->get(getenv('APPID'));
        if (empty($this->access_token)) {
            $this->fetch();
            $mem->set(getenv('APPID'), $this->access_token, 3600);
        }
    }

    private function file(): void
    {
        $result = json_decode(file_get_contents('access_token.json'), true);
        $this->access_token = $result['access_token'];
        $this->expires_time = $result['expires_time'];
        if ($this->stale()) {
            $this->fetch();
            file_put_contents('access_token.json', '{"access_token": "' . $this->access_token . '", "expires_time": ' . $this->expires_time . '}');
        }
    }
}

foreach (array_slice($argv, 1) as $form) {
    echo $form, ' ', (new class_weixin($form))->access_token, "\n";
}
