-- WeChat's error code of the last failed refresh, as a number: last_error has it in a text for people.
-- MySQL has no ADD COLUMN IF NOT EXISTS.
SET @ddl = IF(EXISTS(SELECT 1 FROM information_schema.columns
                      WHERE table_schema = DATABASE() AND table_name = 'wx_token' AND column_name = 'errcode'),
  'DO 0',
  'ALTER TABLE wx_token ADD COLUMN errcode int NULL DEFAULT NULL COMMENT ''WeChat''''s error code of the last failed refresh''');
PREPARE add_column FROM @ddl;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;
