// The engine's side of what the log keeps of the past: the content that a history begins with, the task that
// shortens it, and copies of moments.

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/trace.h"
#include "engine/import.h"
#include "engine/internal.h"
#include "engine/wal.h"

enum { AGAIN_MS = 1000, LANE_WAIT_MS = 10000, ROUNDS_MAX = 16, AT_ONCE_BYTES_MAX = 64 << 20 };
// History goes by whole segments: a few of them fit the limit.
enum { SEGMENTS = 8, SEGMENT_BYTES_MIN = 64 << 10 };

static bool is_stopping(void *context)
{
	struct engine_database *db = context;
	pthread_mutex_lock(&db->flush.mutex);
	bool stopping = db->flush.closing;
	pthread_mutex_unlock(&db->flush.mutex);
	return stopping || atomic_load(&db->discarded);
}

// -- the beginning ------------------------------------------------------------------------------------

static bool copy_file(struct engine_database *db, const char *draft, struct error *err)
{
	OWNED(fd) int from = -1;
	OWNED(fd) int to = -1;
	return disk_open(db->path, O_RDONLY, &from, err) &&
	       disk_open(draft, O_RDWR | O_CREAT | O_TRUNC, &to, err) && disk_copy(from, to, err);
}

static bool is_small(const struct engine_database *db)
{
	struct stat status;
	return stat(db->path, &status) == 0 && status.st_size <= AT_ONCE_BYTES_MAX;
}

void past_limit(struct engine_database *db)
{
	const struct history_limits *most = &db->history;
	uint64_t bytes = atomic_load(&db->rules.history_bytes_max);
	int64_t ms = atomic_load(&db->rules.history_ms_max);
	if (bytes == 0 || bytes > most->bytes)
		bytes = most->bytes;
	if (ms == 0 || ms > most->ms)
		ms = most->ms;
	uint64_t segment_bytes = bytes / SEGMENTS > SEGMENT_BYTES_MIN ? bytes / SEGMENTS : SEGMENT_BYTES_MIN;
	if (segment_bytes > most->segment_bytes)
		segment_bytes = most->segment_bytes;
	log_limit(db->log, segment_bytes, bytes, ms > 0 ? ms : 0);
	// The base may be wanted now, or no more: the next look at the history tells.
	atomic_store(&db->base_missing, true);
}

// Nothing is written yet, and there is no write-ahead log: the file is the content. Of a large one a task makes the
// copy, from what it holds when it opens.
void past_begin(struct engine_database *db)
{
	struct wal_summary wal;
	struct error err;
	bool missing = log_needs_base(db->log);
	bool is_new = log_appended(db->log) == 0 && wal_summarize(db->wal_path, &wal, &err) &&
		      wal.committed.frame == 0;
	if (missing && is_new && is_small(db)) {
		struct log_base content = {.since_ms = clock_wall_ms()};
		memcpy(content.log_id, log_id(db->log), sizeof(content.log_id));
		OWNED(text) char *draft = log_base_draft(db->log);
		missing = !copy_file(db, draft, &err) || !log_set_base(db->log, &content, NULL, &err);
		if (missing)
			trace_warn("history.base_failed", "path", db->path, "error", err.message, "detail",
				   err.detail);
	}
	atomic_store(&db->base_missing, missing);
}

static bool make_base(struct engine_database *db, const struct job *job, struct error *err)
{
	struct copy_position position;
	OWNED(text) char *draft = log_base_draft(db->log);
	unlink(draft); // of an earlier process
	if (!copy_file_at(db, draft, job, &position, err))
		return false;
	struct log_base content = {.frame_no = position.frame_no, .since_ms = position.at_wall_ms};
	memcpy(content.log_id, position.log_id, sizeof(content.log_id));
	if (!log_set_base(db->log, &content, job, err))
		return false;
	trace_info("history.base_made", "path", db->path, "frame", TRACE_INT(content.frame_no));
	return true;
}

// -- retention ----------------------------------------------------------------------------------------

static bool close_old_segment(struct engine_database *db, struct error *err)
{
	if (!log_is_newest_old(db->log))
		return true;
	if (!lane_acquire(db, NULL, clock_monotonic_ms() + LANE_WAIT_MS, err))
		return false;
	bool ok = !log_is_newest_old(db->log) || log_close_segment(db->log, err);
	lane_release(db);
	return ok;
}

static bool retain(struct engine_database *db, struct error *err)
{
	struct job job = {.is_stopping = is_stopping, .context = db};
	if (log_needs_base(db->log) && !make_base(db, &job, err))
		return false;
	atomic_store(&db->base_missing, false);
	if (!close_old_segment(db, err) || !log_retain(db->log, &job, err))
		return false;
	struct log_numbers numbers;
	log_tell_numbers(db->log, &numbers);
	trace_debug("history.retained", "path", db->path, "segments", TRACE_INT(numbers.segment_count),
		    "bytes", TRACE_INT(numbers.segment_bytes), "oldest_ms", TRACE_INT(numbers.oldest_ms));
	return true;
}

