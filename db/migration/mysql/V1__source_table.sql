-- The source's table as it stands: applications of 2015 read it, and their statements must go on working.
-- A table that somebody made by hand from the source's script is taken as it is; V2 converts it.
-- Every statement in this folder can be run again: MySQL's DDL does not roll back, and a node may be killed half way.
-- Two departures from the source:
--   InnoDB, not MyISAM: the row protocol needs row locks and a crash-safe table, and managed MySQL refuses MyISAM.
--   `value` compares by its bytes: tokens are case-sensitive, and the source's utf8 collation is not.
CREATE TABLE IF NOT EXISTS wx_token (
  id      int          NOT NULL PRIMARY KEY,
  type    varchar(20)  NOT NULL,
  expire  varchar(16)  NOT NULL,
  `value` varchar(600) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Never filled: obtained at 0, and no value. The source's sample token is dead and is not inserted.
INSERT INTO wx_token (id, type, expire, `value`)
SELECT 1, 'access_token', '0', '' FROM (SELECT 1) once
 WHERE NOT EXISTS (SELECT 1 FROM wx_token WHERE id = 1 OR type = 'access_token');

INSERT INTO wx_token (id, type, expire, `value`)
SELECT 2, 'jsapi_ticket', '0', '' FROM (SELECT 1) once
 WHERE NOT EXISTS (SELECT 1 FROM wx_token WHERE id = 2 OR type = 'jsapi_ticket');
