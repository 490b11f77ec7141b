-- A table made by hand is as its maker made it: MyISAM and utf8, as the source's script has it, perhaps without a primary key, or
-- with NULL where there is no value yet. One that V1 made is already like this.
SET @ddl = CONCAT('ALTER TABLE wx_token ENGINE = InnoDB', IF(EXISTS(SELECT 1 FROM information_schema.table_constraints
                      WHERE table_schema = DATABASE() AND table_name = 'wx_token' AND constraint_type = 'PRIMARY KEY'),
  '', ', ADD PRIMARY KEY (id)'));
PREPARE convert_table FROM @ddl;
EXECUTE convert_table;
DEALLOCATE PREPARE convert_table;

UPDATE wx_token SET `value` = '' WHERE `value` IS NULL;

ALTER TABLE wx_token
  MODIFY `value` varchar(600) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL;
