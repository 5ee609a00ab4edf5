/// counters: what databases did since the process began, of as many together as share one.
///
/// Threads: any; see base/tally.h.
#ifndef ATOLL_ENGINE_COUNTERS_H
#define ATOLL_ENGINE_COUNTERS_H

#include <stdbool.h>

#include "base/tally.h"

/// All zeroes at first. Outlives the databases that count here.
struct engine_counters {
	_Atomic(uint64_t) commits;          // of clients; those that shared one of SQLite's count each
	_Atomic(uint64_t) transactions;     // SQLite's, appended to histories
	_Atomic(uint64_t) frames;           // pages that they wrote
	struct tally_histogram group_sizes; // commits that one fdatasync made durable
	struct tally_histogram flush_ns;    // how long that took
	_Atomic(uint64_t) flush_failures;
	struct tally_histogram checkpoint_ns;
	_Atomic(uint64_t) checkpoint_failures;
};

struct engine_database;

/// What an open database has to say of itself at a moment.
struct engine_numbers {
	uint64_t commits_pending; // made and not durable yet
	uint64_t wal_frames;      // in the write-ahead log
	int connections;          // of SQLite's
	bool failed;              // an fdatasync failed: it takes nothing more
};
void engine_database_tell_numbers(struct engine_database *db, struct engine_numbers *out);

#endif
