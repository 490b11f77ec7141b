-- What the web application of a third-party platform writes (see ../mysql).
CREATE TABLE IF NOT EXISTS wx_component (
  app_id        varchar(32)  NOT NULL PRIMARY KEY,
  verify_ticket varchar(600) NOT NULL,
  received_at   bigint       NOT NULL
);

CREATE TABLE IF NOT EXISTS wx_authorizer (
  app_id           varchar(32)  NOT NULL PRIMARY KEY,
  component_app_id varchar(32)  NOT NULL,
  refresh_token    varchar(600) NOT NULL,
  authorized_at    bigint       NOT NULL
);
