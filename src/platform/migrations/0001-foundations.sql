-- Users, organizations, tokens, databases and their instances.
-- Foreign keys are written down for readers and for PRAGMA foreign_key_check; the engine does not enforce them.

CREATE TABLE secret (
	name TEXT PRIMARY KEY,
	seed BLOB NOT NULL CHECK (length(seed) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
	id INTEGER PRIMARY KEY,
	username TEXT NOT NULL UNIQUE COLLATE NOCASE,
	email TEXT NOT NULL,
	created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE organization (
	id INTEGER PRIMARY KEY,
	uuid TEXT NOT NULL UNIQUE,
	slug TEXT NOT NULL UNIQUE,
	name TEXT NOT NULL,
	type TEXT NOT NULL CHECK (type IN ('personal', 'team')),
	creator INTEGER NOT NULL REFERENCES user (id),
	created_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX organization_personal ON organization (creator) WHERE type = 'personal';

CREATE TABLE member (
	organization INTEGER NOT NULL REFERENCES organization (id),
	user INTEGER NOT NULL REFERENCES user (id),
	role TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
	created_ms INTEGER NOT NULL,
	PRIMARY KEY (organization, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_user ON member (user);
CREATE UNIQUE INDEX member_owner ON member (organization) WHERE role = 'owner';

-- A revoked token keeps its row, so that its bearer is told why.
CREATE TABLE token (
	id TEXT PRIMARY KEY,
	user INTEGER NOT NULL REFERENCES user (id),
	name TEXT NOT NULL,
	organization INTEGER REFERENCES organization (id),
	created_ms INTEGER NOT NULL,
	revoked_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX token_name ON token (user, name) WHERE revoked_ms IS NULL;

CREATE TABLE database (
	id INTEGER PRIMARY KEY,
	uuid TEXT NOT NULL UNIQUE,
	organization INTEGER NOT NULL REFERENCES organization (id),
	name TEXT NOT NULL,
	image TEXT NOT NULL CHECK (image IN ('latest', 'canary')),
	username TEXT NOT NULL,
	-- Signs the database's tokens; a rotation replaces it and moves the epoch.
	seed BLOB NOT NULL CHECK (length(seed) = 32),
	epoch INTEGER NOT NULL,
	created_ms INTEGER NOT NULL,
	UNIQUE (organization, name)
) STRICT;

CREATE TABLE instance (
	id INTEGER PRIMARY KEY,
	uuid TEXT NOT NULL UNIQUE,
	database INTEGER NOT NULL REFERENCES database (id),
	name TEXT NOT NULL,
	type TEXT NOT NULL CHECK (type IN ('primary', 'replica')),
	location TEXT NOT NULL,
	image TEXT NOT NULL CHECK (image IN ('latest', 'canary')),
	label TEXT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'failed', 'destroying')),
	failure TEXT,
	-- BLAKE2b of a random password; NULL once the database's credentials were rotated.
	password_hash BLOB,
	created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX instance_database ON instance (database);
CREATE UNIQUE INDEX instance_name ON instance (database, name) WHERE state <> 'destroying';
CREATE UNIQUE INDEX instance_primary ON instance (database) WHERE type = 'primary' AND state <> 'destroying';
CREATE INDEX instance_unfinished ON instance (state) WHERE state IN ('creating', 'destroying');

-- Host labels of databases and instances together: hostnames are looked up here, never taken apart.
CREATE TABLE host (
	label TEXT PRIMARY KEY,
	database INTEGER NOT NULL REFERENCES database (id),
	instance INTEGER REFERENCES instance (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX host_database ON host (database);

CREATE TABLE audit (
	id INTEGER PRIMARY KEY,
	organization INTEGER NOT NULL REFERENCES organization (id),
	code TEXT NOT NULL,
	message TEXT NOT NULL,
	author TEXT NOT NULL,
	origin TEXT NOT NULL,
	data TEXT NOT NULL CHECK (json_valid(data)),
	created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_organization ON audit (organization, id);
