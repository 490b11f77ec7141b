-- There is no V4: it made tables of Spring Batch's, which the job no longer has.
-- A live token that was in the table before the job is taken as it is, until it is due. From here on a value without its
-- fingerprint is one that another program wrote (REPLACE INTO sets the job's columns back to their defaults).
UPDATE wx_token SET fingerprint = SHA2(`value`, 256) WHERE fingerprint = '' AND `value` <> '';
