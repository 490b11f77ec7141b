-- Who replaced a token, when and why: a row for each refresh, and for each change of failure. No run reads it to decide anything.
CREATE TABLE IF NOT EXISTS wx_token_history (
  id                 bigint       NOT NULL AUTO_INCREMENT PRIMARY KEY,
  recorded_at        bigint       NOT NULL COMMENT 'Unix seconds',
  run                varchar(64)  NOT NULL COMMENT 'host, process id and 8 random digits, as in claimed_by',
  app_id             varchar(32)  NOT NULL,
  type               varchar(20)  NOT NULL,
  outcome            varchar(20)  NOT NULL COMMENT 'refreshed, failed, recovered, fenced or fetched',
  reason             varchar(100) NOT NULL COMMENT 'why WeChat was asked',
  fingerprint_before varchar(64)  NOT NULL COMMENT 'SHA-256 of the value that the run found; empty: none',
  fingerprint_after  varchar(64)  NOT NULL COMMENT 'SHA-256 of the value that the run left, or fetched and could not store',
  errcode            int          NULL     COMMENT 'WeChat''s, of a failure',
  detail             varchar(255) NOT NULL COMMENT 'what a failure said'
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
