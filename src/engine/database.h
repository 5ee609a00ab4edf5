/// database: one SQLite file that this process owns: an instance of a logical database.
///
/// A primary has a history (log) into which each commit is captured; a replica takes transactions from a
/// history (engine/apply.h) and is never written otherwise. Writers pass the lane one at a time; commits are
/// made durable together by the flusher; only the database itself checkpoints.
///
/// Life:    engine_database_create (once) → engine_database_open → … → engine_database_close.
/// Threads: any. Numbers: applied or committed ≥ durable; see engine_database_committed.
#ifndef ATOLL_ENGINE_DATABASE_H
#define ATOLL_ENGINE_DATABASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/limits.h"

struct allowance_pool;
struct engine_counters;
struct engine_database;
struct log;
struct turns;
struct workers;

/// What the open databases of a process take of its file descriptors. Where they get scarce, a database that has a
/// connection opens no further ones.
struct engine_files {
	_Atomic(int) used;
	int max; // 0 = no limit
};

enum engine_role { ENGINE_PRIMARY, ENGINE_REPLICA };

struct engine_options {
	const char *folder;     // of the instance; holds data.db
	const char *log_folder; // primary only
	enum engine_role role;
	struct workers *workers;
	struct turns *turns; // of statements that compute for long; NULL: all compute at once
	struct engine_limits limits;
	struct engine_rules rules;
	struct engine_files *files;       // outlives the database; NULL: not counted
	struct allowance_pool *memory;    // of all statements; outlives the database; NULL: no limit
	struct engine_counters *counters; // outlives the database; NULL: nothing is counted
	uint64_t log_segment_bytes_max;
	uint64_t log_bytes_max;
	int64_t log_age_ms_max;            // moments of the past are kept for so long; 0: not at all
	void (*on_durable)(void *context); // primary: new frames may be read from the log; no locks are held
	void *context;
};

/// Once in a process, before any other use of the engine.
MUST_USE bool engine_start(struct error *err);
/// Where SQLite makes its temporary files, which have no name and end with the process. Before any database is open.
void engine_set_temp_folder(const char *folder);

/// Makes the file of an empty database, atomically and durably.
MUST_USE bool engine_database_create(const char *folder, struct error *err);
bool engine_database_exists(const char *folder);
/// Whether the file holds what it was made with and nothing was ever written through the engine. A file that
/// engine_database_create made does not count.
bool engine_database_is_untouched(const char *folder, const char *log_folder);

/// Recovers what a crash left (cuts or completes the log from the WAL) and opens.
/// Fails: ERR_NOT_FOUND no file; ERR_CORRUPT; ERR_IO; ERR_FULL.
MUST_USE bool engine_database_open(const struct engine_options *options, struct engine_database **out,
				   struct error *err);
/// For all statements that begin afterwards, also in open streams and transactions; COMMIT and ROLLBACK always work.
void engine_database_set_rules(struct engine_database *db, const struct engine_rules *rules);
/// Moves with each call of it.
uint64_t engine_database_rules_version(struct engine_database *db);
bool engine_database_allows_attach(struct engine_database *db);
bool engine_database_serves_offline(struct engine_database *db);
bool engine_database_blocks_reads(struct engine_database *db);
/// Stops taking work: statements under way are interrupted, waiting writers are sent away (ERR_SHUTDOWN).
void engine_database_retire(struct engine_database *db);
/// Its files are being removed: closing neither checkpoints nor writes anything more.
void engine_database_discard(struct engine_database *db);
/// Checkpoints and closes. All streams must be closed. NULL is fine.
void engine_database_close(struct engine_database *db);

/// Nothing is under way or waited for, and nothing would be lost by closing: true only of a database that nobody uses.
bool engine_database_is_quiet(struct engine_database *db);
/// A primary's history is shortened when it is over its limits: asked for now and then, done by a worker.
void engine_database_tend(struct engine_database *db);

struct log *engine_database_log(struct engine_database *db); // primary only
/// Last committed frame_no (primary) or applied one (replica).
uint64_t engine_database_committed(struct engine_database *db);
uint64_t engine_database_durable(struct engine_database *db);
/// Of the content: what the file has once the write-ahead log is moved into it.
uint64_t engine_database_size_bytes(struct engine_database *db);
/// Pages of a primary at frame_no. False when that is not the last commit, or somebody is just committing.
bool engine_database_page_count_at(struct engine_database *db, uint64_t frame_no, uint32_t *out);

/// Waits until frame_no is durable (primary) or applied (replica). Fails: ERR_IO, ERR_FULL (never will be),
/// ERR_TIMEOUT.
MUST_USE bool engine_database_settle(struct engine_database *db, uint64_t frame_no, int64_t deadline_ms,
				     struct error *err);

#endif
