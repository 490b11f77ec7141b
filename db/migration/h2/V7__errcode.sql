-- WeChat's error code of the last failed refresh, as a number: last_error has it in a text for people.
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS errcode int DEFAULT NULL;
