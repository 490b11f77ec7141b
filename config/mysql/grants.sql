-- Run this as an administrator after `./wx-token migrate`: mysql < config/mysql/grants.sql (see users.sql)

-- The job adds and changes rows, and never deletes one. Of its history it deletes old entries.
GRANT SELECT, INSERT, UPDATE ON wx.wx_token                TO wx_token@'%';
GRANT SELECT, INSERT, DELETE ON wx.wx_token_history        TO wx_token@'%';
GRANT SELECT                 ON wx.wx_token_schema_history TO wx_token@'%';

-- Of a third-party platform (wx.component) it reads what the web application stores, and changes refresh tokens alone.
GRANT SELECT                         ON wx.wx_component  TO wx_token@'%';
GRANT SELECT, UPDATE (refresh_token) ON wx.wx_authorizer TO wx_token@'%';

-- Applications and `wx-token status` read tokens and may request a refresh, and nothing else.
GRANT SELECT, UPDATE (refresh_requested) ON wx.wx_token TO wx_reader@'%';
