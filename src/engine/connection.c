#include "engine/connection.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "engine/capture.h"
#include "engine/functions.h"
#include "engine/internal.h"
#include "engine/share.h"
#include "engine/sqlite_core.h"

// The quick path's budget is counted in work, about a millisecond of it, not in time: a busy machine makes no
// statement slow.
enum { PROGRESS_OPS = 1000, QUICK_BUDGET = 60, LIKE_PATTERN_BYTES_MAX = 1000 };

// SQLite counts the steps of full scans, of which the first row needs none; what an index finds is counted when it is
// returned. A row that was scanned and returned was read once.
static uint64_t rows_read(sqlite3_stmt *stmt, uint64_t returned)
{
	uint64_t steps = (uint64_t)sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
	uint64_t scanned = steps > 0 ? steps + 1 : 0;
	return scanned > returned ? scanned : returned;
}

static bool reads_too_much(const struct connection *connection)
{
	int64_t rows_max = connection->database->limits.statement_rows_max;
	return rows_max > 0 && !connection->own && connection->run.cached &&
	       rows_read(connection->run.cached->stmt, connection->run.rows) > (uint64_t)rows_max;
}

// Called by SQLite every PROGRESS_OPS instructions; nonzero ends the statement with SQLITE_INTERRUPT.
static int on_progress(void *context)
{
	struct connection *connection = context;
	int64_t now_ns = clock_monotonic_ns();
	if (now_ns > connection->share_at_ns) {
		share_review(connection, now_ns);
		now_ns = clock_monotonic_ns();
	}
	if (atomic_load_explicit(&connection->stolen, memory_order_relaxed))
		connection->stop = STOP_STOLEN;
	else if (atomic_load_explicit(&connection->cancel, memory_order_relaxed))
		connection->stop = STOP_CANCELLED;
	else if (connection->budget && ++connection->budget_used > QUICK_BUDGET)
		connection->stop = STOP_BUDGET;
	else if (connection->deadline_ns && now_ns > connection->deadline_ns)
		connection->stop = STOP_DEADLINE;
	else if (reads_too_much(connection))
		connection->stop = STOP_ROWS;
	else if (connection->run.sink && connection->run.sink->tick &&
		 !connection->run.sink->tick(connection->run.sink, connection->run.err))
		connection->stop = STOP_SINK;
	return connection->stop != STOP_NONE;
}

static int on_commit(void *context)
{
	database_begin_commit(context);
	return 0;
}

static bool configure(struct connection *connection, struct error *err)
{
	struct engine_database *database = connection->database;
	sqlite3 *db = connection->db;
	sqlite3_busy_timeout(db, CONNECTION_BUSY_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, ATTACHED_MAX + 1); // and VACUUM's own copy
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, (int)database->limits.row_bytes_max);
	sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, (int)database->limits.sql_bytes_max + 1);
	sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
	// LIKE and GLOB cost pattern times text inside one call that nothing can stop.
	sqlite3_limit(db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LIKE_PATTERN_BYTES_MAX);
	sqlite3_progress_handler(db, PROGRESS_OPS, on_progress, connection);
	if (!functions_register(db))
		return policy_sqlite_error(db, SQLITE_NOMEM, err);
	if (!capture_attach(database->capture, db, err))
		return false;
	if (database->group.writer == NULL && connection->own && !capture_own_file(db, err))
		return false;
	const char *pragmas =
		"PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4000;"
		"PRAGMA foreign_keys=OFF;";
	if (sqlite3_exec(db, pragmas, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) != SQLITE_OK) {
		policy_sqlite_error(db, sqlite3_extended_errcode(db), err);
		return error_context(err, "open a connection");
	}
	if (database->role == ENGINE_REPLICA && !connection->own &&
	    sqlite3_exec(db, "PRAGMA query_only=ON", NULL, NULL, NULL) != SQLITE_OK)
		return policy_sqlite_error(db, sqlite3_extended_errcode(db), err);
	if (database->role == ENGINE_PRIMARY)
		sqlite3_commit_hook(db, on_commit, connection);
	if (!connection->own)
		sqlite3_set_authorizer(db, policy_authorize, &connection->seen);
	return true;
}