static void report(struct engine_database *db, const struct error *err)
{
	if (err->code == ERR_SHUTDOWN || err->code == ERR_TRANSACTION_BUSY)
		return;
	if (err->code == ERR_CORRUPT) {
		atomic_store(&db->base_missing, true);
		trace_error("history.damaged", "path", db->path, "error", err->message, "detail",
			    err->detail);
		return;
	}
	trace_warn("history.retention_failed", "path", db->path, "error", err->message, "detail",
		   err->detail);
}

static bool is_due(struct engine_database *db)
{
	return atomic_load(&db->base_missing) || log_is_retention_due(db->log);
}

static void retention_run(struct task *task)
{
	struct engine_database *db = CONTAINER_OF(task, struct engine_database, flush.retention_task);
	struct error err;
	bool ok = true;
	// While one round runs, writers may fill further segments.
	for (int round = 0; ok && round < ROUNDS_MAX && (round == 0 || is_due(db)); round++) {
		if (is_stopping(db) || flush_has_failed(db))
			break;
		ok = retain(db, &err);
		if (ok)
			continue;
		report(db, &err);
		// What is damaged is gone: the next round begins with the present content.
		ok = err.code == ERR_CORRUPT;
	}
	// Whoever reads the past holds it up; what failed may fail again.
	if (is_due(db))
		atomic_store(&db->retention_again_ms, clock_monotonic_ms() + AGAIN_MS);
	pthread_mutex_lock(&db->flush.mutex);
	db->flush.retaining = false;
	pthread_cond_broadcast(&db->flush.moved);
	pthread_mutex_unlock(&db->flush.mutex);
}

void retention_if_due(struct engine_database *db)
{
	if (db->role != ENGINE_PRIMARY || !is_due(db) ||
	    clock_monotonic_ms() < atomic_load(&db->retention_again_ms) || atomic_load(&db->discarded))
		return;
	pthread_mutex_lock(&db->flush.mutex);
	bool start = !db->flush.retaining && !db->flush.closing && !db->flush.failed;
	db->flush.retaining = db->flush.retaining || start;
	pthread_mutex_unlock(&db->flush.mutex);
	if (!start)
		return;
	db->flush.retention_task.run = retention_run;
	workers_run(db->workers, &db->flush.retention_task);
}

void engine_database_tend(struct engine_database *db)
{
	retention_if_due(db);
}

// -- moments ------------------------------------------------------------------------------------------

// A transaction may still be committed in the present millisecond: it is over first.
static bool wait_until_past(struct engine_database *db, int64_t at_ms, struct error *err)
{
	if (at_ms > clock_wall_ms())
		return error_set(err, ERR_BAD_REQUEST, "timestamp is in the future");
	pthread_mutex_lock(&db->flush.mutex);
	while (at_ms >= clock_wall_ms())
		clock_cond_wait(&db->flush.moved, &db->flush.mutex, clock_monotonic_ms() + 1);
	pthread_mutex_unlock(&db->flush.mutex);
	return true;
}

static bool restore(struct engine_database *primary, int64_t at_ms, const char *path, const struct job *job,
		    struct error *err)
{
	uint64_t limit = database_seen(primary);
	int64_t deadline_ms = clock_monotonic_ms() + primary->limits.lane_wait_ms_max;
	uint32_t page_count;
	OWNED(fd) int fd = -1;
	if (!engine_database_settle(primary, limit, deadline_ms, err) ||
	    !disk_open(path, O_RDWR | O_CREAT | O_EXCL, &fd, err) ||
	    !log_restore(primary->log, at_ms, limit, fd, job, &page_count, err))
		return false;
	if (page_count > 0)
		return engine_check_file(path, job, err) && disk_sync(fd, err);
	unlink(path);
	return database_write_empty(path, err);
}

bool engine_copy_of_moment(struct engine_database *primary, int64_t at_ms, const char *path,
			   const struct job *job, struct error *err)
{
	if (!wait_until_past(primary, at_ms, err))
		return false;
	bool ok = restore(primary, at_ms, path, job, err);
	if (!ok)
		unlink(path);
	if (!ok && err->code == ERR_CORRUPT) {
		report(primary, err);
		error_set(err, ERR_BAD_REQUEST,
			  "timestamp is outside the retention: the kept history is damaged, and begins again "
			  "with the present content");
	}
	// It has waited for us.
	retention_if_due(primary);
	return ok;
}
