-- What the web application of a third-party platform (第三方平台) writes, and the job reads. The job changes refresh_token alone.
-- An application may have tables with these names: they are left as they are, and are looked at only if wx.component is set.
CREATE TABLE IF NOT EXISTS wx_component (
  app_id        varchar(32)  NOT NULL PRIMARY KEY COMMENT 'of the platform',
  verify_ticket varchar(600) NOT NULL             COMMENT 'the component_verify_ticket that WeChat pushed last',
  received_at   bigint       NOT NULL             COMMENT 'when it was pushed, in Unix seconds'
) ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_bin;

CREATE TABLE IF NOT EXISTS wx_authorizer (
  app_id           varchar(32)  NOT NULL PRIMARY KEY COMMENT 'of the account that authorized the platform',
  component_app_id varchar(32)  NOT NULL             COMMENT 'of the platform',
  refresh_token    varchar(600) NOT NULL             COMMENT 'the authorizer_refresh_token; the job replaces it by the one that WeChat gives with each token',
  authorized_at    bigint       NOT NULL             COMMENT 'when the account authorized the platform last, in Unix seconds'
) ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_bin;
