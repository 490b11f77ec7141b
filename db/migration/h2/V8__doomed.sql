-- What a run knows of the value, in a column of its own (see ../mysql).
ALTER TABLE wx_token ADD COLUMN IF NOT EXISTS doomed tinyint DEFAULT 0 NOT NULL;
