/// internal: what the files of the engine share about a database. Not for other modules.
///
/// Lock order: group.mutex → lane.mutex, commit_mutex → flush.mutex, pool.mutex. A connection's own mutex is
/// taken before all of them.
#ifndef ATOLL_ENGINE_INTERNAL_H
#define ATOLL_ENGINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/turns.h"
#include "base/workers.h"
#include "engine/capture.h"
#include "engine/connection.h"
#include "engine/copy.h"
#include "engine/counters.h"
#include "engine/database.h"
#include "log/log.h"

struct quick_wait;
struct lane_waiter;

/// Who may write: one at a time, first come, first served (lane.c).
struct lane {
	pthread_mutex_t mutex;
	// guarded by mutex
	bool held;
	struct connection
		*holder; // a client's connection, which may be sent away; NULL for the engine's own uses
	int64_t since_ms;
	struct lane_waiter *first;
	struct lane_waiter **end;
	bool retired;
};

/// The open transaction that quick writes share (quick.c).
struct group {
	pthread_mutex_t mutex;
	// guarded by mutex
	struct connection *writer; // the engine's; also checkpoints, and applies on a replica
	struct connection *sharer; // with the clients' policy; runs the shared statements
	_Atomic(bool) open;
	struct quick_wait *members;
	uint64_t writes;       // members that changed something
	uint64_t schema_epoch; // for which forbids_sharing was learned
	bool forbids_sharing;
};

/// Durability (flush.c).
struct flush {
	pthread_mutex_t mutex;
	pthread_cond_t moved; // durable moved, or the database failed
	// guarded by mutex
	struct quick_wait *waits;
	bool scheduled;
	bool failed;        // an fdatasync failed: nothing is accepted any more
	bool closing;       // do not wait for a better time
	bool checkpointing; // the checkpoint's task is queued or runs
	bool retaining;     // the same for the shortening of the history
	struct task task;
	struct task checkpoint_task;
	struct task retention_task;
	int wal_fd;
};

/// What the owner allows (rules.c). Version moves after each change.
struct rules {
	_Atomic(uint64_t) version; // 0: none were ever set
	_Atomic(uint64_t) size_bytes_max;
	_Atomic(bool) blocks_reads;
	_Atomic(bool) blocks_writes;
	_Atomic(bool) allows_attach;
	_Atomic(bool) serves_offline;
	_Atomic(uint64_t) history_bytes_max;
	_Atomic(int64_t) history_ms_max;
};

/// The history that the server lets a database keep: its owner may ask for less.
struct history_limits {
	uint64_t segment_bytes;
	uint64_t bytes;
	int64_t ms; // 0: no moments of the past
};

/// Who wants to know of changed rows (watch.c).
struct watches {
	_Atomic(uint64_t) version; // moves when the watched tables change
	pthread_mutex_t mutex;
	pthread_cond_t idle; // a call has ended
	// guarded by mutex
	struct engine_watch *first;
};

struct pool {
	pthread_mutex_t mutex;
	pthread_cond_t given;
	// guarded by mutex
	struct connection *idle;
	struct connection *all;
	int count;
	bool retired;
};

struct engine_database {
	char *path;
	char *wal_path;
	char *folder;
	enum engine_role role;
	struct workers *workers;
	struct turns *turns; // or NULL
	struct turns_owner turns_owner;
	struct engine_limits limits;
	struct rules rules;
	struct engine_files *files;
	struct allowance_pool *memory;
	struct engine_counters *counters; // or NULL
	void (*on_durable)(void *context);
	void *context;
	struct log *log;         // primary
	struct capture *capture; // primary: of commits; replica: of WAL resets
	struct lane lane;
	struct group group;
	struct flush flush;
	struct pool pool;
	struct watches watches;
	pthread_mutex_t usage_mutex; // taken last
	// guarded by usage_mutex
	struct usage usage;                  // of statements that are cached no more
	struct usage_counts usage_overtaken; // taken of shared transactions that were then lost

