-- Usage keeps itself in step with what it speaks of, whoever changes that.

-- Hours that are folded into days one day, and days that are forgotten one day: each row is in one of the two.
CREATE INDEX usage_hours ON usage (hour) WHERE hour % 24 <> 0;
CREATE INDEX usage_days ON usage (hour) WHERE hour % 24 = 0;
-- Of a database that is gone: whose it was.
CREATE INDEX usage_database ON usage (database);

INSERT INTO usage SELECT d.organization, d.uuid, i.uuid, i.created_ms / 3600000, 0, 0, 0, 0 FROM instance i JOIN database d ON d.id = i.database WHERE true ON CONFLICT DO NOTHING;

CREATE TRIGGER usage_begins AFTER INSERT ON instance BEGIN
	INSERT INTO usage SELECT d.organization, d.uuid, NEW.uuid, unixepoch() / 3600, 0, 0, 0, 0 FROM database d
	WHERE d.id = NEW.database ON CONFLICT DO NOTHING; END;

-- What is gone takes no room any more.
CREATE TRIGGER usage_ends AFTER DELETE ON instance BEGIN
	INSERT INTO usage SELECT d.organization, d.uuid, OLD.uuid, unixepoch() / 3600, 0, 0, 0, 0 FROM database d
	WHERE d.id = OLD.database ON CONFLICT DO UPDATE SET storage_bytes = 0; END;

CREATE TRIGGER query_usage_ends AFTER DELETE ON database BEGIN
	DELETE FROM query_usage WHERE database = OLD.uuid; END;

-- What was used stays with who used it; what is stored moves along.
CREATE TRIGGER usage_moves AFTER UPDATE OF organization ON database WHEN OLD.organization <> NEW.organization BEGIN
	INSERT INTO usage SELECT NEW.organization, database, instance, unixepoch() / 3600, 0, 0, 0, storage_bytes FROM
	(SELECT database, instance, storage_bytes, max(hour) FROM usage
	WHERE organization = OLD.organization AND database = OLD.uuid GROUP BY instance)
	WHERE true ON CONFLICT DO UPDATE SET storage_bytes = excluded.storage_bytes; INSERT INTO usage
	SELECT DISTINCT OLD.organization, database, instance, unixepoch() / 3600, 0, 0, 0, 0 FROM usage
	WHERE organization = OLD.organization AND database = OLD.uuid
	ON CONFLICT DO UPDATE SET storage_bytes = 0; END;

CREATE TRIGGER usage_of_nobody BEFORE DELETE ON organization BEGIN
	DELETE FROM usage WHERE organization = OLD.id; END;
