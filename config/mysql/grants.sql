-- After `./wx-token migrate`, as an administrator: mysql < config/mysql/grants.sql (see users.sql)

-- The job. It adds rows and changes them, and never deletes one; of its history it deletes what is too old.
GRANT SELECT, INSERT, UPDATE ON wx.wx_token                TO wx_token@'%';
GRANT SELECT, INSERT, DELETE ON wx.wx_token_history        TO wx_token@'%';
GRANT SELECT                 ON wx.wx_token_schema_history TO wx_token@'%';

-- Applications, and `wx-token status`: they read tokens and may ask for a refresh, nothing else.
GRANT SELECT, UPDATE (refresh_requested) ON wx.wx_token TO wx_reader@'%';
