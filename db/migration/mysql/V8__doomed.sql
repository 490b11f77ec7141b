-- What a run knows of the value, in a column of its own: applications may write refresh_requested, and what they write there must
-- neither shorten a wait nor hide what a run knows.
-- MySQL has no ADD COLUMN IF NOT EXISTS.
SET @ddl = IF(EXISTS(SELECT 1 FROM information_schema.columns
                      WHERE table_schema = DATABASE() AND table_name = 'wx_token' AND column_name = 'doomed'),
  'DO 0',
  'ALTER TABLE wx_token ADD COLUMN doomed tinyint NOT NULL DEFAULT 0 COMMENT ''1: WeChat says that the value is dead; 2: a run may have killed it; only the job writes this''');
PREPARE add_column FROM @ddl;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;
