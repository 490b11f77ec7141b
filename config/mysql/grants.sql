-- After `./wx-token migrate`, as an administrator: mysql < config/mysql/grants.sql (see users.sql)

-- The job. It adds rows and changes them, and never deletes one.
GRANT SELECT, INSERT, UPDATE         ON wx.wx_token                     TO wx_token@'%';
GRANT SELECT                         ON wx.flyway_schema_history        TO wx_token@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON wx.BATCH_JOB_INSTANCE           TO wx_token@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON wx.BATCH_JOB_EXECUTION          TO wx_token@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON wx.BATCH_JOB_EXECUTION_PARAMS   TO wx_token@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON wx.BATCH_JOB_EXECUTION_CONTEXT  TO wx_token@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON wx.BATCH_STEP_EXECUTION         TO wx_token@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON wx.BATCH_STEP_EXECUTION_CONTEXT TO wx_token@'%';
GRANT SELECT, UPDATE                 ON wx.BATCH_JOB_INSTANCE_SEQ       TO wx_token@'%';
GRANT SELECT, UPDATE                 ON wx.BATCH_JOB_EXECUTION_SEQ      TO wx_token@'%';
GRANT SELECT, UPDATE                 ON wx.BATCH_STEP_EXECUTION_SEQ     TO wx_token@'%';

-- Applications, and `wx-token status`: they read tokens and may ask for a refresh, nothing else.
GRANT SELECT, UPDATE (refresh_requested) ON wx.wx_token TO wx_reader@'%';
