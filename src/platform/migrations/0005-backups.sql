-- Backups outlive what they were made of: nothing here refers to rows that may go.

CREATE TABLE backup (
	id TEXT PRIMARY KEY, -- begins with the time, so that they sort
	organization INTEGER NOT NULL, -- 0: it is gone; nobody sees the backup, and it ages out
	database TEXT NOT NULL, -- UUID
	name TEXT NOT NULL, -- of the database, then
	place TEXT NOT NULL, -- in the target: of its two files, without their endings
	automatic INTEGER NOT NULL CHECK (automatic IN (0, 1)),
	state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'complete', 'failed')),
	created_ms INTEGER NOT NULL,
	due_ms INTEGER NOT NULL, -- of a queued one: not before
	attempts INTEGER NOT NULL DEFAULT 0,
	error TEXT, -- why the last attempt failed
	completed_ms INTEGER,
	log_id TEXT,
	frame_no INTEGER,
	at_ms INTEGER,
	page_count INTEGER,
	content_bytes INTEGER,
	stored_bytes INTEGER,
	sha256 TEXT,
	-- Restored aside and compared: what the last time brought, when it last was good, and when to do it again.
	verdict TEXT NOT NULL DEFAULT 'none' CHECK (verdict IN ('none', 'ok', 'failed')),
	verify_error TEXT,
	verified_ms INTEGER,
	verify_due_ms INTEGER,
	verify_attempts INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX backup_organization ON backup (organization, id);
CREATE INDEX backup_database ON backup (database, completed_ms);
CREATE INDEX backup_due ON backup (due_ms) WHERE state IN ('queued', 'running');
CREATE INDEX backup_verify_due ON backup (verify_due_ms) WHERE verify_due_ms IS NOT NULL;

-- A row may be used again by another organization: it shall not find these.
CREATE TRIGGER backup_of_nobody BEFORE DELETE ON organization BEGIN
	UPDATE backup SET organization = 0 WHERE organization = OLD.id; END;
-- What was the database's goes with it to another organization.
CREATE TRIGGER backup_moves AFTER UPDATE OF organization ON database WHEN OLD.organization <> NEW.organization BEGIN
	UPDATE backup SET organization = NEW.organization WHERE database = OLD.uuid; END;
