// Readers of the history. Every record is checked against the chain of its segment before it is given out, every segment
// against its name and the history's id when it is entered. What fails is noted in the log, which heals itself of it
// (past.c), and the reader is told.

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/disk.h"
#include "log/internal.h"

struct log_readers {
	pthread_mutex_t mutex;
	// guarded by mutex
	int references; // the log's and each cursor's
	struct log_cursor *first;
};

struct log_cursor {
	struct log *log;
	struct log_readers *readers;
	uint64_t frame_no;    // last one delivered
	uint32_t size_before; // pages of the database where it was opened; 0 = not told
	int fd;
	uint64_t offset;
	uint64_t chain;
	struct buffer payload;
	// guarded by readers.mutex
	struct log_cursor *next;
	uint64_t segment_base;
	int64_t moved_ms;
};

// The segment that holds the record after frame_no: the newest that does not begin later.
static bool find_segment(struct log *log, uint64_t frame_no, uint64_t *out_base)
{
	bool found = false;
	pthread_mutex_lock(&log->mutex);
	for (size_t i = log->segment_count; i > 0 && !found; i--) {
		if (log->segments[i - 1].base_frame_no <= frame_no) {
			*out_base = log->segments[i - 1].base_frame_no;
			found = true;
		}
	}
	pthread_mutex_unlock(&log->mutex);
	return found;
}

static bool gap(struct error *err)
{
	return error_set(err, ERR_NOT_FOUND, "this part of the history is no longer kept");
}

// Something is wrong with the segment, unless it was removed meanwhile.
static bool damaged(struct log_cursor *cursor, uint64_t base, const char *what, struct error *err)
{
	if (!log_note_damage(cursor->log, base, cursor->offset, what))
		return gap(err);
	OWNED(text) char *path = segment_path(cursor->log->folder, base);
	error_set(err, ERR_CORRUPT, "a log segment is damaged");
	return error_detail(err, "%s at byte %llu: %s", path, (unsigned long long)cursor->offset, what);
}

static bool is_of_this_history(struct log *log, const struct segment_header *header)
{
	pthread_mutex_lock(&log->mutex);
	bool same = strcmp(log->id, header->log_id) == 0;
	pthread_mutex_unlock(&log->mutex);
	return same;
}

static void move_to(struct log_cursor *cursor, uint64_t base)
{
	pthread_mutex_lock(&cursor->readers->mutex);
	cursor->segment_base = base;
	cursor->moved_ms = clock_monotonic_ms();
	pthread_mutex_unlock(&cursor->readers->mutex);
}

static bool cursor_enter(struct log_cursor *cursor, uint64_t base, struct error *err)
{
	fd_cleanup(&cursor->fd);
	cursor->offset = 0;
	move_to(cursor, base);
	OWNED(text) char *path = segment_path(cursor->log->folder, base);
	if (!disk_open(path, O_RDONLY, &cursor->fd, err))
		return err->code == ERR_NOT_FOUND ? damaged(cursor, base, "the file is missing", err) : false;
	struct segment_header header;
	if (!segment_read_header(cursor->fd, &header, &cursor->chain, err)) {
		struct error why = *err;
		return damaged(cursor, base, why.message, err);
	}
	if (header.base_frame_no != base || !is_of_this_history(cursor->log, &header))
		return damaged(cursor, base, "another segment stands in its place", err);
	cursor->offset = SEGMENT_HEADER_BYTES;
	return true;
}

// Reads the next record of the segment. That one is there is known.
static bool cursor_read(struct log_cursor *cursor, struct record *out, struct error *err)
{
	uint64_t size;
	bool intact;
	uint64_t base = cursor->segment_base;
	if (!disk_size(cursor->fd, &size, err) ||
	    !segment_read_record(cursor->fd, cursor->offset, size, cursor->chain, &cursor->payload, out,
				 &intact, err)) {
		struct error why = *err;
		return damaged(cursor, base, why.message, err);
	}
	if (!intact)
		return damaged(cursor, base,
			       cursor->offset + RECORD_HEADER_BYTES > size
				       ? "it ends early"
				       : "a record does not fit its checksum",
			       err);
	cursor->offset += out->size_bytes;
	cursor->chain = out->checksum;
	return true;
}

// Passes over a record by its header alone: whatever is wrong there, the next record does not continue the chain. The last
// one, which ends at `target`, is verified.
static bool cursor_pass(struct log_cursor *cursor, uint64_t target, uint64_t *out_frame_no, struct error *err)
{
	char bytes[RECORD_HEADER_BYTES];
	struct record record;
	if (!disk_read_at(cursor->fd, bytes, sizeof(bytes), cursor->offset, err) ||
	    !record_decode(bytes, &record))
		return damaged(cursor, cursor->segment_base, "no record where one should be", err);
	bool is_last = record.kind == RECORD_TXN && record.txn.frame_no == target;
	if (is_last && !cursor_read(cursor, &record, err))
		return false;
	if (!is_last) {
		cursor->offset += record.size_bytes;
		cursor->chain = record.checksum;
	}
	*out_frame_no = record.txn.frame_no;
	if (is_last)
		cursor->size_before = record.txn.size_after;
	return true;
}

