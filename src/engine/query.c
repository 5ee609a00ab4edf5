#include "engine/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/internal.h"

enum { STORE_WAIT_MS = 10000 };

struct query {
	struct store_txn *txn;
	struct query *next;
	char *sql;
	sqlite3_stmt *stmt; // NULL when the prepare failed
};

struct store_txn {
	struct engine_database *db;
	struct connection *connection;
	enum store_mode mode;
	struct query *queries;
	struct error error; // the first failure
};

static void keep_failure(struct store_txn *txn)
{
	if (txn->error.code != ERR_NONE)
		return;
	sqlite3 *db = txn->connection->db;
	policy_sqlite_error(db, sqlite3_extended_errcode(db), &txn->error);
	int code = sqlite3_errcode(db) & 0xff;
	if (code == SQLITE_FULL)
		txn->error.code = ERR_FULL;
	else if (code == SQLITE_IOERR)
		txn->error.code = ERR_IO;
}

void store_fail(struct store_txn *txn, enum error_code code, const char *message)
{
	if (txn->error.code == ERR_NONE)
		error_set(&txn->error, code, "%s", message);
}

static void end_queries(struct store_txn *txn)
{
	while (txn->queries) {
		struct query *query = txn->queries;
		txn->queries = query->next;
		sqlite3_finalize(query->stmt);
		free(query->sql);
		free(query);
	}
}

static int run_literal(struct connection *connection, const char *sql)
{
	connection->stop = STOP_NONE;
	connection->deadline_ns = 0;
	connection->last_rc = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
	return connection->last_rc;
}

bool store_begin(struct engine_database *db, enum store_mode mode, struct store_txn **out, struct error *err)
{
	struct connection *connection;
	// The lane first: writers that wait must not keep connections from readers. No holder: a transaction of our own is
	// never sent away.
	if (mode == STORE_WRITE && !lane_acquire(db, NULL, clock_monotonic_ms() + STORE_WAIT_MS, err))
		return false;
	if (!pool_take(db, &connection, err)) {
		if (mode == STORE_WRITE)
			lane_release(db);
		return false;
	}
	bool ok = mode == STORE_READ || !atomic_load(&db->log_behind) || database_catch_up_log(db, err);
	if (ok && flush_has_failed(db))
		ok = error_set(err, ERR_IO,
			       "the disk failed: nothing is stored until the server is restarted");
	if (ok && run_literal(connection, mode == STORE_WRITE ? "BEGIN IMMEDIATE" : "BEGIN") != SQLITE_OK)
		ok = policy_sqlite_error(connection->db, connection->last_rc, err);
	if (!ok) {
		if (mode == STORE_WRITE)
			lane_release(db);
		pool_give(connection);
		return false;
	}
	struct store_txn *txn = calloc(1, sizeof(*txn));
	ASSERT(txn != NULL);
	txn->db = db;
	txn->connection = connection;
	txn->mode = mode;
	*out = txn;
	return true;
}

// Ends SQLite's transaction and leaves the lane. The frame_no seen or made is in *out_seen.
static bool finish(struct store_txn *txn, const char *command, uint64_t *out_seen, struct error *err)
{
	struct connection *connection = txn->connection;
	struct error failure = {0};
	end_queries(txn);
	bool ok = run_literal(connection, command) == SQLITE_OK;
	if (!ok) {
		policy_sqlite_error(connection->db, connection->last_rc, &failure);
		sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
	}
	if (txn->mode == STORE_WRITE) {
		struct error publish_error;
		if (!database_end_commit(connection, &publish_error) && ok) {
			failure = publish_error;
			ok = false;
		}
		lane_release(txn->db);
	}
	*out_seen = database_seen(txn->db);
	pool_give(connection);
	if (!ok)
		*err = failure;
	return ok;
}

bool store_commit(struct store_txn **held, struct error *err)
{
	struct store_txn *txn = TAKE(*held);
	uint64_t seen;
	struct error failure = txn->error;
	struct engine_database *db = txn->db;
	bool failed = failure.code != ERR_NONE;
	bool ok = finish(txn, failed ? "ROLLBACK" : "COMMIT", &seen, err);
	free(txn);
	if (failed) {
		*err = failure;
		return false;
	}
	return ok && engine_database_settle(db, seen, clock_monotonic_ms() + STORE_WAIT_MS, err);
}

