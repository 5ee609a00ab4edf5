// What is kept of the past, and how it is read.
//
// The base is the content at base.position.frame_no; the segments hold what came after. Before a segment goes, its
// transactions are folded into the base, so that base and segments together always reach back to one moment
// without a gap. A history that began with an empty database needs no base until then.

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/trace.h"
#include "log/internal.h"

enum { SEGMENTS_OF_AGE = 24, SEGMENT_MS_MIN = 100 };

// -- what there is ------------------------------------------------------------------------------------

static bool begins_empty(struct log *log)
{
	pthread_mutex_lock(&log->mutex);
	bool empty = log->begun_empty_ms != 0 && log->segments[0].base_frame_no == 0;
	pthread_mutex_unlock(&log->mutex);
	return empty;
}

// The base is of this history, and the segments go on from it.
static bool base_fits(struct log *log)
{
	if (!log->base.exists || atomic_load(&log->base_is_damaged))
		return false;
	pthread_mutex_lock(&log->mutex);
	bool fits = strcmp(log->base.position.log_id, log->id) == 0 &&
		    log->base.position.frame_no >= log->segments[0].base_frame_no;
	pthread_mutex_unlock(&log->mutex);
	return fits;
}

static void forget_base(struct log *log)
{
	base_remove(log->folder);
	log->base.exists = false;
	atomic_store(&log->base_is_damaged, false);
	pthread_mutex_lock(&log->mutex);
	log->begun_empty_ms = 0;
	pthread_mutex_unlock(&log->mutex);
}

void log_note_base_damage(struct log *log)
{
	if (!atomic_exchange(&log->base_is_damaged, true))
		trace_warn("history.damaged", "folder", log->folder, "file", "base.db", "error",
			   "a page does not fit its checksum");
}

bool log_needs_base(struct log *log)
{
	if (log->age_ms_max == 0)
		return false;
	pthread_mutex_lock(&log->base_mutex);
	if (atomic_load(&log->base_is_damaged))
		forget_base(log);
	bool needs = !base_fits(log) && !begins_empty(log);
	pthread_mutex_unlock(&log->base_mutex);
	return needs;
}

char *log_base_draft(const struct log *log)
{
	struct buffer path = {0};
	buffer_printf(&path, "%s/base.new.db", log->folder);
	return buffer_take(&path, NULL);
}

static bool set_base(struct log *log, const char *path, const struct log_base *content, const struct job *job,
		     struct error *err)
{
	struct base_position position = {.frame_no = content->frame_no, .since_ms = content->since_ms};
	memcpy(position.log_id, content->log_id, sizeof(position.log_id));
	OWNED(fd) int fd = -1;
	uint64_t size;
	if (!disk_open(path, O_RDONLY, &fd, err) || !disk_size(fd, &size, err))
		return false;
	position.page_count = (uint32_t)(size / LOG_PAGE_BYTES);
	log->base.exists = false;
	if (!base_install(log->folder, path, &position, job, err))
		return false;
	log->base = (struct base){.exists = true, .position = position};
	atomic_store(&log->base_is_damaged, false);
	return base_fits(log) ? true : error_set(err, ERR_STALE, "the history began anew meanwhile");
}

bool log_set_base(struct log *log, const struct log_base *content, const struct job *job, struct error *err)
{
	OWNED(text) char *path = log_base_draft(log);
	pthread_mutex_lock(&log->base_mutex);
	bool ok = set_base(log, path, content, job, err);
	pthread_mutex_unlock(&log->base_mutex);
	unlink(path);
	return ok || error_context(err, "keep the content that the history begins with");
}

// -- folding ------------------------------------------------------------------------------------------

static bool fold_transactions(struct log *log, struct base_files *files, struct base_position *position,
			      const struct job *job, struct error *err)
{
	struct log_cursor *cursor;
	if (!log_cursor_open(log, position->frame_no, &cursor, err))
		return false;
	bool ok = true;
	while (ok && position->frame_no < position->folding) {
		struct log_txn txn;
		bool found = false;
		ok = job_goes_on(job, err) && log_cursor_next(cursor, &txn, &found, err) &&
		     (found || error_set(err, ERR_CORRUPT, "a log segment ends early")) &&
		     base_apply(files, &txn, err);
		if (!ok)
			break;
		position->frame_no = txn.frame_no;
		position->since_ms = txn.committed_wall_ms;
	}
	log_cursor_close(cursor);
	return ok;
}

