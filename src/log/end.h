/// end: how far the history reached when its database file last held all of it. Kept apart from the segments, so that a
/// segment that lost its end, or is gone, does not pass for a shorter history. See end.c for the file. Not for other
/// modules.
#ifndef ATOLL_LOG_END_H
#define ATOLL_LOG_END_H

#include "log/log.h"

struct log_end {
	uint64_t sequence; // of the note; 0: there is none
	char log_id[LOG_ID_TEXT_BYTES];
	uint64_t frame_no;
	struct wal_position wal;
};

/// The newest note that is whole.
void end_load(const char *folder, struct log_end *out);
/// Replaces the older one of two notes. Not synced: what is lost of it only makes the next start less watchful.
MUST_USE bool end_write(const char *folder, const struct log_end *end, struct error *err);

#endif
