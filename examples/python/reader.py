"""Calls WeChat's API with the access_token in wx_token; never fetches one.

Needs PyMySQL (pip install PyMySQL, or Debian's python3-pymysql). Run it as a database user that may do what wx_reader may:

    MYSQL_HOST=db.example.com MYSQL_USER=wx_reader MYSQL_PASSWORD=... MYSQL_DATABASE=wx MYSQL_SSL_CA=/etc/mysql/ca.pem \
        WX_APPID=wx0123456789abcdef python3 reader.py
"""
import contextlib
import hashlib
import json
import os
import sys
import urllib.parse
import urllib.request

import pymysql

API = os.environ.get("WX_API", "https://api.weixin.qq.com")
TOKEN_IS_DEAD = (40001, 40014, 42001)


class TokenRefused(Exception):
    """WeChat refuses the token in the row. Its refresh is requested and comes with the next run, within a minute or two.

    A web request should not wait for that: answer 503 with Retry-After: 60, or put the work back into its queue.
    """


def connect():
    ca = os.environ.get("MYSQL_SSL_CA")
    return pymysql.connect(
        host=os.environ.get("MYSQL_HOST", "127.0.0.1"), port=int(os.environ.get("MYSQL_PORT", 3306)),
        user=os.environ["MYSQL_USER"], password=os.environ["MYSQL_PASSWORD"], database=os.environ["MYSQL_DATABASE"],
        ssl={"ca": ca} if ca else None, connect_timeout=5, read_timeout=10,
        autocommit=True)  # else the second SELECT repeats the first one's snapshot, and the request keeps the row locked


def call(db, app_id, path):
    """Returns the token that WeChat took, and its answer."""
    refused = None
    with db.cursor() as cursor:
        for _ in range(2):
            cursor.execute("SELECT id, value FROM wx_token WHERE app_id = %s AND type = 'access_token'", (app_id,))
            row_id, token = cursor.fetchone() or (0, "")
            if not token:
                raise LookupError(f"wx_token has no access_token of {app_id}")
            if token == refused:
                break
            query = urllib.parse.urlencode({"access_token": token})
            with urllib.request.urlopen(f"{API}{path}?{query}", timeout=10) as response:
                answer = json.load(response)
            if answer.get("errcode") not in TOKEN_IS_DEAD:
                return token, answer
            refused = token
            # Changes nothing if the row has a newer token by now: the loop then tries that one.
            cursor.execute("UPDATE wx_token SET refresh_requested = 1"
                           " WHERE id = %s AND value = %s AND refresh_requested = 0", (row_id, token))
    raise TokenRefused(f"errcode {answer['errcode']}: a refresh of the token is requested, try again in a minute")


if __name__ == "__main__":
    try:
        with contextlib.closing(connect()) as database:
            used, said = call(database, os.environ["WX_APPID"], "/cgi-bin/get_api_domain_ip")
    except TokenRefused as e:
        sys.exit(str(e))
    # A token is never printed; its fingerprint is the one that wx-token prints.
    print("token", hashlib.sha256(used.encode()).hexdigest()[:12], json.dumps(said))
