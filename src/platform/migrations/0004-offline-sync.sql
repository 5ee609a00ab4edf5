-- Which replicas in clients' processes a database serves: those that pull its log, or those that work offline.
ALTER TABLE database ADD COLUMN offline_sync INTEGER NOT NULL DEFAULT 0 CHECK (offline_sync IN (0, 1));
