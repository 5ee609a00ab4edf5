-- SQL that is applied to every database of a group, and how far that is.

CREATE TABLE migration (
	id INTEGER PRIMARY KEY,
	uuid TEXT NOT NULL UNIQUE,
	database_group INTEGER NOT NULL REFERENCES database_group (id),
	name TEXT NOT NULL,
	sql TEXT NOT NULL,
	hash TEXT NOT NULL,
	dry_run TEXT NOT NULL CHECK (dry_run IN ('one', 'all', 'none')),
	applies INTEGER NOT NULL CHECK (applies IN (0, 1)), -- else it ends after the dry run
	checked INTEGER NOT NULL DEFAULT 0 CHECK (checked IN (0, 1)), -- the dry run is behind it
	concurrency INTEGER NOT NULL,
	pause_ms INTEGER NOT NULL,
	failures_max INTEGER NOT NULL, -- 0 = no limit
	state TEXT NOT NULL CHECK (state IN ('checking', 'running', 'done', 'failed', 'cancelled')),
	failure TEXT NOT NULL DEFAULT '',
	author TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	ended_ms INTEGER,
	next_ms INTEGER NOT NULL DEFAULT 0 -- no further database begins earlier
) STRICT;
CREATE INDEX migration_group ON migration (database_group, id);
CREATE UNIQUE INDEX migration_active ON migration (database_group) WHERE state IN ('checking', 'running');

-- By UUID: a database may be gone before it is reached.
CREATE TABLE migration_database (
	id INTEGER PRIMARY KEY,
	migration INTEGER NOT NULL REFERENCES migration (id),
	uuid TEXT NOT NULL,
	name TEXT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'passed', 'done', 'failed', 'skipped')),
	attempts INTEGER NOT NULL DEFAULT 0,
	reason TEXT NOT NULL DEFAULT '',
	code TEXT NOT NULL DEFAULT '',
	statement INTEGER NOT NULL DEFAULT 0,
	ended_ms INTEGER,
	UNIQUE (migration, uuid)
) STRICT;
CREATE INDEX migration_database_state ON migration_database (migration, state, attempts, id);
