-- The row protocol's columns (see ../mysql, where each says what it means).
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS app_id            varchar(32)  DEFAULT '' NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS expires_at        bigint       DEFAULT 0 NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS version           bigint       DEFAULT 0 NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS claimed_by        varchar(64)  DEFAULT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS claimed_until     bigint       DEFAULT 0 NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS refresh_requested tinyint      DEFAULT 0 NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS fingerprint       varchar(64)  DEFAULT '' NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS probed_at         bigint       DEFAULT 0 NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS failures          int          DEFAULT 0 NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS retry_after       bigint       DEFAULT 0 NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS last_error        varchar(255) DEFAULT '' NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS failed_by         varchar(120) DEFAULT '' NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS forced_at         bigint       DEFAULT 0 NOT NULL;
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS forced_count      int          DEFAULT 0 NOT NULL;
