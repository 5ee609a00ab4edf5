#include "engine/internal.h"
#include "engine/wal.h"

// SQLite is about to commit a write transaction; it cannot be a replica's, whose connections cannot write.
void database_begin_commit(struct connection *connection)
{
	struct engine_database *db = connection->database;
	if (connection->in_commit)
		return;
	pthread_mutex_lock(&db->commit_mutex);
	atomic_fetch_add(&db->commits_begun, 1);
	connection->in_commit = true;
}

// The schema cookie stands at offset 40 of page 1. Statements cannot tell when a change of schema counts: it does with
// the commit of its transaction.
void database_notice_schema_change(struct engine_database *db, const struct log_txn *txn)
{
	enum { COOKIE_OFFSET = 40 };
	for (uint32_t i = 0; i < txn->frame_count; i++) {
		if (txn->page_nos[i] != 1)
			continue;
		uint32_t cookie = wal_get32(txn->pages + (size_t)i * LOG_PAGE_BYTES + COOKIE_OFFSET);
		if (cookie != db->schema_cookie)
			atomic_fetch_add(&db->schema_epoch, 1);
		db->schema_cookie = cookie;
		return;
	}
}

// Before its frame_no is published, so that whoever makes that durable knows of it.
static void count_commit(const struct connection *connection)
{
	struct engine_database *db = connection->database;
	uint64_t commits = connection == db->group.sharer ? db->group.writes : 1;
	atomic_fetch_add_explicit(&db->commits_counted, commits, memory_order_relaxed);
	if (db->counters)
		tally_add(&db->counters->commits, commits);
}

static bool append_captured(struct connection *connection, struct error *err)
{
	struct engine_database *db = connection->database;
	struct log_txn txn;
	bool complete;
	if (!capture_take(db->capture, &txn, &complete))
		return true;
	count_commit(connection);
	if (!complete) {
		atomic_fetch_add(&db->schema_epoch, 1);
		return database_catch_up_log(db, err);
	}
	database_notice_schema_change(db, &txn);
	atomic_store(&db->page_count, txn.size_after);
	if (!log_append(db->log, &txn, err))
		return false;
	atomic_store(&db->committed, txn.frame_no);
	if (db->counters) {
		tally_add(&db->counters->transactions, 1);
		tally_add(&db->counters->frames, txn.frame_count);
	}
	capture_drop(db->capture);
	return true;
}

static bool publish(struct connection *connection, struct error *err)
{
	struct engine_database *db = connection->database;
	bool ok = append_captured(connection, err);
	if (!ok) {
		// The commit stands in the file, though nobody is told so; the WAL still has it for the
		// history.
		atomic_store(&db->log_behind, true);
		flush_unlogged(db);
		error_context(err, "the write is not acknowledged: the database's history cannot be written");
	}
	flush_schedule(db);
	return ok;
}

// A commit that failed may have written its frames already; SQLite does not count them and will write over
// them. A constraint (OR FAIL) is the one failure that commits what came before it.
static bool has_committed(const struct connection *connection)
{
	int rc = connection->last_rc & 0xff;
	return rc == SQLITE_OK || rc == SQLITE_CONSTRAINT;
}

bool database_end_commit(struct connection *connection, struct error *err)
{
	struct engine_database *db = connection->database;
	bool still_writing = sqlite3_txn_state(connection->db, "main") == SQLITE_TXN_WRITE;
	bool watched = connection->watching.count > 0 && !still_writing;
	bool committed = false;
	bool ok = true;
	// VACUUM commits without calling the hook.
	if (!still_writing && has_committed(connection) && capture_holds_commit(db->capture))
		database_begin_commit(connection);
	if (connection->in_commit) {
		committed = !still_writing && has_committed(connection);
		if (committed)
			ok = publish(connection, err);
		else if (!still_writing)
			capture_drop(db->capture);
		connection->in_commit = false;
		atomic_fetch_add(&db->commits_ended, 1);
		pthread_mutex_unlock(&db->commit_mutex);
	} else if (!still_writing) {
		capture_drop(db->capture);
	}
	if (watched && committed)
		watch_publish(connection, ok);
	else if (watched)
		watch_clear(connection);
	return ok;
}

uint64_t database_seen(struct engine_database *db)
{
	if (atomic_load(&db->commits_begun) != atomic_load(&db->commits_ended)) {
		pthread_mutex_lock(&db->commit_mutex);
		pthread_mutex_unlock(&db->commit_mutex);
	}
	return atomic_load(&db->committed);
}