// Goes to a place of the newest segment from where few records are to be passed, if the cursor is there.
static void cursor_leap(struct log_cursor *cursor, uint64_t *at)
{
	struct log *log = cursor->log;
	struct log_mark mark;
	pthread_mutex_lock(&log->mutex);
	bool newest = log->segment_count > 0 &&
		      log->segments[log->segment_count - 1].base_frame_no == cursor->segment_base;
	bool found = newest && marks_find(&log->marks, cursor->frame_no, &mark);
	pthread_mutex_unlock(&log->mutex);
	if (!found)
		return;
	cursor->offset = mark.offset;
	cursor->chain = mark.chain;
	cursor->size_before = mark.size;
	*at = mark.frame_no;
}

static bool cursor_skip(struct log_cursor *cursor, uint64_t frame_no, struct error *err)
{
	uint64_t at = cursor->segment_base;
	cursor_leap(cursor, &at);
	while (at < frame_no) {
		if (!cursor_pass(cursor, frame_no, &at, err))
			return false;
	}
	return at == frame_no ? true : gap(err);
}

// -- the list of readers ------------------------------------------------------------------------------

struct log_readers *readers_make(void)
{
	struct log_readers *readers = calloc(1, sizeof(*readers));
	ASSERT(readers != NULL);
	readers->references = 1;
	pthread_mutex_init(&readers->mutex, NULL);
	return readers;
}

void readers_release(struct log_readers *readers)
{
	pthread_mutex_lock(&readers->mutex);
	bool is_last = --readers->references == 0;
	pthread_mutex_unlock(&readers->mutex);
	if (!is_last)
		return;
	pthread_mutex_destroy(&readers->mutex);
	free(readers);
}

static void join(struct log_cursor *cursor)
{
	struct log_readers *readers = cursor->readers;
	pthread_mutex_lock(&readers->mutex);
	readers->references++;
	cursor->segment_base = UINT64_MAX;
	cursor->next = readers->first;
	readers->first = cursor;
	pthread_mutex_unlock(&readers->mutex);
}

static void leave(struct log_cursor *cursor)
{
	struct log_readers *readers = cursor->readers;
	pthread_mutex_lock(&readers->mutex);
	struct log_cursor **at = &readers->first;
	while (*at != cursor)
		at = &(*at)->next;
	*at = cursor->next;
	pthread_mutex_unlock(&readers->mutex);
	readers_release(readers);
}

size_t readers_count(struct log_readers *readers)
{
	pthread_mutex_lock(&readers->mutex);
	size_t count = (size_t)readers->references - 1;
	pthread_mutex_unlock(&readers->mutex);
	return count;
}

bool readers_are_at(struct log_readers *readers, uint64_t base, int64_t now_ms)
{
	bool found = false;
	pthread_mutex_lock(&readers->mutex);
	for (const struct log_cursor *cursor = readers->first; cursor && !found; cursor = cursor->next)
		found = cursor->segment_base == base && cursor->moved_ms > now_ms - LOG_READER_MS;
	pthread_mutex_unlock(&readers->mutex);
	return found;
}

// -- reading ------------------------------------------------------------------------------------------

bool log_cursor_open(struct log *log, uint64_t frame_no, struct log_cursor **out, struct error *err)
{
	uint64_t base;
	if (frame_no > log_durable(log) || !find_segment(log, frame_no, &base))
		return gap(err);
	struct log_cursor *cursor = calloc(1, sizeof(*cursor));
	ASSERT(cursor != NULL);
	cursor->log = log;
	cursor->fd = -1;
	cursor->frame_no = frame_no;
	cursor->readers = log->open_cursors;
	join(cursor);
	if (!cursor_enter(cursor, base, err) || !cursor_skip(cursor, frame_no, err)) {
		log_cursor_close(cursor);
		return false;
	}
	*out = cursor;
	return true;
}

bool log_cursor_next(struct log_cursor *cursor, struct log_txn *out, bool *out_found, struct error *err)
{
	*out_found = false;
	if (cursor->frame_no >= log_durable(cursor->log))
		return true;
	uint64_t base;
	if (!find_segment(cursor->log, cursor->frame_no, &base))
		return gap(err);
	if (base != cursor->segment_base && !cursor_enter(cursor, base, err))
		return false;
	struct record record;
	do {
		if (!cursor_read(cursor, &record, err))
			return false;
	} while (record.kind == RECORD_SEAL);
	if (record.txn.frame_no != cursor->frame_no + record.txn.frame_count)
		return damaged(cursor, base, "a transaction is missing", err);
	move_to(cursor, base);
	cursor->frame_no = record.txn.frame_no;
	*out = record.txn;
	*out_found = true;
	return true;
}

uint32_t cursor_size_before(const struct log_cursor *cursor)
{
	return cursor->size_before;
}

void cursor_place(const struct log_cursor *cursor, uint64_t *out_base, uint64_t *out_offset)
{
	*out_base = cursor->segment_base;
	*out_offset = cursor->offset;
}

void log_cursor_close(struct log_cursor *cursor)
{
	if (!cursor)
		return;
	leave(cursor);
	fd_cleanup(&cursor->fd);
	buffer_cleanup(&cursor->payload);
	free(cursor);
}
