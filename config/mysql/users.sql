-- Creates three database users, for three roles. Run it once, as an administrator, with your own passwords and hosts:
--     mysql < config/mysql/users.sql
-- Then create the tables, as the migrator:
--     SPRING_DATASOURCE_USERNAME=wx_migrator SPRING_DATASOURCE_PASSWORD=... ./wx-token migrate
-- Then grant the other two users their rights to the tables:
--     mysql < config/mysql/grants.sql

CREATE USER wx_migrator@'%' IDENTIFIED BY 'change-me-1';
CREATE USER wx_token@'%'    IDENTIFIED BY 'change-me-2';
CREATE USER wx_reader@'%'   IDENTIFIED BY 'change-me-3';

-- The migrator creates and changes the tables when you install or upgrade.
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON wx.* TO wx_migrator@'%';

-- From MySQL 5.7.6 and MariaDB 10.2 on, these users are refused without TLS (MySQL alone reads the first comment, MariaDB the
-- second). Delete these lines where the server has no TLS, or none newer than 1.1, which Java refuses (MySQL 5.6 and 5.7,
-- MariaDB 10.1 and 10.2, as they were distributed).
/*!50706 ALTER USER wx_migrator@'%' REQUIRE SSL *//*M!100200 ALTER USER wx_migrator@'%' REQUIRE SSL */;
/*!50706 ALTER USER wx_token@'%'    REQUIRE SSL *//*M!100200 ALTER USER wx_token@'%'    REQUIRE SSL */;
/*!50706 ALTER USER wx_reader@'%'   REQUIRE SSL *//*M!100200 ALTER USER wx_reader@'%'   REQUIRE SSL */;
