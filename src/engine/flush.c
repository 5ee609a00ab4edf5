// Group commit: SQLite does not sync on commit; one fdatasync of the WAL makes durable all commits since the
// last.
//
// The flusher is a task that runs while there is something to do. Each round ends the shared transaction,
// syncs, moves `durable`, and lets everyone go who waited for a frame_no up to it.

#include <stddef.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/trace.h"
#include "engine/internal.h"
#include "engine/quick.h"

enum { RETRY_MS = 200 };

static void release_waits(struct quick_wait *waits, bool lost)
{
	while (waits) {
		struct quick_wait *next = waits->next;
		waits->settled(waits, lost);
		waits = next;
	}
}

static struct quick_wait *split_settled_locked(struct flush *flush, uint64_t durable)
{
	struct quick_wait *settled = NULL;
	struct quick_wait **settled_end = &settled;
	struct quick_wait **at = &flush->waits;
	while (*at) {
		struct quick_wait *wait = *at;
		if (wait->frame_no <= durable || flush->failed) {
			*at = wait->next;
			*settled_end = wait;
			settled_end = &wait->next;
		} else {
			at = &wait->next;
		}
	}
	*settled_end = NULL;
	return settled;
}

static bool sync_wal(struct engine_database *db)
{
	struct error err;
	int64_t before_ns = clock_monotonic_ns();
	bool ok = disk_sync(db->flush.wal_fd, &err);
	if (db->counters && ok)
		tally_observe(&db->counters->flush_ns, &tally_latency,
			      (uint64_t)(clock_monotonic_ns() - before_ns));
	if (ok)
		return true;
	if (db->counters)
		tally_add(&db->counters->flush_failures, 1);
	trace_error("database.sync_failed", "path", db->path, "detail", err.detail);
	return false;
}

void flush_unlogged(struct engine_database *db)
{
	if (sync_wal(db))
		return;
	pthread_mutex_lock(&db->flush.mutex);
	db->flush.failed = true;
	pthread_mutex_unlock(&db->flush.mutex);
}

// Commits that the history could not take when they were made, for instance on a full disk.
static void catch_up_if_behind(struct engine_database *db)
{
	struct error err;
	if (!atomic_load(&db->log_behind) || !lane_try(db))
		return;
	if (!database_catch_up_log(db, &err))
		trace_warn("database.history_behind", "path", db->path, "error", err.message, "detail",
			   err.detail);
	lane_release(db);
}

// What one sync made durable. A replica's transactions are counted where they were made.
static void count_flushed(struct engine_database *db, uint64_t commits)
{
	uint64_t before = atomic_exchange(&db->commits_flushed, commits);
	if (db->counters && commits > before)
		tally_observe(&db->counters->group_sizes, &tally_sizes, commits - before);
}

static void flush_round(struct engine_database *db)
{
	struct flush *flush = &db->flush;
	group_commit(db);
	catch_up_if_behind(db);
	uint64_t commits = atomic_load(&db->commits_counted);
	uint64_t target = atomic_load(&db->committed);
	bool synced = target <= atomic_load(&db->durable) || sync_wal(db);
	pthread_mutex_lock(&flush->mutex);
	// After a failed sync the kernel may have dropped the pages: a second try would succeed and lie.
	flush->failed = flush->failed || !synced;
	bool moved = !flush->failed && target > atomic_load(&db->durable);
	if (moved) {
		log_mark_durable(db->log, target);
		atomic_store(&db->durable, target);
	}
	if (moved)
		count_flushed(db, commits);
	bool failed = flush->failed;
	struct quick_wait *settled = split_settled_locked(flush, target);
	pthread_cond_broadcast(&flush->moved);
	pthread_mutex_unlock(&flush->mutex);
	release_waits(settled, failed);
	if (moved && db->on_durable)
		db->on_durable(db->context);
}

enum after_round { FLUSH_AGAIN, FLUSH_LATER, FLUSH_REST };

// Decided under the mutex, so that whoever adds work sees either a running flusher or none. After FLUSH_REST
// the database may be gone.
static enum after_round after_round(struct engine_database *db)
{
	struct flush *flush = &db->flush;
	enum after_round next = FLUSH_REST;
	pthread_mutex_lock(&flush->mutex);
	bool behind = atomic_load(&db->log_behind) && !workers_stopping(db->workers) && !flush->closing;
	if (!flush->failed &&
	    (atomic_load(&db->committed) > atomic_load(&db->durable) || atomic_load(&db->group.open)))
		next = FLUSH_AGAIN;
	else if (behind)
		next = FLUSH_LATER;
	if (next == FLUSH_REST) {
		flush->scheduled = false;
		pthread_cond_broadcast(&flush->moved);
	}
	pthread_mutex_unlock(&flush->mutex);
	return next;
}