bool connection_open(struct engine_database *database, bool own, struct connection **out, struct error *err)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	ASSERT(connection != NULL);
	connection->database = database;
	connection->own = own;
	database_count_files(database, CONNECTION_FILES);
	pthread_mutex_init(&connection->mutex, NULL);
	turn_init(&connection->turn);
	connection->allowance = (struct allowance){.memory_max = database->limits.statement_memory_max,
						   .temp_max = database->limits.statement_temp_max,
						   .pool = database->memory};
	connection->share_at_ns = INT64_MAX;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	int rc = sqlite3_open_v2(database->path, &connection->db, flags, CAPTURE_VFS);
	bool ok = rc == SQLITE_OK;
	if (!ok) {
		error_set(err, rc == SQLITE_FULL ? ERR_FULL : ERR_IO, "the database file cannot be opened");
		error_detail(err, "%s: %s", database->path, sqlite3_errstr(rc));
	}
	if (!ok || !configure(connection, err)) {
		connection_close(connection);
		return false;
	}
	*out = connection;
	return true;
}

static void forget_statement(struct connection *connection, struct cached_statement *cached)
{
	if (!cached->sql)
		return;
	usage_forget_statement(connection, cached);
	sqlite3_finalize(cached->stmt);
	free(cached->sql);
	// Whoever takes the usage may be looking: the counts are zero by now, and left alone.
	cached->sql = NULL;
	cached->sql_size = 0;
	cached->hash = 0;
	cached->stmt = NULL;
	cached->policy = (struct policy_statement){0};
	cached->slow = false;
	cached->last_used = 0;
	cached->shared_number = 0;
}

void connection_close(struct connection *connection)
{
	if (!connection)
		return;
	for (int set = 0; set < STATEMENT_SETS; set++) {
		for (int way = 0; way < STATEMENT_WAYS; way++)
			forget_statement(connection, &connection->cache[set][way]);
	}
	sqlite3_close(connection->db);
	watch_forget(connection);
	database_count_files(connection->database, -CONNECTION_FILES);
	turn_finish(&connection->turn);
	pthread_mutex_destroy(&connection->mutex);
	free(connection);
}

void connection_expire_statements(struct connection *connection)
{
	if (!connection->own)
		sqlite3_set_authorizer(connection->db, policy_authorize, &connection->seen);
}

// -- statements ---------------------------------------------------------------------------------------

static void learn(struct connection *connection, struct cached_statement *cached, const char *tail)
{
	cached->param_count = sqlite3_bind_parameter_count(cached->stmt);
	cached->plain_params = !sqlite_core_has_named_params(cached->stmt);
	// SQLite says of EXPLAIN, and of a pragma that shows the journal's mode, that they might write.
	bool shows = sqlite3_stmt_isexplain(cached->stmt) ||
		     (cached->policy.is_pragma && cached->policy.kind == STATEMENT_READ);
	cached->writes = !shows && !sqlite3_stmt_readonly(cached->stmt);
	cached->many = cached->policy.many || !policy_is_blank(tail, strlen(tail));
	cached->asks_state = connection->seen.uses_connection_state || cached->policy.asks_state;
	// ROLLBACK as a conflict clause would undo the neighbours in a shared transaction.
	cached->shareable = cached->policy.kind == STATEMENT_WRITE && cached->writes && !cached->asks_state &&
			    !policy_mentions(cached->sql, cached->sql_size, "rollback");
}

