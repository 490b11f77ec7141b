-- The row protocol's columns, each with a default, so that the source's INSERT, UPDATE and SELECT work unchanged.
-- MySQL has no ADD COLUMN IF NOT EXISTS; one ALTER adds all of them or none.
SET @ddl = IF(EXISTS(SELECT 1 FROM information_schema.columns
                      WHERE table_schema = DATABASE() AND table_name = 'wx_token' AND column_name = 'claimed_by'),
  'DO 0',
  'ALTER TABLE wx_token
     ADD COLUMN app_id            varchar(32)  NOT NULL DEFAULT '''' COMMENT ''whose token this is'',
     ADD COLUMN expires_at        bigint       NOT NULL DEFAULT 0    COMMENT ''Unix seconds at which WeChat says that the value dies; 0: not known'',
     ADD COLUMN version           bigint       NOT NULL DEFAULT 0    COMMENT ''rises with every claim and every publish: the fencing token'',
     ADD COLUMN claimed_by        varchar(64)  NULL     DEFAULT NULL COMMENT ''the run that may have asked WeChat and has not published yet'',
     ADD COLUMN claimed_until     bigint       NOT NULL DEFAULT 0    COMMENT ''Unix seconds until which others leave the row alone'',
     ADD COLUMN refresh_requested tinyint      NOT NULL DEFAULT 0    COMMENT ''set to 1 by anyone who knows that the value is dead or doomed; 2: by a run whose publish was fenced'',
     ADD COLUMN fingerprint       varchar(64)  NOT NULL DEFAULT '''' COMMENT ''SHA-256 of the value that the job published last'',
     ADD COLUMN probed_at         bigint       NOT NULL DEFAULT 0    COMMENT ''Unix seconds of the last probe'',
     ADD COLUMN failures          int          NOT NULL DEFAULT 0    COMMENT ''refreshes in a row that failed or did not finish'',
     ADD COLUMN failed_by         varchar(120) NOT NULL DEFAULT '''' COMMENT ''host and app id that WeChat refused, when it may take another host or app id'',
     ADD COLUMN retry_after       bigint       NOT NULL DEFAULT 0    COMMENT ''Unix seconds before which WeChat is not asked again'',
     ADD COLUMN last_error        varchar(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '''' COMMENT ''what the last failed refresh said'',
     ADD COLUMN forced_at         bigint       NOT NULL DEFAULT 0    COMMENT ''Unix seconds of the last forced refresh on the stable endpoint'',
     ADD COLUMN forced_count      int          NOT NULL DEFAULT 0    COMMENT ''forced refreshes on that day, in Shanghai''');
PREPARE add_columns FROM @ddl;
EXECUTE add_columns;
DEALLOCATE PREPARE add_columns;
