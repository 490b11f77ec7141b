-- Who replaced a token, when and why (see ../mysql, where each column says what it means).
CREATE TABLE IF NOT EXISTS wx_token_history (
  id                 bigint       NOT NULL AUTO_INCREMENT PRIMARY KEY,
  recorded_at        bigint       NOT NULL,
  run                varchar(64)  NOT NULL,
  app_id             varchar(32)  NOT NULL,
  type               varchar(20)  NOT NULL,
  outcome            varchar(20)  NOT NULL,
  reason             varchar(100) NOT NULL,
  fingerprint_before varchar(64)  NOT NULL,
  fingerprint_after  varchar(64)  NOT NULL,
  errcode            int,
  detail             varchar(255) NOT NULL
);
