#include <stdlib.h>

#include "base/clock.h"
#include "engine/internal.h"
#include "engine/share.h"
#include "engine/sqlite_core.h"

enum { POOL_WAIT_MS = 5000 };

static bool files_are_scarce(const struct engine_database *db)
{
	return db->files && db->files->max > 0 &&
	       atomic_load_explicit(&db->files->used, memory_order_relaxed) + CONNECTION_FILES >
		       db->files->max;
}

// Takes an idle connection, or counts one that the caller then opens. False: neither is possible now.
static bool claim_locked(struct engine_database *db, struct connection **out)
{
	*out = db->pool.idle;
	if (*out) {
		db->pool.idle = (*out)->next;
		return true;
	}
	if (db->pool.count >= db->limits.connections_per_instance_max ||
	    (db->pool.count > 0 && files_are_scarce(db)))
		return false;
	db->pool.count++;
	return true;
}

static bool open_claimed(struct engine_database *db, struct connection **out, struct error *err)
{
	bool ok = connection_open(db, false, out, err);
	pthread_mutex_lock(&db->pool.mutex);
	if (ok) {
		(*out)->all_next = db->pool.all;
		db->pool.all = *out;
	} else {
		db->pool.count--;
	}
	pthread_mutex_unlock(&db->pool.mutex);
	return ok;
}

bool pool_take(struct engine_database *db, struct connection **out, struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + POOL_WAIT_MS;
	bool claimed = false;
	bool retired;
	pthread_mutex_lock(&db->pool.mutex);
	while (!(retired = db->pool.retired) && !(claimed = claim_locked(db, out))) {
		if (!clock_cond_wait(&db->pool.given, &db->pool.mutex, deadline_ms))
			break;
	}
	pthread_mutex_unlock(&db->pool.mutex);
	if (retired)
		return error_set(err, ERR_SHUTDOWN, "the database is being closed");
	if (!claimed && files_are_scarce(db))
		return error_set(
			err, ERR_RATE_LIMITED,
			"Timed out while opening database connection: all are in use, and the server's "
			"files for databases (%d) are all open",
			db->files->max);
	if (!claimed)
		return error_set(err, ERR_RATE_LIMITED,
				 "Timed out while opening database connection: all %d (limit "
				 "connections-max) are in use",
				 db->limits.connections_per_instance_max);
	return *out ? true : open_claimed(db, out, err);
}

struct connection *pool_try(struct engine_database *db)
{
	struct connection *connection = NULL;
	pthread_mutex_lock(&db->pool.mutex);
	bool claimed = !db->pool.retired && claim_locked(db, &connection);
	pthread_mutex_unlock(&db->pool.mutex);
	struct error ignored;
	if (claimed && !connection && !open_claimed(db, &connection, &ignored))
		return NULL;
	return connection;
}

void pool_give(struct connection *connection)
{
	struct engine_database *db = connection->database;
	ASSERT(!connection->holds_lane && !connection->run.cached);
	if (!sqlite3_get_autocommit(connection->db))
		sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
	if (connection->has_state)
		sqlite3_exec(connection->db, "PRAGMA foreign_keys=OFF; PRAGMA defer_foreign_keys=OFF", NULL,
			     NULL, NULL);
	connection->has_state = false;
	sqlite3_set_last_insert_rowid(connection->db, 0);
	sqlite_core_forget_changes(connection->db);
	atomic_store(&connection->cancel, false);
	atomic_store(&connection->stolen, false);
	pthread_mutex_lock(&db->pool.mutex);
	connection->next = db->pool.idle;
	db->pool.idle = connection;
	pthread_cond_signal(&db->pool.given);
	pthread_mutex_unlock(&db->pool.mutex);
}

void pool_retire(struct engine_database *db)
{
	pthread_mutex_lock(&db->pool.mutex);
	db->pool.retired = true;
	for (struct connection *connection = db->pool.all; connection; connection = connection->all_next) {
		atomic_store(&connection->cancel, true);
		share_wake(connection);
	}
	pthread_cond_broadcast(&db->pool.given);
	pthread_mutex_unlock(&db->pool.mutex);
}

void pool_close(struct engine_database *db)
{
	while (db->pool.all) {
		struct connection *connection = db->pool.all;
		db->pool.all = connection->all_next;
		connection_close(connection);
	}
	db->pool.idle = NULL;
}