// SQLite says "out of memory" and "full" of the statement's own limits, too.
static void name_allowance(const struct connection *connection, struct error *err)
{
	const struct allowance *allowance = &connection->allowance;
	switch (allowance->exceeded) {
	case ALLOWANCE_MEMORY:
		snprintf(err->message, sizeof(err->message),
			 "SQLite error: out of memory: the statement needs more than the limit "
			 "statement-memory-max of %lld bytes",
			 (long long)allowance->memory_max);
		break;
	case ALLOWANCE_MEMORY_OF_ALL:
		snprintf(err->message, sizeof(err->message),
			 "SQLite error: out of memory: all statements together need more than the limit "
			 "memory-max of %lld bytes",
			 (long long)allowance->pool->memory_max);
		break;
	case ALLOWANCE_TEMP:
		snprintf(err->message, sizeof(err->message),
			 "SQLite error: the statement needs more for temporary files than the limit "
			 "statement-temp-max of %lld bytes",
			 (long long)allowance->temp_max);
		break;
	case ALLOWANCE_KEPT:
		break;
	}
}

// SQLite says "full" of a disk and of limits alike.
static void name_full_limit(struct connection *connection, struct error *err)
{
	struct engine_database *database = connection->database;
	switch (capture_full_cause(database->capture)) {
	case CAPTURE_FULL_TRANSACTION:
		snprintf(err->message, sizeof(err->message),
			 "SQLite error: the %s was rolled back: it writes more than the limit "
			 "transaction-size-max of %llu bytes",
			 sqlite3_get_autocommit(connection->db) ? "transaction" : "statement",
			 (unsigned long long)database->limits.transaction_bytes_max);
		break;
	case CAPTURE_FULL_NONE:
		if (connection->size_bytes_max > 0)
			snprintf(err->message, sizeof(err->message),
				 "SQLite error: size limit of the database reached (size_limit = %llu bytes)",
				 (unsigned long long)connection->size_bytes_max);
		break;
	case CAPTURE_FULL_DISK:
		break;
	}
}

static bool stopped(struct connection *connection, int rc, struct error *err)
{
	const struct engine_limits *limits = &connection->database->limits;
	switch (rc == SQLITE_INTERRUPT ? connection->stop : STOP_NONE) {
	case STOP_STOLEN:
		return error_set(err, ERR_TRANSACTION_TIMEOUT, "Transaction timed out");
	case STOP_DEADLINE:
		return error_set(
			err, ERR_STATEMENT_TIMEOUT,
			"statement was stopped: it ran longer than the limit statement-timeout of %lld ms",
			(long long)limits->statement_ms_max);
	case STOP_ROWS:
		return error_set(
			err, ERR_STATEMENT_TIMEOUT,
			"statement was stopped: it read more rows than the limit statement-rows-max of %lld",
			(long long)limits->statement_rows_max);
	case STOP_BUDGET:
		return error_set(err, ERR_TIMEOUT, "statement exceeds the budget of a quick one");
	case STOP_SINK:
		return false;
	case STOP_CANCELLED:
	case STOP_NONE:
		break;
	}
	bool memory = (rc & 0xff) == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM;
	// Statements give SQLite's primary code alone.
	int extended = sqlite3_extended_errcode(connection->db);
	if ((extended & 0xff) == (rc & 0xff))
		rc = extended;
	policy_sqlite_error(connection->db, memory ? SQLITE_NOMEM : rc, err);
	if ((rc & 0xff) == SQLITE_FULL && connection->allowance.exceeded != ALLOWANCE_TEMP)
		name_full_limit(connection, err);
	else if (memory || (rc & 0xff) == SQLITE_FULL)
		name_allowance(connection, err);
	return false;
}

// Compiling and running are bounded alike: SQLite calls the progress handler in both.
// spent_ns: of the time that a statement may take, in earlier pieces.
static void begin_work(struct connection *connection, int64_t spent_ns)
{
	connection->stop = STOP_NONE;
	connection->budget_used = 0;
	int64_t now_ns = connection->own ? 0 : clock_monotonic_ns();
	connection->deadline_ns =
		connection->own ? 0
				: now_ns + connection->database->limits.statement_ms_max * 1000000 - spent_ns;
	share_begin(connection, now_ns);
}

