-- The source's table (see ../mysql): H2 has one engine, and compares by bytes as it is.
-- VALUE is a keyword of H2's; in MySQL mode backquotes make it a name.
CREATE TABLE IF NOT EXISTS wx_token (
  id      int          NOT NULL PRIMARY KEY,
  type    varchar(20)  NOT NULL,
  expire  varchar(16)  NOT NULL,
  `value` varchar(600) NOT NULL
);

INSERT INTO wx_token (id, type, expire, `value`)
SELECT 1, 'access_token', '0', '' WHERE NOT EXISTS (SELECT 1 FROM wx_token WHERE id = 1 OR type = 'access_token');

INSERT INTO wx_token (id, type, expire, `value`)
SELECT 2, 'jsapi_ticket', '0', '' WHERE NOT EXISTS (SELECT 1 FROM wx_token WHERE id = 2 OR type = 'jsapi_ticket');
