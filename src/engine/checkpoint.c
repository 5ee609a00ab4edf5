// A checkpoint is a task of its own that waits for the lane: the flusher starts it and never waits, since the lane's
// holder may be waiting for the flusher. The order is the proof: the history is sealed and synced
// before SQLite may move pages, since a fully moved WAL is reset by the next writer, and what stood in it is
// then only in the history. SQLite itself syncs the WAL before it moves pages (synchronous=NORMAL), so
// nothing moves that is not durable.

#include "base/clock.h"
#include "base/trace.h"
#include "engine/internal.h"

enum {
	CHECKPOINT_FRAMES = 4096,
	LONG_WAL_FRAMES = 4 * CHECKPOINT_FRAMES,
	RESET_WAIT_MS = 100,
	LANE_WAIT_MS = 10000
};

static bool seal(struct engine_database *db, struct error *err)
{
	if (db->role == ENGINE_REPLICA)
		return replica_seal(db, err);
	bool sealed;
	struct wal_position last = log_wal_position(db->log, &sealed);
	struct wal_position written = capture_position(db->capture);
	bool same_life = written.salt1 == last.salt1 && written.salt2 == last.salt2;
	// What was seen written and what was appended must agree, or the reset would take the difference with it.
	if (written.frame > 0 && (!same_life || written.frame != last.frame)) {
		if (!database_catch_up_log(db, err))
			return false;
		last = log_wal_position(db->log, &sealed);
	}
	return (sealed || log_seal(db->log, last, err)) && log_sync(db->log, err);
}

// A replica has no history.
static bool mark_end(struct engine_database *db, struct error *err)
{
	return db->role == ENGINE_REPLICA || log_mark_end(db->log, err);
}

// Lane held.
static bool run_checkpoint(struct engine_database *db, int mode, struct error *err)
{
	if (atomic_load(&db->log_behind) && !database_catch_up_log(db, err))
		return false;
	if (!seal(db, err))
		return false;
	int frames = 0;
	int moved = 0;
	int rc = sqlite3_wal_checkpoint_v2(db->group.writer->db, "main", mode, &frames, &moved);
	// Only then may the WAL be reset, and has been synced whole.
	if (rc == SQLITE_OK && frames == moved && !mark_end(db, err))
		return false;
	if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return true; // a reader holds some pages back: the next one moves them
	return policy_sqlite_error(db->group.writer->db, rc, err);
}

// Readers that always overlap keep a moved WAL from being reset. Once it is long, new readers are turned to the file and
// the last old ones are waited for, though not longer than writers can bear.
static bool run_bounded(struct engine_database *db, struct error *err)
{
	if (capture_wal_frames(db->capture) < LONG_WAL_FRAMES)
		return run_checkpoint(db, SQLITE_CHECKPOINT_PASSIVE, err);
	sqlite3_busy_timeout(db->group.writer->db, RESET_WAIT_MS);
	bool ok = run_checkpoint(db, SQLITE_CHECKPOINT_RESTART, err);
	sqlite3_busy_timeout(db->group.writer->db, CONNECTION_BUSY_MS);
	return ok;
}

static void run_and_report(struct engine_database *db)
{
	struct error err;
	int64_t before_ns = clock_monotonic_ns();
	bool ok = run_bounded(db, &err);
	if (db->counters && ok)
		tally_observe(&db->counters->checkpoint_ns, &tally_latency,
			      (uint64_t)(clock_monotonic_ns() - before_ns));
	else if (db->counters)
		tally_add(&db->counters->checkpoint_failures, 1);
	if (!ok)
		trace_warn("database.checkpoint_failed", "path", db->path, "error", err.message, "detail",
			   err.detail);
	atomic_store(&db->checkpoint_frames, capture_wal_frames(db->capture));
}

// A WAL that readers keep from being reset grows; it is tried again only after another stretch of frames.
static bool is_due(struct engine_database *db)
{
	uint32_t frames = capture_wal_frames(db->capture);
	if (frames < atomic_load(&db->checkpoint_frames))
		atomic_store(&db->checkpoint_frames, 0);
	return frames >= atomic_load(&db->checkpoint_frames) + CHECKPOINT_FRAMES &&
	       !atomic_load(&db->discarded);
}

static void checkpoint_run(struct task *task)
{
	struct engine_database *db = CONTAINER_OF(task, struct engine_database, flush.checkpoint_task);
	struct error ignored; // closing, or no turn yet: the flusher asks again
	// Most of what the seal needs on the disk goes there while others write.
	if (is_due(db))
		log_sync_ahead(db->log);
	if (lane_acquire(db, NULL, clock_monotonic_ms() + LANE_WAIT_MS, &ignored)) {
		if (is_due(db) && !flush_has_failed(db))
			run_and_report(db);
		lane_release(db);
	}
	pthread_mutex_lock(&db->flush.mutex);
	db->flush.checkpointing = false;
	pthread_cond_broadcast(&db->flush.moved);
	pthread_mutex_unlock(&db->flush.mutex);
}

void checkpoint_if_due(struct engine_database *db)
{
	if (!is_due(db))
		return;
	if (db->role == ENGINE_REPLICA) {
		run_and_report(db);
		return;
	}
	// What the kernel dropped from the WAL after a failed sync must not get into the file.
	pthread_mutex_lock(&db->flush.mutex);
	bool start = !db->flush.checkpointing && !db->flush.closing && !db->flush.failed;
	db->flush.checkpointing = db->flush.checkpointing || start;
	pthread_mutex_unlock(&db->flush.mutex);
	db->flush.checkpoint_task.run = checkpoint_run;
	if (start)
		workers_run_urgent(db->workers, &db->flush.checkpoint_task);
}

bool checkpoint_all(struct engine_database *db, struct error *err)
{
	return run_checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE, err);
}
