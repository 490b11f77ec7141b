-- Three database users, for three roles. Run it once, as an administrator, with your own passwords and hosts:
--     mysql < config/mysql/users.sql
-- then make the tables, as the migrator:
--     SPRING_DATASOURCE_USERNAME=wx_migrator SPRING_DATASOURCE_PASSWORD=... ./wx-token migrate
-- and then grant the other two their rights to them:
--     mysql < config/mysql/grants.sql
-- For MySQL 9 and MariaDB 11. REQUIRE SSL: without TLS these users are refused.

CREATE USER wx_migrator@'%' IDENTIFIED BY 'change-me-1' REQUIRE SSL;
CREATE USER wx_token@'%'    IDENTIFIED BY 'change-me-2' REQUIRE SSL;
CREATE USER wx_reader@'%'   IDENTIFIED BY 'change-me-3' REQUIRE SSL;

-- Makes and changes the tables, when you install or upgrade.
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON wx.* TO wx_migrator@'%';
