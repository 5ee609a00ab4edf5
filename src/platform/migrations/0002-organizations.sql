-- Groups, accounts, invites, settings of databases, and what was used.

ALTER TABLE user ADD COLUMN password_hash TEXT; -- argon2id; NULL: no login by password
ALTER TABLE user ADD COLUMN administrator INTEGER NOT NULL DEFAULT 0 CHECK (administrator IN (0, 1));
-- Login tokens that were minted before are void.
ALTER TABLE user ADD COLUMN sessions_from_ms INTEGER NOT NULL DEFAULT 0;
UPDATE user SET administrator = 1 WHERE id = (SELECT min(id) FROM user);
CREATE UNIQUE INDEX user_email ON user (email COLLATE NOCASE) WHERE email <> '';

ALTER TABLE organization ADD COLUMN overages INTEGER NOT NULL DEFAULT 0 CHECK (overages IN (0, 1));
ALTER TABLE organization ADD COLUMN require_mfa INTEGER NOT NULL DEFAULT 0 CHECK (require_mfa IN (0, 1));

ALTER TABLE token ADD COLUMN kind TEXT NOT NULL DEFAULT 'api' CHECK (kind IN ('api', 'login'));
ALTER TABLE token ADD COLUMN expires_ms INTEGER;
-- Of a group, by its UUID, so that another group of the same name inherits nothing; scopes are words with blanks between.
ALTER TABLE token ADD COLUMN group_uuid TEXT;
ALTER TABLE token ADD COLUMN scopes TEXT;
DROP INDEX token_name;
CREATE UNIQUE INDEX token_name ON token (user, name) WHERE revoked_ms IS NULL AND kind = 'api';
CREATE INDEX token_login ON token (user, created_ms) WHERE kind = 'login';
CREATE INDEX token_organization ON token (organization) WHERE revoked_ms IS NULL;

CREATE TABLE database_group (
	id INTEGER PRIMARY KEY,
	uuid TEXT NOT NULL UNIQUE,
	organization INTEGER NOT NULL REFERENCES organization (id),
	name TEXT NOT NULL,
	location TEXT NOT NULL, -- of the primaries; never changes
	extensions TEXT NOT NULL DEFAULT '',
	-- Signs the group's tokens; a rotation replaces it and moves the epoch.
	seed BLOB NOT NULL CHECK (length(seed) = 32),
	epoch INTEGER NOT NULL,
	delete_protection INTEGER NOT NULL DEFAULT 0 CHECK (delete_protection IN (0, 1)),
	archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
	created_ms INTEGER NOT NULL,
	UNIQUE (organization, name)
) STRICT;

-- All locations of a group, the primary one too.
CREATE TABLE group_location (
	database_group INTEGER NOT NULL REFERENCES database_group (id),
	location TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	PRIMARY KEY (database_group, location)
) STRICT, WITHOUT ROWID;

ALTER TABLE database ADD COLUMN database_group INTEGER REFERENCES database_group (id);
ALTER TABLE database ADD COLUMN size_limit INTEGER NOT NULL DEFAULT 0; -- bytes; 0 = none
ALTER TABLE database ADD COLUMN allow_attach INTEGER NOT NULL DEFAULT 0 CHECK (allow_attach IN (0, 1));
ALTER TABLE database ADD COLUMN block_reads INTEGER NOT NULL DEFAULT 0 CHECK (block_reads IN (0, 1));
ALTER TABLE database ADD COLUMN block_writes INTEGER NOT NULL DEFAULT 0 CHECK (block_writes IN (0, 1));
ALTER TABLE database ADD COLUMN delete_protection INTEGER NOT NULL DEFAULT 0 CHECK (delete_protection IN (0, 1));
ALTER TABLE database ADD COLUMN archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1));
ALTER TABLE database ADD COLUMN draft INTEGER NOT NULL DEFAULT 0 CHECK (draft IN (0, 1)); -- its content is being uploaded
ALTER TABLE database ADD COLUMN schema TEXT;
ALTER TABLE database ADD COLUMN is_schema INTEGER NOT NULL DEFAULT 0 CHECK (is_schema IN (0, 1));
-- Of a branch: what its parent was called then, which may be gone since.
ALTER TABLE database ADD COLUMN parent_uuid TEXT;
ALTER TABLE database ADD COLUMN parent_name TEXT;
ALTER TABLE database ADD COLUMN branched_ms INTEGER;
CREATE INDEX database_by_group ON database (database_group) WHERE database_group IS NOT NULL;
CREATE INDEX instance_failed ON instance (database) WHERE state = 'failed';
CREATE INDEX database_by_parent ON database (parent_uuid) WHERE parent_uuid IS NOT NULL;

CREATE TABLE invite (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	organization INTEGER NOT NULL REFERENCES organization (id),
	email TEXT NOT NULL COLLATE NOCASE, -- '' when a user was invited by name
	user INTEGER REFERENCES user (id),
	role TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin')),
	secret_hash BLOB NOT NULL, -- BLAKE2b of what the invited shows to accept
	author INTEGER NOT NULL REFERENCES user (id),
	created_ms INTEGER NOT NULL,
	accepted_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX invite_secret ON invite (secret_hash);
CREATE UNIQUE INDEX invite_email ON invite (organization, email) WHERE accepted_ms IS NULL AND email <> '';
CREATE INDEX invite_user ON invite (user) WHERE accepted_ms IS NULL;

-- What was used in an hour (since 1970). By UUID: it outlives what it speaks of.
CREATE TABLE usage (
	organization INTEGER NOT NULL REFERENCES organization (id),
	database TEXT NOT NULL,
	instance TEXT NOT NULL,
	hour INTEGER NOT NULL,
	rows_read INTEGER NOT NULL,
	rows_written INTEGER NOT NULL,
	bytes_synced INTEGER NOT NULL,
	storage_bytes INTEGER NOT NULL, -- at the end of the hour
	PRIMARY KEY (organization, database, instance, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE query_usage (
	database TEXT NOT NULL,
	hour INTEGER NOT NULL,
	sql TEXT NOT NULL,
	runs INTEGER NOT NULL,
	rows_read INTEGER NOT NULL,
	rows_written INTEGER NOT NULL,
	PRIMARY KEY (database, hour, sql)
) STRICT, WITHOUT ROWID;

-- Where the client's connection came from.
ALTER TABLE audit ADD COLUMN address TEXT NOT NULL DEFAULT '';
