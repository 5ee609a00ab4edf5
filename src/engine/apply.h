/// apply: a replica takes transactions, whole and in order, and is thereby a past state of its primary, byte
/// for byte.
///
/// Each transaction's frames are appended to the replica's own WAL (sqlite_core.h), one frame for each frame
/// of the history, so that the position after a crash follows from the WAL's length; what the WAL's present
/// life began with is written down before each checkpoint.
///
/// Threads: one applier for a replica; waiting from any thread.
#ifndef ATOLL_ENGINE_APPLY_H
#define ATOLL_ENGINE_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct engine_database;
struct log_txn;

/// The history that the replica follows; its position is engine_database_committed.
const char *engine_replica_log_id(struct engine_database *replica);

/// txn must be the one after the replica's position. On failure the replica must be closed and filled anew.
MUST_USE bool engine_replica_apply(struct engine_database *replica, const struct log_txn *txn,
				   struct error *err);

/// Fills a folder with the primary's present content and position, atomically: data.db appears last.
/// Writers wait only while the position is fixed, not while pages are copied.
MUST_USE bool engine_snapshot(struct engine_database *primary, const char *folder, struct error *err);

#endif