	/// Held from SQLite's commit to the publication of its frame_no: whoever read meanwhile waits for it
	/// to know what it has seen.
	pthread_mutex_t commit_mutex;
	_Atomic(uint64_t) commits_begun;
	_Atomic(uint64_t) commits_ended;
	_Atomic(uint64_t) committed; // primary: last frame_no in the log; replica: applied
	_Atomic(uint64_t) durable;
	_Atomic(uint64_t) commits_counted; // clients' commits since it was opened
	_Atomic(uint64_t) commits_flushed; // of these, by the flusher: durable
	_Atomic(uint64_t) schema_epoch;    // moves with every commit that changes the schema
	uint32_t schema_cookie;            // of the last such commit; the lane's own
	_Atomic(uint32_t) page_count;
	_Atomic(bool) log_behind; // a commit could not be appended: catch up from the WAL first

	struct history_limits history;       // at most
	_Atomic(bool) base_missing;          // the history needs a copy of the content to begin with
	_Atomic(int64_t) retention_again_ms; // monotonic; not before
	_Atomic(bool) discarded;
	_Atomic(uint32_t) checkpoint_frames; // WAL frames when the last checkpoint ended
					     // applier's) own

	// replica only, of the applier
	struct replica_state *replica;
};

// -- database.c
/// Makes the file of an empty database, not durable.
MUST_USE bool database_write_empty(const char *path, struct error *err);
bool database_catch_up_log(struct engine_database *db, struct error *err); // lane held, or opening

static inline void database_count_files(struct engine_database *db, int count)
{
	if (db->files)
		atomic_fetch_add_explicit(&db->files->used, count, memory_order_relaxed);
}

// -- commit.c
/// From SQLite's commit hook, by the lane's holder.
void database_begin_commit(struct connection *connection);
/// After a statement of the lane's holder: publishes what it committed, or forgets what it rolled back.
/// False: it is committed in the file but the history could not take it (ERR_FULL, ERR_IO); not to be
/// acknowledged.
MUST_USE bool database_end_commit(struct connection *connection, struct error *err);
/// Moves schema_epoch if the transaction, just committed or applied, changed the schema.
void database_notice_schema_change(struct engine_database *db, const struct log_txn *txn);
/// The frame_no that a read that has just ended may have seen.
uint64_t database_seen(struct engine_database *db);

// -- lane.c
void lane_init(struct lane *lane);
void lane_finish(struct lane *lane);
bool lane_try(struct engine_database *db);
bool lane_has_waiters(struct engine_database *db);
/// holder: the client's connection, or NULL for the engine's own. Fails: ERR_TRANSACTION_BUSY, ERR_SHUTDOWN.
MUST_USE bool lane_acquire(struct engine_database *db, struct connection *holder, int64_t deadline_ms,
			   struct error *err);
void lane_release(struct engine_database *db);
void lane_retire(struct engine_database *db);

// -- attach.c
int attached_find(const struct connection *connection, const char *alias); // -1: none
MUST_USE bool attached_add(struct connection *connection, struct engine_database *other, const char *alias,
			   struct error *err);
MUST_USE bool attached_remove(struct connection *connection, int at, struct error *err);
void attached_remove_all(struct connection *connection); // no transaction is open
/// After a statement: what it may have seen there.
void attached_note_seen(struct connection *connection);
MUST_USE bool attached_settle(struct connection *connection, int64_t deadline_ms, struct error *err);

// -- pool.c
MUST_USE bool pool_take(struct engine_database *db, struct connection **out, struct error *err);
struct connection *pool_try(struct engine_database *db); // NULL when none is idle and none may be opened
void pool_give(struct connection *connection);
void pool_retire(struct engine_database *db);
void pool_close(struct engine_database *db);

// -- stream.c
struct engine_stream;
struct connection *engine_stream_connection(const struct engine_stream *stream);

// -- flush.c
/// The flusher rests, and nobody waits for it.
bool flush_is_quiet(struct engine_database *db);
void flush_init(struct engine_database *db);
void flush_finish(struct engine_database *db);
void flush_schedule(struct engine_database *db);
/// Waits until the flusher rests.
void flush_drain(struct engine_database *db);
/// Registers a wait, or returns false when frame_no is durable already.
bool flush_wait_for(struct engine_database *db, struct quick_wait *wait, uint64_t frame_no);
bool flush_has_failed(struct engine_database *db);
/// At once, for a commit that the history could not take: it has no frame_no that readers could wait for.
void flush_unlogged(struct engine_database *db);

