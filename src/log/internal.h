/// internal: what the files of the log share. Not for other modules.
///
/// Lock order: base_mutex → mutex → the readers' list.
#ifndef ATOLL_LOG_INTERNAL_H
#define ATOLL_LOG_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "log/base.h"
#include "log/end.h"
#include "log/log.h"
#include "log/marks.h"
#include "log/segment.h"

/// A reader that was given nothing for so long holds nothing up.
enum { LOG_READER_MS = 30000 };

struct segment {
	uint64_t base_frame_no;
	uint64_t size_bytes;
	int64_t first_ms; // commit of its first transaction; known of the newest segment only
	int64_t last_ms;  // of its last one, or of the one before when it has none; 0 = not known
};

/// The open cursors. They may be closed after the log.
struct log_readers;

struct log {
	char *folder;
	_Atomic(uint64_t) segment_bytes_max; // these three by log_limit
	_Atomic(uint64_t) bytes_max;
	_Atomic(int64_t) age_ms_max;
	_Atomic(uint64_t) durable;
	_Atomic(uint64_t) appended;

	struct log_readers *open_cursors;
	_Atomic(bool) base_is_damaged; // a reader found it: it goes with the next retention
	_Atomic(int64_t) oldest_ms;    // as last looked at

	pthread_mutex_t mutex;
	// guarded by mutex
	struct segment *segments; // oldest first; the last one is open for appending
	size_t segment_count;
	struct log_marks marks; // of the newest
	char id[LOG_ID_TEXT_BYTES];
	int64_t begun_empty_ms; // this history began then with an empty database; 0 = it did not
	bool is_damaged;        // a segment is; it and what is older goes with the next retention
	uint64_t damaged_base;  // the newest such one

	/// Held while the base is folded into, replaced, or copied.
	pthread_mutex_t base_mutex;
	// guarded by base_mutex
	struct base base;
	int readers; // of the history behind the base: nothing is folded or dropped meanwhile

	// the lane's own
	int fd;
	uint64_t end;
	uint64_t chain;
	struct wal_position wal;
	bool sealed;
	struct log_end noted_end; // as it stands in its file
};

// -- log.c
char *segment_path(const char *folder, uint64_t base_frame_no);
/// Removes the segments that end at or before frame_no, never the newest.
void log_drop_segments(struct log *log, uint64_t frame_no);
/// The segment that begins at `base` is damaged at `offset` of its file: reports it, and lets it and what is older go
/// with the next retention. False when it is none of the history any more.
bool log_note_damage(struct log *log, uint64_t base, uint64_t offset, const char *what);
MUST_USE bool segment_read_header(int fd, struct segment_header *out, uint64_t *out_chain, struct error *err);
/// Reads the record at `offset`; its payload goes to `payload`. *out_intact false: no record stands there.
MUST_USE bool segment_read_record(int fd, uint64_t offset, uint64_t file_size, uint64_t chain,
				  struct buffer *payload, struct record *out, bool *out_intact,
				  struct error *err);

// -- cursor.c
/// Pages of the database where the cursor was opened; 0 = the segment does not tell.
uint32_t cursor_size_before(const struct log_cursor *cursor);
/// Where the last transaction that it gave ends: in the segment that begins at *out_base, at *out_offset of its file.
void cursor_place(const struct log_cursor *cursor, uint64_t *out_base, uint64_t *out_offset);
struct log_readers *readers_make(void);
void readers_release(struct log_readers *readers);
size_t readers_count(struct log_readers *readers);
/// Whether a moving reader is at the segment that begins at `base`. Those who are at one that is gone are lost.
bool readers_are_at(struct log_readers *readers, uint64_t base, int64_t now_ms);

// -- past.c
/// The same of the base.
void log_note_base_damage(struct log *log);
/// Until past_end_reading nothing is folded or dropped. *out: the content that the kept history goes on from; *out_whole
/// false: its pages are not there, and of *out only frame_no counts.
MUST_USE bool past_begin_reading(struct log *log, struct base_position *out, bool *out_whole,
				 struct error *err);
void past_end_reading(struct log *log);

#endif
