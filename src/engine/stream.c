#include "engine/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/internal.h"
#include "engine/share.h"
#include "engine/sqlite_core.h"

struct engine_stream {
	struct engine_database *db;
	struct connection *connection;
	uint64_t seen;
};

bool engine_stream_open(struct engine_database *db, struct engine_stream **out, struct error *err)
{
	struct connection *connection;
	if (!pool_take(db, &connection, err))
		return false;
	struct engine_stream *stream = calloc(1, sizeof(*stream));
	ASSERT(stream != NULL);
	stream->db = db;
	stream->connection = connection;
	*out = stream;
	return true;
}

// After a statement or a rollback of the lane's holder: publish, and let the next writer in once nothing is
// open.
static bool leave_lane_if_done(struct connection *connection, struct error *err)
{
	if (!connection->holds_lane)
		return true;
	bool ok = database_end_commit(connection, err);
	if (sqlite3_txn_state(connection->db, "main") != SQLITE_TXN_WRITE)
		lane_release(connection->database);
	return ok;
}

void engine_stream_close(struct engine_stream *stream)
{
	if (!stream)
		return;
	struct connection *connection = stream->connection;
	struct error ignored;
	pthread_mutex_lock(&connection->mutex);
	connection_abandon(connection);
	if (!sqlite3_get_autocommit(connection->db))
		sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
	if (!leave_lane_if_done(connection, &ignored))
		ASSERT(!"a rollback commits nothing");
	attached_remove_all(connection);
	pthread_mutex_unlock(&connection->mutex);
	pool_give(connection);
	free(stream);
}

static bool check_alone(const struct cached_statement *cached, struct error *err)
{
	if (cached->many)
		return error_set(err, ERR_SQL_MANY_STATEMENTS, "SQL string contains more than one statement");
	return true;
}

static struct stream_plan plan_of(const struct policy_statement *policy, bool writes)
{
	struct stream_plan plan = {0};
	enum statement_kind kind = policy->kind;
	plan.begins = kind == STATEMENT_BEGIN || kind == STATEMENT_SAVEPOINT;
	plan.begins_read_only = kind == STATEMENT_BEGIN && policy->is_read_only;
	plan.begins_at_once = kind == STATEMENT_BEGIN && policy->is_immediate;
	plan.ends = kind == STATEMENT_COMMIT || kind == STATEMENT_ROLLBACK;
	plan.is_schema_change = kind == STATEMENT_DDL;
	plan.needs_write_right =
		writes || kind == STATEMENT_WRITE || kind == STATEMENT_DDL || kind == STATEMENT_PRAGMA;
	if (plan.begins || plan.ends || kind == STATEMENT_RELEASE)
		plan.needs_write_right = false;
	plan.changes = writes || kind != STATEMENT_READ;
	return plan;
}

// Compiling such a pragma would already obey it: it is judged by its text alone.
static bool is_pragma(const char *sql, size_t sql_size, struct policy_statement *out)
{
	struct error ignored;
	return policy_classify(sql, sql_size, out, &ignored) && out->kind == STATEMENT_PRAGMA;
}

bool engine_stream_plan(struct engine_stream *stream, const char *sql, size_t sql_size, bool lenient,
			struct stream_plan *out, struct error *err)
{
	struct connection *connection = stream->connection;
	struct cached_statement *cached;
	struct policy_statement pragma;
	if (is_pragma(sql, sql_size, &pragma)) {
		*out = plan_of(&pragma, true);
		return true;
	}
	pthread_mutex_lock(&connection->mutex);
	bool ok = connection_prepare(connection, sql, sql_size, &cached, err);
	bool unknown_name = !ok && (err->code == ERR_SQL_INPUT || err->code == ERR_SQLITE);
	if (ok) {
		*out = plan_of(&cached->policy, cached->writes);
		out->asks_state = cached->asks_state;
		ok = check_alone(cached, err);
	} else if (lenient && unknown_name) {
		struct policy_statement policy;
		ok = policy_classify(sql, sql_size, &policy, err);
		if (ok)
			*out = plan_of(&policy, policy.kind != STATEMENT_READ);
	}
	pthread_mutex_unlock(&connection->mutex);
	return ok;
}

static bool check_writable(struct engine_database *db, struct error *err)
{
	if (flush_has_failed(db))
		return error_set(
			err, ERR_IO,
			"the disk failed: the database takes no writes until the server is restarted");
	if (atomic_load(&db->log_behind) && !database_catch_up_log(db, err))
		return error_context(err, "no writes now");
	return true;
}

static bool enter_lane(struct connection *connection, struct error *err)
{
	struct engine_database *db = connection->database;
	if (connection->holds_lane)
		return true;
	if (!lane_acquire(db, connection, clock_monotonic_ms() + db->limits.lane_wait_ms_max, err))
		return false;
	if (check_writable(db, err))
		return true;
	lane_release(db);
	return false;
}

static bool enter_lane_to_write(struct connection *connection, bool vacuum, struct error *err)
{
	bool held = connection->holds_lane;
	if (!enter_lane(connection, err))
		return false;
	watch_follow(connection);
	if (rules_bound_size(connection, vacuum, err))
		return true;
	if (!held)
		lane_release(connection->database);
	return false;
}

