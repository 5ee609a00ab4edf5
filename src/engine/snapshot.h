/// snapshot: the pages of a primary at one position of its history, read one after the other.
///
/// One read transaction sees it all; writers go on, but the write-ahead log grows until engine_snapshot_end. The position
/// is durable before the first page can be read.
///
/// Life:    engine_snapshot_begin → engine_snapshot_next*, engine_snapshot_page* → engine_snapshot_end, before the
///          database is closed.
/// Threads: one at a time; between two calls no thread is held.
#ifndef ATOLL_ENGINE_SNAPSHOT_H
#define ATOLL_ENGINE_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct engine_database;
struct engine_snapshot;

/// Blocks: writers under way have to end, and their commits to become durable.
/// Fails: ERR_TRANSACTION_BUSY when a writer holds the lane for too long; ERR_IO, ERR_FULL, ERR_SHUTDOWN
MUST_USE bool engine_snapshot_begin(struct engine_database *primary, struct engine_snapshot **out,
				    struct error *err);
/// Which history, and the last frame of it that the pages hold.
const char *engine_snapshot_log_id(const struct engine_snapshot *snapshot);
uint64_t engine_snapshot_frame_no(const struct engine_snapshot *snapshot);
uint32_t engine_snapshot_page_count(const struct engine_snapshot *snapshot);
/// The next page, by ascending number; *out_page NULL behind the last. The page (LOG_PAGE_BYTES) stays until the next
/// call.
MUST_USE bool engine_snapshot_next(struct engine_snapshot *snapshot, uint32_t *out_page_no,
				   const char **out_page, struct error *err);
/// One page, 1 ≤ page_no ≤ page_count.
MUST_USE bool engine_snapshot_page(struct engine_snapshot *snapshot, uint32_t page_no, const char **out_page,
				   struct error *err);
/// NULL is fine.
void engine_snapshot_end(struct engine_snapshot *snapshot);

#endif