void store_rollback(struct store_txn **held)
{
	struct store_txn *txn = TAKE(*held);
	if (!txn)
		return;
	uint64_t seen;
	struct error ignored;
	// A transaction that cannot be rolled back any more was rolled back by SQLite itself.
	bool ok UNUSED = finish(txn, "ROLLBACK", &seen, &ignored);
	free(txn);
}

bool store_failed(struct store_txn *txn, struct error *err)
{
	if (txn->error.code == ERR_NONE)
		return false;
	*err = txn->error;
	return true;
}

bool query_is_unique_violation(const struct error *err)
{
	return err->sqlite_code == SQLITE_CONSTRAINT_UNIQUE ||
	       err->sqlite_code == SQLITE_CONSTRAINT_PRIMARYKEY;
}

struct query *store_query(struct store_txn *txn, const char *sql)
{
	for (struct query *query = txn->queries; query; query = query->next) {
		if (strcmp(query->sql, sql) != 0)
			continue;
		sqlite3_reset(query->stmt);
		sqlite3_clear_bindings(query->stmt);
		return query;
	}
	struct query *query = calloc(1, sizeof(*query));
	ASSERT(query != NULL);
	query->txn = txn;
	query->sql = strdup(sql);
	ASSERT(query->sql != NULL);
	query->next = txn->queries;
	txn->queries = query;
	if (sqlite3_prepare_v2(txn->connection->db, sql, -1, &query->stmt, NULL) != SQLITE_OK)
		keep_failure(txn);
	return query;
}

void store_run_script(struct store_txn *txn, const char *sql)
{
	if (txn->error.code == ERR_NONE && run_literal(txn->connection, sql) != SQLITE_OK)
		keep_failure(txn);
}

static int index_of(const struct query *q, const char *name)
{
	int at = sqlite3_bind_parameter_index(q->stmt, name);
	ASSERT(at > 0);
	return at;
}

void query_bind_text(struct query *q, const char *name, const char *text)
{
	if (q->stmt && sqlite3_bind_text(q->stmt, index_of(q, name), text, -1, SQLITE_TRANSIENT) != SQLITE_OK)
		keep_failure(q->txn);
}

void query_bind_integer(struct query *q, const char *name, int64_t value)
{
	if (q->stmt && sqlite3_bind_int64(q->stmt, index_of(q, name), value) != SQLITE_OK)
		keep_failure(q->txn);
}

void query_bind_blob(struct query *q, const char *name, const void *bytes, size_t size)
{
	if (q->stmt &&
	    sqlite3_bind_blob64(q->stmt, index_of(q, name), bytes, size, SQLITE_TRANSIENT) != SQLITE_OK)
		keep_failure(q->txn);
}

void query_bind_null(struct query *q, const char *name)
{
	if (q->stmt && sqlite3_bind_null(q->stmt, index_of(q, name)) != SQLITE_OK)
		keep_failure(q->txn);
}

bool query_step(struct query *q)
{
	if (!q->stmt || q->txn->error.code != ERR_NONE)
		return false;
	q->txn->connection->stop = STOP_NONE;
	q->txn->connection->deadline_ns = 0;
	int rc = sqlite3_step(q->stmt);
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		keep_failure(q->txn);
	sqlite3_reset(q->stmt);
	return false;
}

int query_run(struct query *q)
{
	while (query_step(q))
		;
	return q->txn->error.code == ERR_NONE ? sqlite3_changes(q->txn->connection->db) : 0;
}

const char *query_text(struct query *q, int column)
{
	return (const char *)sqlite3_column_text(q->stmt, column);
}

int64_t query_integer(struct query *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

const void *query_blob(struct query *q, int column, size_t *out_size)
{
	const void *bytes = sqlite3_column_blob(q->stmt, column);
	*out_size = (size_t)sqlite3_column_bytes(q->stmt, column);
	return bytes;
}

bool query_is_null(struct query *q, int column)
{
	return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}