// base_mutex held. What was begun is ended first, also what a crash has cut.
static bool fold(struct log *log, uint64_t target, const struct job *job, struct error *err)
{
	struct base_position position = log->base.position;
	struct base_files files;
	if (!log->base.exists) {
		position = (struct base_position){.since_ms = log->begun_empty_ms};
		memcpy(position.log_id, log->id, sizeof(position.log_id));
	}
	if (position.folding > target)
		target = position.folding;
	if (target <= position.frame_no)
		return true;
	position.folding = target;
	if (!base_open(log->folder, &position, &files, err))
		return false;
	bool ok = base_write_position(log->folder, &position, err);
	if (ok)
		log->base = (struct base){.exists = true, .position = position};
	ok = ok && fold_transactions(log, &files, &position, job, err) && base_sync(&files, err);
	position.folding = 0;
	position.page_count = files.page_count;
	ok = ok && base_write_position(log->folder, &position, err);
	if (ok)
		log->base.position = position;
	base_close(&files);
	return ok;
}

// -- retention ----------------------------------------------------------------------------------------

int64_t log_segment_ms(const struct log *log)
{
	int64_t ms = log->age_ms_max / SEGMENTS_OF_AGE;
	return ms > SEGMENT_MS_MIN ? ms : SEGMENT_MS_MIN;
}

// Readers that move are waited for, until what they hold up is as much again as is kept.
static bool is_held_locked(const struct log *log, const struct segment *oldest, uint64_t total)
{
	return total <= 2 * log->bytes_max &&
	       readers_are_at(log->open_cursors, oldest->base_frame_no, clock_monotonic_ms());
}

// How many segments are damaged, lead only to damaged ones, or are over the limits of size and age; the newest never is.
static size_t count_surplus_locked(const struct log *log, int64_t now_ms)
{
	uint64_t total = 0;
	size_t surplus = 0;
	for (size_t i = 0; i < log->segment_count; i++)
		total += log->segments[i].size_bytes;
	while (surplus + 1 < log->segment_count) {
		const struct segment *oldest = &log->segments[surplus];
		bool damaged = log->is_damaged && oldest->base_frame_no <= log->damaged_base;
		bool old = log->age_ms_max > 0 && oldest->last_ms < now_ms - log->age_ms_max;
		if (!damaged && total <= log->bytes_max && !old)
			break;
		if (!damaged && is_held_locked(log, oldest, total))
			break;
		total -= oldest->size_bytes;
		surplus++;
	}
	return surplus;
}

static bool is_newest_old_locked(const struct log *log, int64_t now_ms)
{
	if (log->segment_count == 0)
		return false; // it is just beginning anew
	const struct segment *newest = &log->segments[log->segment_count - 1];
	if (log->is_damaged && log->damaged_base == newest->base_frame_no)
		return true;
	return log->age_ms_max > 0 && newest->first_ms != 0 &&
	       newest->first_ms < now_ms - log_segment_ms(log);
}

bool log_is_retention_due(struct log *log)
{
	int64_t now_ms = clock_wall_ms();
	pthread_mutex_lock(&log->mutex);
	bool due = count_surplus_locked(log, now_ms) > 0 || is_newest_old_locked(log, now_ms);
	pthread_mutex_unlock(&log->mutex);
	return due || atomic_load(&log->base_is_damaged);
}

bool log_is_newest_old(struct log *log)
{
	pthread_mutex_lock(&log->mutex);
	bool old = is_newest_old_locked(log, clock_wall_ms());
	pthread_mutex_unlock(&log->mutex);
	return old;
}

