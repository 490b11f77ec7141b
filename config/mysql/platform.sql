-- Only for a third-party platform (wx.component): creates the database user of its web application, which stores the tickets that
-- WeChat pushes, and the accounts that authorize the platform. Run it once, as an administrator, after grants.sql, with your own
-- password and host:
--     mysql < config/mysql/platform.sql

CREATE USER wx_platform@'%' IDENTIFIED BY 'change-me-4';

-- It writes these two tables, and sees nothing else. The job alone reads them besides.
GRANT SELECT, INSERT, UPDATE, DELETE ON wx.wx_component  TO wx_platform@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON wx.wx_authorizer TO wx_platform@'%';

-- As in users.sql: refused without TLS.
/*!50706 ALTER USER wx_platform@'%' REQUIRE SSL *//*M!100200 ALTER USER wx_platform@'%' REQUIRE SSL */;