// After a statement, or a part of it: what its rows may tell of.
static void note_seen(struct engine_stream *stream)
{
	attached_note_seen(stream->connection);
	uint64_t seen = database_seen(stream->db);
	stream->seen = seen > stream->seen ? seen : stream->seen;
}

// The statement has ended, well or not: what it committed is published, and the lane left if nothing is open.
static bool end_statement(struct engine_stream *stream, bool ok, bool in_lane, struct statement_result *out,
			  struct error *err)
{
	struct connection *connection = stream->connection;
	struct error publish_error;
	bool published = leave_lane_if_done(connection, &publish_error);
	// It ended by itself before the one who waited could end it.
	if (ok && in_lane && !connection->holds_lane)
		atomic_store(&connection->stolen, false);
	note_seen(stream);
	if (!ok)
		return false;
	out->frame_no = stream->seen;
	if (!published)
		*err = publish_error;
	return published;
}

// Runs under the connection's mutex. The lane is entered before SQLite would ask for its write lock, so that
// nobody ever meets a lock that is taken.
static bool execute_locked(struct engine_stream *stream, const struct statement *statement,
			   struct result_sink *sink, struct statement_result *out, bool *out_paused,
			   struct error *err)
{
	struct connection *connection = stream->connection;
	struct engine_database *db = stream->db;
	if (atomic_load(&connection->stolen))
		return error_set(err, ERR_TRANSACTION_TIMEOUT,
				 "Transaction timed out: it was rolled back after %lld ms since others "
				 "waited to write "
				 "(limit transaction-timeout)",
				 (long long)db->limits.transaction_ms_max);
	struct cached_statement *cached;
	if (!rules_allow(db, statement, err) ||
	    !connection_prepare(connection, statement->sql, statement->sql_size, &cached, err) ||
	    !check_alone(cached, err) || !rules_allow_kind(db, &cached->policy, err) ||
	    !connection_bind(cached, statement, err))
		return false;
	struct policy_statement policy = cached->policy;
	bool locks = cached->writes || policy.is_immediate;
	if (policy.kind == STATEMENT_BEGIN || policy.kind == STATEMENT_COMMIT ||
	    policy.kind == STATEMENT_ROLLBACK)
		locks = policy.is_immediate;
	// On a replica the lane's things (the capture above all) are the applier's; SQLite itself refuses the write.
	if (locks && db->role == ENGINE_PRIMARY && !enter_lane_to_write(connection, policy.is_vacuum, err)) {
		sqlite3_reset(cached->stmt);
		sqlite3_clear_bindings(cached->stmt);
		return false;
	}
	connection->seen.vacuum = policy.is_vacuum;
	bool in_lane = connection->holds_lane;
	bool ok = connection_begin(connection, cached, sink, out, out_paused, err);
	if (policy.is_vacuum)
		rules_vacuumed(db);
	if (ok && out_paused && *out_paused)
		return true;
	return end_statement(stream, ok, in_lane, out, err);
}

static bool execute(struct engine_stream *stream, const struct statement *statement, struct result_sink *sink,
		    struct statement_result *out, bool *out_paused, struct error *err)
{
	struct statement_result result;
	pthread_mutex_lock(&stream->connection->mutex);
	bool ok = execute_locked(stream, statement, sink, &result, out_paused, err);
	pthread_mutex_unlock(&stream->connection->mutex);
	if (ok)
		*out = result;
	return ok;
}

bool engine_stream_execute(struct engine_stream *stream, const struct statement *statement,
			   struct result_sink *sink, struct statement_result *out, struct error *err)
{
	return execute(stream, statement, sink, out, NULL, err);
}

bool engine_stream_begin(struct engine_stream *stream, const struct statement *statement,
			 struct result_sink *sink, struct statement_result *out, bool *out_paused,
			 struct error *err)
{
	*out_paused = false;
	return execute(stream, statement, sink, out, out_paused, err);
}

bool engine_stream_resume(struct engine_stream *stream, struct result_sink *sink,
			  struct statement_result *out, bool *out_paused, struct error *err)
{
	struct connection *connection = stream->connection;
	struct statement_result result;
	pthread_mutex_lock(&connection->mutex);
	bool in_lane = connection->holds_lane;
	bool ok = connection_resume(connection, sink, &result, out_paused, err);
	if (!ok || !*out_paused)
		ok = end_statement(stream, ok, in_lane, &result, err);
	pthread_mutex_unlock(&connection->mutex);
	if (ok)
		*out = result;
	return ok;
}

void engine_stream_abandon(struct engine_stream *stream)
{
	struct statement_result none = {0};
	struct error ignored;
	pthread_mutex_lock(&stream->connection->mutex);
	connection_abandon(stream->connection);
	// Nothing was committed: what does that on its own is never paused.
	if (!end_statement(stream, true, stream->connection->holds_lane, &none, &ignored))
		ASSERT(!"a statement that was abandoned commits nothing");
	pthread_mutex_unlock(&stream->connection->mutex);
}