// SQLite compiles by the schema that the connection knows, and finds only for some errors that it is an old one; running
// any statement makes it look.
static void renew_schema(struct connection *connection)
{
	sqlite3_exec(connection->db, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
}

// An expired statement is compiled anew when it is run, by the schema that the connection knows: let it be the newest.
static void follow_schema(struct connection *connection)
{
	uint64_t epoch = atomic_load_explicit(&connection->database->schema_epoch, memory_order_acquire);
	if (connection->schema_epoch == epoch || !sqlite3_get_autocommit(connection->db))
		return;
	begin_work(connection, 0);
	renew_schema(connection);
	share_end(connection);
	connection->schema_epoch = epoch;
}

static int prepare(struct connection *connection, const char *text, sqlite3_stmt **out, const char **out_tail)
{
	return sqlite3_prepare_v3(connection->db, text, -1, SQLITE_PREPARE_PERSISTENT, out, out_tail);
}

// Whatever the text's tokens look like: what writes is a write.
static void trust_sqlite(struct cached_statement *cached)
{
	if (cached->writes && cached->policy.kind == STATEMENT_READ)
		cached->policy.kind = STATEMENT_WRITE;
}

static bool compile(struct connection *connection, struct cached_statement *cached, struct error *err)
{
	if (!connection->own) {
		if (!policy_classify(cached->sql, cached->sql_size, &cached->policy, err))
			return false;
		// SQLite obeys many pragmas while it compiles them.
		if (cached->policy.kind == STATEMENT_PRAGMA)
			connection->has_state = true;
	}
	const char *text = cached->policy.run_sql ? cached->policy.run_sql : cached->sql;
	const char *tail = "";
	connection->seen.uses_connection_state = false;
	connection->seen.unsupported = false;
	connection->seen.vacuum = cached->policy.is_vacuum;
	connection->seen.writing = cached->policy.kind != STATEMENT_READ;
	begin_work(connection, 0);
	allowance_enter(connection->own ? NULL : &connection->allowance);
	int rc = prepare(connection, text, &cached->stmt, &tail);
	if (rc == SQLITE_ERROR) {
		renew_schema(connection);
		rc = prepare(connection, text, &cached->stmt, &tail);
	}
	allowance_leave();
	share_end(connection);
	bool ok = (rc != SQLITE_INTERRUPT && (rc & 0xff) != SQLITE_NOMEM) || stopped(connection, rc, err);
	allowance_end(&connection->allowance);
	if (!ok)
		return false;
	if (rc != SQLITE_OK && connection->seen.unsupported)
		return policy_unsupported(cached->sql, cached->sql_size, err);
	if (rc != SQLITE_OK)
		return policy_prepare_error(connection->db, cached->sql, err);
	if (!cached->stmt)
		return error_set(err, ERR_SQL_NO_STATEMENT, "SQL string does not contain any statement");
	learn(connection, cached, tail);
	trust_sqlite(cached);
	return true;
}

static bool is_of_text(const struct cached_statement *cached, uint64_t hash, const char *sql, size_t sql_size)
{
	return cached->stmt && cached->hash == hash && cached->sql_size == sql_size &&
	       cached->policy.kind != STATEMENT_PRAGMA && memcmp(cached->sql, sql, sql_size) == 0;
}

void connection_forget_text(struct connection *connection, const char *sql, size_t sql_size)
{
	ASSERT(!connection->run.cached);
	uint64_t hash = XXH3_64bits(sql, sql_size);
	struct cached_statement *ways = connection->cache[hash % STATEMENT_SETS];
	for (int way = 0; way < STATEMENT_WAYS; way++) {
		if (is_of_text(&ways[way], hash, sql, sql_size))
			forget_statement(connection, &ways[way]);
	}
}

bool connection_prepare(struct connection *connection, const char *sql, size_t sql_size,
			struct cached_statement **out, struct error *err)
{
	ASSERT(!connection->run.cached); // else its entry might make room for this text
	follow_schema(connection);
	uint64_t hash = XXH3_64bits(sql, sql_size);
	struct cached_statement *ways = connection->cache[hash % STATEMENT_SETS];
	struct cached_statement *oldest = &ways[0];
	connection->tick++;
	for (int way = 0; way < STATEMENT_WAYS; way++) {
		struct cached_statement *cached = &ways[way];
		if (is_of_text(cached, hash, sql, sql_size)) {
			cached->last_used = connection->tick;
			*out = cached;
			return true;
		}
		if (cached->last_used < oldest->last_used)
			oldest = cached;
	}
	if (sql_size > connection->database->limits.sql_bytes_max && !connection->own)
		return error_set(err, ERR_SQL_TOO_LONG,
				 "SQL text has %zu bytes; the limit sql-length-max is %zu", sql_size,
				 connection->database->limits.sql_bytes_max);
	if (memchr(sql, '\0', sql_size))
		return error_set(err, ERR_SQL_PARSE,
				 "SQL string could not be parsed: it holds a NUL character");
	forget_statement(connection, oldest);
	oldest->sql = malloc(sql_size + 1);
	ASSERT(oldest->sql != NULL);
	memcpy(oldest->sql, sql, sql_size);
	oldest->sql[sql_size] = '\0';
	oldest->sql_size = sql_size;
	oldest->hash = hash;
	oldest->last_used = connection->tick;
	if (!compile(connection, oldest, err)) {
		forget_statement(connection, oldest);
		return false;
	}
	*out = oldest;
	return true;
}

// The value is looked up once; its own functions do not ask each time whether the row and the column are there.
// Without memory for it there are no bytes, and the next step says so.
static inline void read_column(sqlite3_stmt *stmt, int at, struct value *out)
{
	sqlite3_value *column = sqlite3_column_value(stmt, at);
	switch (sqlite3_value_type(column)) {
	case SQLITE_INTEGER:
		*out = (struct value){.kind = VALUE_INTEGER, .integer = sqlite3_value_int64(column)};
		break;
	case SQLITE_FLOAT:
		*out = (struct value){.kind = VALUE_REAL, .real = sqlite3_value_double(column)};
		break;
	case SQLITE_TEXT:
		*out = (struct value){.kind = VALUE_TEXT, .bytes = (const char *)sqlite3_value_text(column)};
		out->size = (size_t)sqlite3_value_bytes(column);
		break;
	case SQLITE_BLOB:
		*out = (struct value){.kind = VALUE_BLOB, .bytes = sqlite3_value_blob(column)};
		out->size = (size_t)sqlite3_value_bytes(column);
		break;
	default:
		*out = (struct value){.kind = VALUE_NULL};
		break;
	}
}

struct value connection_column_value(sqlite3_stmt *stmt, int at)
{
	struct value value;
	read_column(stmt, at, &value);
	// For callers that do not ask whether there was memory for it.
	if (value.kind >= VALUE_TEXT && !value.bytes)
		value.size = 0;
	return value;
}

enum { COLUMNS_ON_STACK = 32 };

static bool send_columns(struct result_sink *sink, sqlite3_stmt *stmt, int count, struct error *err)
{
	struct column few[COLUMNS_ON_STACK];
	struct column *columns = few;
	if (count > COLUMNS_ON_STACK) {
		columns = malloc((size_t)count * sizeof(*columns));
		ASSERT(columns != NULL);
	}
	for (int i = 0; i < count; i++)
		columns[i] = (struct column){sqlite3_column_name(stmt, i), sqlite3_column_decltype(stmt, i)};
	bool ok = sink->columns(sink, columns, count, err);
	if (columns != few)
		free(columns);
	return ok;
}

// A write that gives rows has done all of its work with the first of them, and would be committed by a mere reset: who
// gets an error for it must find nothing of it.
static void undo_write(struct connection *connection)
{
	struct run *run = &connection->run;
	if (!run->sink->provisional || !run->cached->writes)
		return;
	sqlite3_interrupt(connection->db);
	sqlite3_step(run->cached->stmt);
}

// SQLite makes some values only when they are asked for, and gives nothing when it has no memory for them.
static bool is_lost(const struct value *value)
{
	return !value->bytes && (value->kind == VALUE_TEXT || (value->kind == VALUE_BLOB && value->size > 0));
}

// The statement knows, and its next step says so and undoes what it wrote.
static int end_without_memory(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_NOMEM : rc;
}

// One piece: until the end, or until the sink has enough. out_paused NULL: until the end.
static bool step_rows(struct connection *connection, bool *out_paused, struct error *err)
{
	struct run *run = &connection->run;
	struct result_sink *sink = run->sink;
	sqlite3_stmt *stmt = run->cached->stmt;
	bool may_pause = sink && out_paused && !sink->provisional;
	int rc = run->at_row ? SQLITE_ROW : sqlite3_step(stmt);
	// Columns are known only now: a first step may compile the statement anew after a schema change.
	int count = sqlite3_column_count(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return stopped(connection, rc, err);
	if (sink && !run->columns_told && !send_columns(sink, stmt, count, err))
		return false;
	run->columns_told = true;
	run->at_row = rc == SQLITE_ROW && may_pause && sink->pause;
	if (out_paused)
		*out_paused = run->at_row;
	if (run->at_row)
		return true;
	struct value few[COLUMNS_ON_STACK];
	struct value *values = few;
	if (count > COLUMNS_ON_STACK) {
		values = malloc((size_t)count * sizeof(*values));
		ASSERT(values != NULL);
	}
	bool ok = true;
	bool paused = false;
	while (ok && !paused && rc == SQLITE_ROW) {
		run->rows++;
		if (sink) {
			bool lost = false;
			for (int i = 0; i < count; i++) {
				read_column(stmt, i, &values[i]);
				lost = lost || is_lost(&values[i]);
			}
			if (lost) {
				rc = end_without_memory(stmt);
				break;
			}
			ok = sink->row(sink, values, count, err);
			paused = ok && may_pause && sink->pause;
		}
		if (ok && !paused)
			rc = sqlite3_step(stmt);
	}
	if (values != few)
		free(values);
	if (out_paused)
		*out_paused = paused;
	if (!ok) {
		undo_write(connection);
		return false;
	}
	return paused || rc == SQLITE_DONE ? true : stopped(connection, rc, err);
}

// Counts the statement and gives its entry back to the cache.
static void end_run(struct connection *connection, struct statement_result *out)
{
	sqlite3 *db = connection->db;
	struct run *run = &connection->run;
	struct cached_statement *cached = TAKE(run->cached);
	uint64_t read = rows_read(cached->stmt, run->rows);
	sqlite3_stmt_status(cached->stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
	connection->last_rc = sqlite3_reset(cached->stmt);
	if (connection->watching.count > 0)
		watch_statement_ended(connection, cached);
	sqlite3_clear_bindings(cached->stmt);
	bool counts = cached->policy.kind == STATEMENT_WRITE;
	*out = (struct statement_result){
		.affected_row_count = counts ? (uint64_t)sqlite3_changes64(db) : 0,
		.has_last_insert_rowid = cached->policy.is_insert,
		.last_insert_rowid = cached->policy.is_insert ? sqlite3_last_insert_rowid(db) : 0,
		.rows_read = read,
		.rows_written =
			cached->writes ? (uint64_t)(sqlite3_total_changes64(db) - run->changes_before) : 0,
		.duration_ms = (double)run->spent_ns / 1e6,
	};
	// What a quick attempt did not end is run again, and counted then.
	if (!connection->own && !(connection->budget && connection->stop != STOP_NONE))
		usage_count(connection, cached, out);
	cached->slow = cached->slow || connection->stop == STOP_BUDGET;
	if (cached->sql_size > STATEMENT_CACHED_BYTES_MAX || cached->policy.kind == STATEMENT_PRAGMA)
		forget_statement(connection, cached);
	allowance_end(&connection->allowance);
}

static bool run_piece(struct connection *connection, struct result_sink *sink, struct statement_result *out,
		      bool *out_paused, struct error *err)
{
	struct run *run = &connection->run;
	int64_t began = clock_monotonic_ns();
	allowance_enter(connection->own ? NULL : &connection->allowance);
	run->sink = sink;
	run->err = err;
	if (sink)
		sink->pause = false;
	bool ok = step_rows(connection, out_paused, err);
	share_end(connection);
	run->sink = NULL;
	run->err = NULL;
	run->spent_ns += clock_monotonic_ns() - began;
	if (!ok || !out_paused || !*out_paused)
		end_run(connection, out);
	allowance_leave();
	return ok;
}

// Whether rows would tell of something that may not come to be: of an autocommit write, or of a commit.
static bool is_provisional(const struct connection *connection, const struct cached_statement *cached)
{
	if (!cached->writes)
		return cached->policy.kind != STATEMENT_READ;
	return connection->budget || sqlite3_get_autocommit(connection->db);
}

bool connection_begin(struct connection *connection, struct cached_statement *cached,
		      struct result_sink *sink, struct statement_result *out, bool *out_paused,
		      struct error *err)
{
	if (connection->size_bytes_max > 0 && cached->policy.kind == STATEMENT_WRITE)
		sqlite_core_keep_statement_journal(cached->stmt);
	begin_work(connection, 0);
	connection->seen.writing = cached->policy.kind != STATEMENT_READ; // it may be compiled anew
	if (connection->watching.count > 0)
		watch_mark(connection);
	connection->run = (struct run){
		.cached = cached,
		.changes_before = cached->writes ? sqlite3_total_changes64(connection->db) : 0,
	};
	if (cached->slow)
		share_expect_long(connection);
	if (sink)
		sink->provisional = is_provisional(connection, cached);
	return run_piece(connection, sink, out, out_paused, err);
}

bool connection_run(struct connection *connection, struct cached_statement *cached, struct result_sink *sink,
		    struct statement_result *out, struct error *err)
{
	return connection_begin(connection, cached, sink, out, NULL, err);
}

// While it was paused.
static bool is_still_wanted(struct connection *connection, struct error *err)
{
	if (connection->run.lost || atomic_load(&connection->stolen)) {
		connection->stop = STOP_STOLEN;
		return stopped(connection, SQLITE_INTERRUPT, err);
	}
	if (!atomic_load(&connection->cancel))
		return true;
	connection->stop = STOP_CANCELLED;
	error_set(err, ERR_SQLITE, "SQLite error: %s", sqlite3_errstr(SQLITE_INTERRUPT));
	err->sqlite_code = SQLITE_INTERRUPT;
	return false;
}

bool connection_resume(struct connection *connection, struct result_sink *sink, struct statement_result *out,
		       bool *out_paused, struct error *err)
{
	ASSERT(connection->run.cached);
	*out_paused = false;
	begin_work(connection, connection->run.spent_ns);
	connection->seen.writing = connection->run.cached->policy.kind != STATEMENT_READ;
	if (is_still_wanted(connection, err))
		return run_piece(connection, sink, out, out_paused, err);
	connection_abandon(connection);
	return false;
}

void connection_abandon(struct connection *connection)
{
	struct statement_result ignored;
	if (connection->run.cached)
		end_run(connection, &ignored);
}

void connection_lose(struct connection *connection)
{
	if (!connection->run.cached)
		return;
	connection->run.lost = true;
	sqlite3_reset(connection->run.cached->stmt);
}

bool connection_command(struct connection *connection, const char *sql, struct error *err)
{
	struct cached_statement *cached;
	struct statement_result ignored;
	return connection_prepare(connection, sql, strlen(sql), &cached, err) &&
	       connection_run(connection, cached, NULL, &ignored, err);
}

void describe_result_cleanup(struct describe_result *result)
{
	for (size_t i = 0; i < result->param_count; i++)
		free(result->param_names[i]);
	for (size_t i = 0; i < result->column_count; i++) {
		free(result->column_names[i]);
		free(result->column_decltypes[i]);
	}
	free(result->param_names);
	free(result->column_names);
	free(result->column_decltypes);
	*result = (struct describe_result){0};
}
