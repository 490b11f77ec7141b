-- A table made by hand from the source's script is MyISAM and utf8; one that V1 made is already like this.
ALTER TABLE wx_token
  ENGINE = InnoDB,
  MODIFY `value` varchar(600) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL;