void engine_stream_note_rows(struct engine_stream *stream)
{
	// An autocommit write, and a commit, tell nothing before their end: the lock of commits is not ours.
	ASSERT(!stream->connection->in_commit);
	note_seen(stream);
}

struct connection *engine_stream_connection(const struct engine_stream *stream)
{
	return stream->connection;
}

static char *copy_or_null(const char *text)
{
	char *copy = text ? strdup(text) : NULL;
	ASSERT(!text || copy);
	return copy;
}

static void describe_columns(sqlite3_stmt *stmt, struct describe_result *out)
{
	out->column_count = (size_t)sqlite3_column_count(stmt);
	out->column_names = calloc(out->column_count + 1, sizeof(char *));
	out->column_decltypes = calloc(out->column_count + 1, sizeof(char *));
	ASSERT(out->column_names && out->column_decltypes);
	for (size_t i = 0; i < out->column_count; i++) {
		out->column_names[i] = copy_or_null(sqlite3_column_name(stmt, (int)i));
		out->column_decltypes[i] = copy_or_null(sqlite3_column_decltype(stmt, (int)i));
	}
}

static void describe_params(const struct cached_statement *cached, struct describe_result *out)
{
	out->param_count = (size_t)cached->param_count;
	out->param_names = calloc(out->param_count + 1, sizeof(char *));
	ASSERT(out->param_names != NULL);
	const char **names = malloc((out->param_count + 1) * sizeof(*names));
	ASSERT(names != NULL);
	sqlite_core_param_names(cached->stmt, names, out->param_count);
	for (size_t i = 0; i < out->param_count; i++)
		out->param_names[i] = copy_or_null(names[i]);
	free(names);
}

bool engine_stream_describe(struct engine_stream *stream, const char *sql, size_t sql_size,
			    struct describe_result *out, struct error *err)
{
	struct connection *connection = stream->connection;
	struct cached_statement *cached;
	struct policy_statement pragma;
	if (is_pragma(sql, sql_size, &pragma)) {
		*out = (struct describe_result){0};
		return true;
	}
	pthread_mutex_lock(&connection->mutex);
	// What was compiled before may know an older schema, which only running it would show.
	connection_forget_text(connection, sql, sql_size);
	bool ok = connection_prepare(connection, sql, sql_size, &cached, err);
	if (ok) {
		*out = (struct describe_result){
			.is_explain = sqlite3_stmt_isexplain(cached->stmt) != 0,
			.is_readonly = cached->policy.is_pragma ? !cached->writes
								: sqlite3_stmt_readonly(cached->stmt) != 0};
		describe_params(cached, out);
		describe_columns(cached->stmt, out);
	}
	pthread_mutex_unlock(&connection->mutex);
	return ok;
}

bool engine_stream_is_autocommit(const struct engine_stream *stream)
{
	pthread_mutex_lock(&stream->connection->mutex);
	bool autocommit = sqlite3_get_autocommit(stream->connection->db) != 0;
	pthread_mutex_unlock(&stream->connection->mutex);
	return autocommit;
}

bool engine_stream_has_state(const struct engine_stream *stream)
{
	return stream->connection->has_state;
}

bool engine_stream_attach(struct engine_stream *stream, struct engine_database *other, const char *alias,
			  struct error *err)
{
	struct connection *connection = stream->connection;
	pthread_mutex_lock(&connection->mutex);
	bool ok = attached_add(connection, other, alias, err);
	pthread_mutex_unlock(&connection->mutex);
	return ok;
}

bool engine_stream_detach(struct engine_stream *stream, const char *alias, int64_t deadline_ms,
			  struct error *err)
{
	struct connection *connection = stream->connection;
	pthread_mutex_lock(&connection->mutex);
	int at = attached_find(connection, alias);
	bool ok = at >= 0 || error_set(err, ERR_SQLITE, "SQLite error: no such database: %s", alias);
	ok = ok && attached_settle(connection, deadline_ms, err) && attached_remove(connection, at, err);
	pthread_mutex_unlock(&connection->mutex);
	return ok;
}

bool engine_stream_has_attached(const struct engine_stream *stream, const char *alias)
{
	return attached_find(stream->connection, alias) >= 0;
}

bool engine_stream_settle_attached(struct engine_stream *stream, int64_t deadline_ms, struct error *err)
{
	// Only the stream's own thread changes the list.
	return attached_settle(stream->connection, deadline_ms, err);
}

uint64_t engine_stream_seen(const struct engine_stream *stream)
{
	return stream->seen;
}

void engine_stream_end_program(struct engine_stream *stream)
{
	pthread_mutex_lock(&stream->connection->mutex);
	// Still in the lane means that the theft is under way: the next program is told.
	if (!stream->connection->holds_lane)
		atomic_store(&stream->connection->stolen, false);
	pthread_mutex_unlock(&stream->connection->mutex);
}

void engine_stream_interrupt(struct engine_stream *stream)
{
	atomic_store(&stream->connection->cancel, true);
	share_wake(stream->connection);
}
