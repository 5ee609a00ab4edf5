#include "engine/quick.h"

#include "engine/internal.h"

// SQLite looks at its progress handler seldom while it compiles: a long text is compiled where it may take its time.
enum { QUICK_SQL_BYTES_MAX = 8192 };

static void tell_lost(struct quick_wait *members)
{
	while (members) {
		struct quick_wait *next = members->next;
		members->settled(members, true);
		members = next;
	}
}

// Ends the group without its transaction: it was rolled back. Returns those to be told, outside the mutex.
static struct quick_wait *lose_group_locked(struct engine_database *db)
{
	struct group *group = &db->group;
	struct error ignored;
	if (!database_end_commit(group->sharer, &ignored))
		ASSERT(!"a rollback commits nothing");
	usage_lose_shared(group->sharer);
	struct quick_wait *members = group->members;
	group->members = NULL;
	atomic_store(&group->open, false);
	lane_release(db);
	return members;
}

void group_commit(struct engine_database *db)
{
	struct group *group = &db->group;
	if (!atomic_load(&group->open))
		return;
	struct quick_wait *lost = NULL;
	pthread_mutex_lock(&group->mutex);
	if (atomic_load(&group->open)) {
		struct error err;
		bool ok = connection_command(group->sharer, "COMMIT", &err);
		if (!ok)
			sqlite3_exec(group->sharer->db, "ROLLBACK", NULL, NULL, NULL);
		if (!ok) {
			lost = lose_group_locked(db);
		} else {
			// When the history could not take it, the transaction stands all the same: running
			// the members again would do their work twice. They wait until the history has caught
			// up.
			uint64_t frame_no = atomic_load(&db->committed) + 1;
			if (database_end_commit(group->sharer, &err))
				frame_no = atomic_load(&db->committed);
			struct quick_wait *members = group->members;
			group->members = NULL;
			atomic_store(&group->open, false);
			lane_release(db);
			pthread_mutex_lock(&db->flush.mutex);
			while (members) {
				struct quick_wait *next = members->next;
				members->frame_no = frame_no;
				members->next = db->flush.waits;
				db->flush.waits = members;
				members = next;
			}
			pthread_mutex_unlock(&db->flush.mutex);
		}
	}
	pthread_mutex_unlock(&group->mutex);
	tell_lost(lost);
}

// A trigger with RAISE(ROLLBACK) or a constraint with ON CONFLICT ROLLBACK would undo the neighbours.
static bool schema_forbids_sharing(struct engine_database *db)
{
	struct group *group = &db->group;
	uint64_t epoch = atomic_load(&db->schema_epoch) + 1; // 0 says "never learned"
	if (group->schema_epoch == epoch)
		return group->forbids_sharing;
	static const char sql[] = "SELECT 1 FROM sqlite_schema WHERE sql LIKE '%rollback%' LIMIT 1";
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(group->writer->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return true;
	int rc = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return true;
	group->forbids_sharing = rc == SQLITE_ROW;
	group->schema_epoch = epoch;
	return group->forbids_sharing;
}

static bool open_group_locked(struct engine_database *db)
{
	struct error ignored;
	if (atomic_load(&db->log_behind) || !lane_try(db))
		return false;
	if (schema_forbids_sharing(db) ||
	    !connection_command(db->group.sharer, "BEGIN IMMEDIATE", &ignored)) {
		lane_release(db);
		return false;
	}
	usage_begin_shared(db->group.sharer);
	db->group.writes = 0;
	atomic_store(&db->group.open, true);
	return true;
}

// The text is prepared before the group is opened: what cannot share costs nobody a transaction.
static bool may_share(struct engine_database *db, const struct statement *statement,
		      struct cached_statement **out)
{
	struct error ignored;
	return connection_prepare(db->group.sharer, statement->sql, statement->sql_size, out, &ignored) &&
	       (*out)->shareable && !(*out)->slow && !(*out)->many;
}

static enum quick_outcome quick_write(struct engine_database *db, const struct statement *statement,
				      struct result_sink *sink, struct quick_wait *wait,
				      struct statement_result *out, bool *out_ok, struct error *err)
{
	struct group *group = &db->group;
	struct cached_statement *cached;
	struct quick_wait *lost = NULL;
	enum quick_outcome outcome = QUICK_DECLINED;
	pthread_mutex_lock(&group->mutex);
	struct connection *sharer = group->sharer;
	struct error ignored;
	bool joins = may_share(db, statement, &cached);
	if (joins)
		watch_follow(sharer);
	joins = joins && rules_bound_size(sharer, false, &ignored) &&
		(atomic_load(&group->open) ? !lane_has_waiters(db) : open_group_locked(db));
	if (joins) {
		sqlite3_set_last_insert_rowid(sharer->db, 0);
		sharer->budget = true;
		*out_ok = connection_bind(cached, statement, err) &&
			  connection_run(sharer, cached, sink, out, err);
		sharer->budget = false;
		if (sqlite3_get_autocommit(sharer->db)) {
			// The whole transaction is gone; this statement tries again elsewhere like the
			// others.
			lost = lose_group_locked(db);
			sink->restart(sink);
		} else {
			// The group's last frame is not known yet; whoever has applied its first has applied
			// all of it.
			out->frame_no = atomic_load(&db->committed) + (out->rows_written > 0);
			wait->next = group->members;
			group->members = wait;
			group->writes += *out_ok && out->rows_written > 0;
			outcome = QUICK_HELD;
		}
	}
	pthread_mutex_unlock(&group->mutex);
	tell_lost(lost);
	if (outcome == QUICK_HELD)
		flush_schedule(db);
	return outcome;
}

static enum quick_outcome quick_read(struct connection *connection, struct cached_statement *cached,
				     const struct statement *statement, struct result_sink *sink,
				     struct quick_wait *wait, struct statement_result *out, bool *out_ok,
				     struct error *err)
{
	struct engine_database *db = connection->database;
	connection->budget = true;
	*out_ok =
		connection_bind(cached, statement, err) && connection_run(connection, cached, sink, out, err);
	connection->budget = false;
	if (!*out_ok && connection->stop != STOP_NONE) {
		sink->restart(sink);
		return QUICK_DECLINED;
	}
	out->frame_no = database_seen(db);
	return flush_wait_for(db, wait, out->frame_no) ? QUICK_HELD : QUICK_DONE;
}

enum quick_outcome engine_quick_execute(struct engine_database *db, bool allow_writes,
					const struct statement *statement, struct result_sink *sink,
					struct quick_wait *wait, struct statement_result *out, bool *out_ok,
					struct error *err)
{
	// What is blocked may take its time.
	bool quick = statement->sql_size <= QUICK_SQL_BYTES_MAX && !rules_block_any(db);
	struct connection *connection = quick ? pool_try(db) : NULL;
	if (!connection)
		return QUICK_DECLINED;
	struct cached_statement *cached;
	connection->budget = true;
	bool ok = connection_prepare(connection, statement->sql, statement->sql_size, &cached, err);
	connection->budget = false;
	bool reads = ok && !cached->writes && cached->policy.kind == STATEMENT_READ && !cached->slow &&
		     !cached->many;
	bool writes = ok && allow_writes && cached->shareable;
	enum quick_outcome outcome = QUICK_DECLINED;
	if (reads)
		outcome = quick_read(connection, cached, statement, sink, wait, out, out_ok, err);
	pool_give(connection);
	if (writes && db->role == ENGINE_PRIMARY)
		outcome = quick_write(db, statement, sink, wait, out, out_ok, err);
	return outcome;
}
