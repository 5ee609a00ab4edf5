/// marks: some positions of the newest segment, so that a reader who needs its end does not pass over all of it. Private to
/// the log; guarded by its mutex.
#ifndef ATOLL_LOG_MARKS_H
#define ATOLL_LOG_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A boundary between two records.
struct log_mark {
	uint64_t frame_no;
	uint64_t offset; // in the segment's file
	uint64_t chain;  // checksum of the record before
	uint32_t size;   // pages of the database
};

/// All zeroes: none.
struct log_marks {
	struct log_mark *items; // in order
	size_t count;
	size_t capacity;
};

/// A transaction ends there. Few of these are kept: one in every so many bytes.
void marks_note(struct log_marks *marks, const struct log_mark *mark);
/// The last one that is not behind frame_no. False: there is none.
bool marks_find(const struct log_marks *marks, uint64_t frame_no, struct log_mark *out);
void marks_clear(struct log_marks *marks);
void marks_free(struct log_marks *marks);

#endif
