/// wal: reading SQLite's write-ahead log file without SQLite
/// (https://www.sqlite.org/fileformat2.html#walformat).
///
/// Used where the capture of live writes cannot know: at start, and after an append to the history failed.
/// Accepts only frames whose salts and checksum chain hold, and nothing past the last commit frame.
#ifndef ATOLL_ENGINE_WAL_H
#define ATOLL_ENGINE_WAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "log/log.h"

enum {
	WAL_HEADER_BYTES = 32,
	WAL_FRAME_HEADER_BYTES = 24,
	WAL_FRAME_BYTES = WAL_FRAME_HEADER_BYTES + LOG_PAGE_BYTES
};

/// What a WAL file holds. salts are 0 and committed 0 when it is absent, empty or not a WAL.
struct wal_summary {
	bool valid;
	struct wal_position committed; // frame: last frame of the last whole transaction, 0 = none
};

MUST_USE bool wal_summarize(const char *path, struct wal_summary *out, struct error *err);

/// Calls `each` for every transaction after frame `after`, in order, up to the last commit. A page that a
/// transaction wrote twice comes once, with its last image. Stops when `each` returns false. The times of a transaction
/// are those of the file's last change, as exactly as its file system knows it: the earlier ones came before.
MUST_USE bool wal_read(const char *path, uint32_t after,
		       bool (*each)(void *context, struct log_txn *txn, struct error *err), void *context,
		       struct error *err);

uint32_t wal_get32(const void *bytes); // big-endian

#endif
