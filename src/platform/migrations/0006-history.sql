-- How much of its history a database keeps: seconds (-1: as long as the server allows; 0: no moments), and bytes (0: as much).
ALTER TABLE database ADD COLUMN history_retention INTEGER NOT NULL DEFAULT -1 CHECK (history_retention >= -1);
ALTER TABLE database ADD COLUMN history_size INTEGER NOT NULL DEFAULT 0 CHECK (history_size >= 0);
