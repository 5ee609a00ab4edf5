/// connection: one SQLite connection with its cache of prepared statements. Private to the engine.
///
/// A connection is used by one thread at a time: whoever took it from the pool, under its mutex. Another
/// thread may only set `cancel` or `stolen`, which the progress handler sees.
#ifndef ATOLL_ENGINE_CONNECTION_H
#define ATOLL_ENGINE_CONNECTION_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/turns.h"
#include "engine/allowance.h"
#include "engine/policy.h"
#include "engine/usage.h"
#include "engine/values.h"
#include "engine/watch.h"

struct engine_database;

enum { CONNECTION_FILES = 2 };       // the database and its write-ahead log
enum { CONNECTION_BUSY_MS = 10000 }; // for locks that SQLite takes by itself; writers wait in the lane
enum { STATEMENT_SETS = 32, STATEMENT_WAYS = 4, STATEMENT_CACHED_BYTES_MAX = 16384 };

struct cached_statement {
	uint64_t hash;
	char *sql;
	size_t sql_size;
	sqlite3_stmt *stmt;
	struct policy_statement policy;
	int param_count;
	bool plain_params; // every parameter is "?" or "?N"
	bool writes;       // sqlite3_stmt_readonly says no, and it does not merely explain or show
	bool asks_state;   // of the connection: changes(), total_changes(), last_insert_rowid(), foreign_keys
	bool shareable;    // may run inside a shared transaction
	bool slow;         // exceeded the quick budget before
	bool many;         // something stands behind the first statement
	uint64_t last_used;
	// See usage.c. Counted by the connection's user, looked at by whoever takes the usage.
	_Atomic(uint64_t) runs;
	_Atomic(uint64_t) rows_read;
	_Atomic(uint64_t) rows_written;
	uint64_t shared_number; // of the shared transaction in which it last ran
	struct usage_counts before_shared;
	struct usage_counts taken; // guarded by the database's usage_mutex
};

enum { ATTACHED_MAX = 8 };
struct attached {
	char *alias;
	struct engine_database *database;
	uint64_t seen; // its frame_no that statements of this connection may have seen
};

enum stop_reason { STOP_NONE, STOP_CANCELLED, STOP_STOLEN, STOP_DEADLINE, STOP_BUDGET, STOP_ROWS, STOP_SINK };

/// A statement on its way. Between its pieces it stays stepped, and its cache entry is nobody else's.
struct run {
	struct cached_statement *cached; // NULL: none is under way
	uint64_t rows;
	int64_t changes_before;
	int64_t spent_ns; // in the pieces before the present one
	bool columns_told;
	bool at_row; // paused before the present row was told
	bool lost;   // paused; its transaction was ended by force
	// of the present piece
	struct result_sink *sink;
	struct error *err; // filled by the sink's tick
};

/// What its write transaction has done so far to the tables that somebody watches (watch.c).
struct watched_table {
	char *name;
	struct change_counts counts;
	struct change_counts before; // the present statement
};
struct watching {
	uint64_t version; // of the database's watches
	struct watched_table *tables;
	int count;
	char *last_name; // of a changed row's table
	int last;        // its place above; -1: it is not watched
};

struct connection {
	sqlite3 *db;
	struct engine_database *database;
	struct connection *next; // in the pool
	struct connection *all_next;
	pthread_mutex_t mutex;
	struct policy_seen seen;
	_Atomic(bool) cancel;
	_Atomic(bool) stolen; // its write transaction was ended by others
	int64_t deadline_ns;  // of the running statement; 0 = none
	bool budget;          // set by the quick path around a run: stop soon
	int budget_used;
	int64_t share_at_ns; // when to look what the running statement has taken of the processors; see share.h
	struct turn turn;    // of those that compute for long
	enum stop_reason stop;
	struct run run;
	struct allowance allowance;
	bool holds_lane;
	bool in_commit;        // between SQLite's commit hook and publication
	int last_rc;           // what the last statement ended with, its commit included
	bool own;              // Atoll's own SQL: no policy
	bool has_state;        // a pragma was set: not plain any more
	uint64_t schema_epoch; // of the database when it last looked at the schema
	struct watching watching;
	uint64_t rules_version;  // for which size_bytes_max was set
	uint64_t size_bytes_max; // 0 = no limit
	uint64_t shared_number;  // the engine's sharer: of the shared transaction; moves with each
	struct attached attached[ATTACHED_MAX];
	int attached_count;
	uint64_t tick;
	struct cached_statement cache[STATEMENT_SETS][STATEMENT_WAYS];
};

MUST_USE bool connection_open(struct engine_database *database, bool own, struct connection **out,
			      struct error *err);
void connection_close(struct connection *connection);

/// A reset, unbound statement from the cache. Checks kind and form; a text with more than one statement has
/// `many`.
MUST_USE bool connection_prepare(struct connection *connection, const char *sql, size_t sql_size,
				 struct cached_statement **out, struct error *err);

/// Binds the arguments by spec/hrana.md §2. Bytes must live until connection_reset.
/// It is compiled anew when it is next prepared.
void connection_forget_text(struct connection *connection, const char *sql, size_t sql_size);
MUST_USE bool connection_bind(struct cached_statement *cached, const struct statement *statement,
			      struct error *err);

/// Steps to the end, rows into the sink (may be NULL), then resets. Fills counters of *out. A long text is
/// not kept: `cached` must not be used afterwards.
MUST_USE bool connection_run(struct connection *connection, struct cached_statement *cached,
			     struct result_sink *sink, struct statement_result *out, struct error *err);

/// The same in pieces: with *out_paused the sink had enough, and connection_resume goes on, or connection_abandon ends it.
/// Until then nothing else runs on the connection. Counters and time are of all pieces, without the pauses.
MUST_USE bool connection_begin(struct connection *connection, struct cached_statement *cached,
			       struct result_sink *sink, struct statement_result *out, bool *out_paused,
			       struct error *err);
MUST_USE bool connection_resume(struct connection *connection, struct result_sink *sink,
				struct statement_result *out, bool *out_paused, struct error *err);
void connection_abandon(struct connection *connection);
/// By whoever ends the transaction of a paused statement by force: it holds no lock any more, and its next piece says so.
void connection_lose(struct connection *connection);

/// Compiles what is cached anew before it runs again.
void connection_expire_statements(struct connection *connection);

/// Of the present row; its bytes are good until the next step.
struct value connection_column_value(sqlite3_stmt *stmt, int at);

/// Runs a literal of ours ("BEGIN IMMEDIATE") from the cache.
MUST_USE bool connection_command(struct connection *connection, const char *sql, struct error *err);

#endif
