/// internal: what the files of the log share. Not for other modules.
///
/// Lock order: base_mutex → mutex.
#ifndef ATOLL_LOG_INTERNAL_H
#define ATOLL_LOG_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "log/base.h"
#include "log/log.h"
#include "log/segment.h"

struct segment {
	uint64_t base_frame_no;
	uint64_t size_bytes;
	int64_t first_ms; // commit of its first transaction; known of the newest segment only
	int64_t last_ms;  // of its last one, or of the one before when it has none; 0 = not known
};

struct log {
	char *folder;
	uint64_t segment_bytes_max;
	uint64_t bytes_max;
	int64_t age_ms_max;
	_Atomic(uint64_t) durable;
	_Atomic(uint64_t) appended;

	pthread_mutex_t mutex;
	// guarded by mutex
	struct segment *segments; // oldest first; the last one is open for appending
	size_t segment_count;
	char id[LOG_ID_TEXT_BYTES];
	int64_t begun_empty_ms; // this history began then with an empty database; 0 = it did not

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
};

// -- log.c
/// Removes the segments that end at or before frame_no, never the newest.
void log_drop_segments(struct log *log, uint64_t frame_no);

#endif