// base_mutex held, nobody reads.
static bool drop_surplus(struct log *log, const struct job *job, struct error *err)
{
	pthread_mutex_lock(&log->mutex);
	size_t surplus = count_surplus_locked(log, clock_wall_ms());
	uint64_t target = log->segments[surplus].base_frame_no;
	pthread_mutex_unlock(&log->mutex);
	if (surplus == 0)
		return true;
	bool ok = true;
	// Without a base nothing leads from these segments to any content.
	if (log->age_ms_max > 0 && (base_fits(log) || begins_empty(log))) {
		if (target > log_durable(log))
			return true; // the next time
		ok = fold(log, target, job, err);
		if (!ok && err->code != ERR_CORRUPT && err->code != ERR_NOT_FOUND)
			return false;
	}
	if (!ok) {
		forget_base(log);
		err->code = ERR_CORRUPT;
	}
	log_drop_segments(log, target);
	return ok;
}

void log_limit(struct log *log, uint64_t segment_bytes_max, uint64_t bytes_max, int64_t age_ms_max)
{
	atomic_store(&log->segment_bytes_max, segment_bytes_max);
	atomic_store(&log->bytes_max, bytes_max);
	atomic_store(&log->age_ms_max, age_ms_max);
}

// base_mutex held, nobody reads.
static bool shorten(struct log *log, const struct job *job, struct error *err)
{
	if (log->age_ms_max == 0 && log->base.exists)
		forget_base(log);
	return drop_surplus(log, job, err);
}

bool log_retain(struct log *log, const struct job *job, struct error *err)
{
	pthread_mutex_lock(&log->base_mutex);
	bool ok = log->readers > 0 || shorten(log, job, err);
	pthread_mutex_unlock(&log->base_mutex);
	return ok || error_context(err, "shorten the history");
}

// -- numbers ------------------------------------------------------------------------------------------

static void look_at_base_locked(struct log *log, struct log_numbers *out)
{
	int64_t oldest_ms = 0;
	if (log->age_ms_max > 0 && base_fits(log))
		oldest_ms = log->base.position.since_ms;
	else if (log->age_ms_max > 0 && begins_empty(log))
		oldest_ms = log->begun_empty_ms;
	atomic_store(&log->oldest_ms, oldest_ms);
	out->base_bytes = log->base.exists ? (uint64_t)log->base.position.page_count * LOG_PAGE_BYTES : 0;
}

void log_tell_numbers(struct log *log, struct log_numbers *out)
{
	*out = (struct log_numbers){0};
	// Who folds or copies the base holds the mutex for long.
	if (pthread_mutex_trylock(&log->base_mutex) == 0) {
		look_at_base_locked(log, out);
		pthread_mutex_unlock(&log->base_mutex);
	}
	out->oldest_ms = atomic_load(&log->oldest_ms);
	pthread_mutex_lock(&log->mutex);
	for (size_t i = 0; i < log->segment_count; i++)
		out->segment_bytes += log->segments[i].size_bytes;
	out->segment_count = log->segment_count;
	out->first_frame_no = log->segment_count > 0 ? log->segments[0].base_frame_no : log_appended(log);
	pthread_mutex_unlock(&log->mutex);
	out->cursor_count = readers_count(log->open_cursors);
}

// -- restoring ----------------------------------------------------------------------------------------

static bool outside(int64_t since_ms, struct error *err)
{
	char text[CLOCK_TEXT_BYTES];
	clock_format((since_ms + 999) / 1000 * 1000, text);
	return error_set(err, ERR_BAD_REQUEST,
			 "timestamp is outside the retention: the oldest moment kept is %s", text);
}

