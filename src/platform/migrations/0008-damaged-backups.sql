-- GET /ready asks how many there are, and anybody may ask it.
CREATE INDEX backup_damaged ON backup (id) WHERE state = 'complete' AND verdict = 'failed';