static void flush_run(struct task *task)
{
	struct engine_database *db = CONTAINER_OF(task, struct engine_database, flush.task);
	enum after_round next;
	do {
		flush_round(db);
		checkpoint_if_due(db);
		retention_if_due(db);
		next = after_round(db);
	} while (next == FLUSH_AGAIN);
	if (next == FLUSH_LATER)
		workers_run_at(db->workers, task, clock_monotonic_ms() + RETRY_MS);
}

void flush_drain(struct engine_database *db)
{
	pthread_mutex_lock(&db->flush.mutex);
	db->flush.closing = true;
	while (db->flush.scheduled || db->flush.checkpointing || db->flush.retaining)
		clock_cond_wait(&db->flush.moved, &db->flush.mutex, INT64_MAX);
	struct quick_wait *waits = TAKE(db->flush.waits);
	pthread_mutex_unlock(&db->flush.mutex);
	// Those whose commit the history never took.
	release_waits(waits, true);
}

void flush_init(struct engine_database *db)
{
	pthread_mutex_init(&db->flush.mutex, NULL);
	clock_cond_init(&db->flush.moved);
	db->flush.task.run = flush_run;
	db->flush.wal_fd = -1;
}

void flush_finish(struct engine_database *db)
{
	fd_cleanup(&db->flush.wal_fd);
	pthread_mutex_destroy(&db->flush.mutex);
	pthread_cond_destroy(&db->flush.moved);
}

void flush_schedule(struct engine_database *db)
{
	pthread_mutex_lock(&db->flush.mutex);
	bool start = !db->flush.scheduled;
	db->flush.scheduled = true;
	pthread_mutex_unlock(&db->flush.mutex);
	if (start)
		workers_run_urgent(db->workers, &db->flush.task);
}

bool flush_wait_for(struct engine_database *db, struct quick_wait *wait, uint64_t frame_no)
{
	if (frame_no <= atomic_load(&db->durable))
		return false;
	pthread_mutex_lock(&db->flush.mutex);
	bool waits = frame_no > atomic_load(&db->durable);
	if (waits) {
		wait->frame_no = frame_no;
		wait->next = db->flush.waits;
		db->flush.waits = wait;
	}
	pthread_mutex_unlock(&db->flush.mutex);
	if (waits)
		flush_schedule(db);
	return waits;
}

bool flush_is_quiet(struct engine_database *db)
{
	struct flush *flush = &db->flush;
	pthread_mutex_lock(&flush->mutex);
	bool quiet = !flush->scheduled && !flush->checkpointing && !flush->waits && !flush->failed;
	pthread_mutex_unlock(&flush->mutex);
	return quiet;
}

bool flush_has_failed(struct engine_database *db)
{
	pthread_mutex_lock(&db->flush.mutex);
	bool failed = db->flush.failed;
	pthread_mutex_unlock(&db->flush.mutex);
	return failed;
}

bool engine_database_settle(struct engine_database *db, uint64_t frame_no, int64_t deadline_ms,
			    struct error *err)
{
	if (frame_no <= atomic_load(&db->durable))
		return true;
	if (db->role == ENGINE_PRIMARY)
		flush_schedule(db);
	pthread_mutex_lock(&db->flush.mutex);
	bool in_time = true;
	while (in_time && !db->flush.failed && frame_no > atomic_load(&db->durable))
		in_time = clock_cond_wait(&db->flush.moved, &db->flush.mutex, deadline_ms);
	bool durable = frame_no <= atomic_load(&db->durable);
	bool failed = db->flush.failed;
	pthread_mutex_unlock(&db->flush.mutex);
	if (durable)
		return true;
	if (failed)
		return error_set(err, ERR_IO,
				 "the disk refused to make the write durable: it is not acknowledged");
	if (db->role == ENGINE_REPLICA)
		return error_set(err, ERR_TIMEOUT, "the replica has not caught up with its primary in time");
	return error_set(err, ERR_TIMEOUT, "the disk did not make the write durable in time");
}