// base_mutex held. Copies what the kept history begins with.
static bool copy_beginning(struct log *log, int64_t at_ms, int fd, const struct job *job,
			   uint64_t *out_frame_no, uint32_t *out_page_count, struct error *err)
{
	if (log->age_ms_max == 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "timestamp is outside the retention: moments are not kept (setting "
				 "history-retention, or history_retention of the database)");
	if (!base_fits(log) && !begins_empty(log))
		return error_set(
			err, ERR_BAD_REQUEST,
			"timestamp is outside the retention: the oldest moment kept is still to come");
	// A crash may have cut a folding.
	if (log->base.exists && log->base.position.folding != 0 && !fold(log, 0, job, err))
		return false;
	struct base_position position = {.since_ms = log->begun_empty_ms};
	if (log->base.exists)
		position = log->base.position;
	if (at_ms < position.since_ms)
		return outside(position.since_ms, err);
	*out_frame_no = position.frame_no;
	*out_page_count = position.page_count;
	return position.page_count == 0 || base_copy(log->folder, position.page_count, fd, job, err);
}

// A crash or damage took the record of when it was committed.
static bool uncertain(const struct log_txn *txn, struct error *err)
{
	char from[CLOCK_TEXT_BYTES];
	char until[CLOCK_TEXT_BYTES];
	clock_format(txn->earliest_wall_ms / 1000 * 1000, from);
	clock_format((txn->committed_wall_ms + 999) / 1000 * 1000, until);
	return error_set(err, ERR_BAD_REQUEST,
			 "timestamp is outside the retention: between %s and %s the order of events was lost",
			 from, until);
}

static bool apply_until(struct log *log, int64_t at_ms, uint64_t frame_no, uint64_t limit, int fd,
			const struct job *job, uint32_t *page_count, struct error *err)
{
	struct log_cursor *cursor;
	if (!log_cursor_open(log, frame_no, &cursor, err))
		return false;
	bool ok = true;
	bool found = true;
	struct log_txn txn;
	while (ok && found) {
		ok = job_goes_on(job, err) && log_cursor_next(cursor, &txn, &found, err);
		if (!ok || !found || txn.frame_no > limit)
			break;
		if (txn.committed_wall_ms > at_ms) {
			ok = txn.earliest_wall_ms == 0 || txn.earliest_wall_ms > at_ms ||
			     uncertain(&txn, err);
			break;
		}
		ok = pages_apply(fd, &txn, page_count, err);
	}
	log_cursor_close(cursor);
	return ok;
}

static void end_reading(struct log *log, bool damaged)
{
	pthread_mutex_lock(&log->base_mutex);
	log->readers--;
	if (damaged)
		forget_base(log);
	pthread_mutex_unlock(&log->base_mutex);
}

bool log_restore(struct log *log, int64_t at_ms, uint64_t limit, int fd, const struct job *job,
		 uint32_t *out_page_count, struct error *err)
{
	uint64_t frame_no = 0;
	uint32_t page_count = 0;
	pthread_mutex_lock(&log->base_mutex);
	log->readers++;
	bool ok = copy_beginning(log, at_ms, fd, job, &frame_no, &page_count, err);
	pthread_mutex_unlock(&log->base_mutex);
	ok = ok && apply_until(log, at_ms, frame_no, limit, fd, job, &page_count, err);
	bool damaged = !ok && (err->code == ERR_CORRUPT || err->code == ERR_NOT_FOUND);
	end_reading(log, damaged);
	if (damaged)
		err->code = ERR_CORRUPT;
	if (ok)
		*out_page_count = page_count;
	return ok;
}

// -- pages --------------------------------------------------------------------------------------------

bool past_begin_reading(struct log *log, struct base_position *out, bool *out_whole, struct error *err)
{
	struct base_position position = {0};
	pthread_mutex_lock(&log->base_mutex);
	bool whole = base_fits(log);
	// A crash may have cut a folding.
	bool ok = !whole || log->base.position.folding == 0 || fold(log, 0, NULL, err);
	if (whole && ok)
		position = log->base.position;
	else
		whole = begins_empty(log);
	if (ok && !whole) {
		pthread_mutex_lock(&log->mutex);
		position.frame_no = log->segments[0].base_frame_no;
		pthread_mutex_unlock(&log->mutex);
	}
	log->readers += ok;
	pthread_mutex_unlock(&log->base_mutex);
	if (ok) {
		*out = position;
		*out_whole = whole;
	}
	return ok;
}

void past_end_reading(struct log *log)
{
	end_reading(log, false);
}