// -- usage.c
/// After a run, by the connection's user.
void usage_count(struct connection *connection, struct cached_statement *cached,
		 const struct statement_result *result);
/// Keeps what was counted of a statement that leaves its cache; its text must still be there.
void usage_forget_statement(struct connection *connection, struct cached_statement *cached);
void usage_begin_shared(struct connection *sharer);
/// The shared transaction was rolled back: what ran in it runs again elsewhere and is counted there.
void usage_lose_shared(struct connection *sharer);

// -- watch.c
void watches_init(struct watches *watches);
void watches_finish(struct watches *watches);
void watch_renew(struct connection *connection);
/// Before a connection writes, in the lane.
static inline void watch_follow(struct connection *connection)
{
	if (connection->watching.version !=
	    atomic_load_explicit(&connection->database->watches.version, memory_order_acquire))
		watch_renew(connection);
}
void watch_mark(struct connection *connection); // a statement begins
void watch_statement_ended(struct connection *connection, const struct cached_statement *cached);
/// Its transaction was committed, and taken by the history or not.
void watch_publish(struct connection *connection, bool logged);
void watch_clear(struct connection *connection); // it was rolled back
void watch_forget(struct connection *connection);

// -- rules.c
static inline bool rules_block_any(struct engine_database *db)
{
	return atomic_load_explicit(&db->rules.blocks_writes, memory_order_acquire);
}
/// Fails: ERR_BLOCKED. Judged by the text alone: SQLite obeys some pragmas when it compiles them.
MUST_USE bool rules_allow(struct engine_database *db, const struct statement *statement, struct error *err);
/// The same, once SQLite has told what it is.
MUST_USE bool rules_allow_kind(struct engine_database *db, const struct policy_statement *policy,
			       struct error *err);
/// Before a connection writes, in the lane: what it may write, it may write up to the present limit.
MUST_USE bool rules_bound_size(struct connection *connection, bool vacuum, struct error *err);
/// The file is smaller now: every connection's limit is to be set anew.
void rules_vacuumed(struct engine_database *db);

// -- quick.c
/// Commits the shared transaction, if one is open. Its members then wait for durability.
void group_commit(struct engine_database *db);

// -- checkpoint.c
/// If the WAL is long: seals the history and moves the WAL's pages into the file. A primary does so in a task of its own,
/// in the lane; a replica at once (by its applier).
void checkpoint_if_due(struct engine_database *db);
/// At close: all of it, and an empty WAL.
MUST_USE bool checkpoint_all(struct engine_database *db, struct error *err);

// -- copy.c
/// Which content it is.
struct copy_position {
	char log_id[LOG_ID_TEXT_BYTES];
	uint64_t frame_no;
	int64_t at_wall_ms;
};
/// engine_copy, and which content that was: shares the file's blocks where the file system can, else reads.
MUST_USE bool copy_file_at(struct engine_database *primary, const char *path, const struct job *job,
			   struct copy_position *out, struct error *err);

/// The content of a primary at one moment, held by a read transaction.
struct copy {
	struct connection *connection;
	const struct job *job; // or NULL
	char log_id[LOG_ID_TEXT_BYTES];
	uint64_t frame_no;
	int64_t at_wall_ms;
};
/// Writers wait only while the position is fixed. Returns when that position is durable.
MUST_USE bool copy_begin(struct engine_database *primary, const struct job *job, struct copy *out,
			 struct error *err);
/// Writes all pages, in order. Fails with ERR_SHUTDOWN when the job is to stop.
MUST_USE bool copy_pages(struct copy *copy, int fd, struct error *err);
void copy_end(struct copy *copy);

// -- past.c
/// If the history is over its limits, or lacks what it begins with: starts a task that sees to it.
void retention_if_due(struct engine_database *db);
/// Of a primary: keeps as much of the history as its rules and the server allow, from now on.
void past_limit(struct engine_database *db);
/// Of a primary whose history is new: keeps the file's content as its beginning. A failure leaves that to later.
void past_begin(struct engine_database *db);

// -- apply.c
MUST_USE bool replica_open(struct engine_database *db, struct error *err);
void replica_close(struct engine_database *db);
/// Writes the replica's position down; must precede a checkpoint.
MUST_USE bool replica_seal(struct engine_database *db, struct error *err);

#endif
