/// survey: what the fleet and each of its databases counted and hold at a moment, for an operator's monitoring.
///
/// Counts go from the process's start on, and outlive the closing of a database, though not its destruction. What a
/// database holds is known while it is open.
///
/// Threads: any. A survey visits every open database, for some microseconds each; a replica that lags costs a look into
/// the history.
#ifndef ATOLL_FLEET_SURVEY_H
#define ATOLL_FLEET_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/crypt.h"
#include "fleet/meter.h"

struct fleet;

struct survey_database {
	char uuid[CRYPT_UUID_TEXT_BYTES];
	uint64_t statements;
	uint64_t rows_read;
	uint64_t rows_written;
	uint64_t bytes_synced;
	uint64_t synced[SYNCED_COUNT]; // by protocol
	uint64_t client_replicas;      // in clients' processes, seen lately (fleet/seen.h)
	bool open;                     // else the rest is 0
	uint64_t storage_bytes;        // of its primary
	uint64_t history_bytes;
	int64_t history_age_ms; // of the oldest moment that it can be restored to; 0: none
	uint64_t lag_frames;    // of its slowest replica
	int64_t lag_ms;
};

struct survey {
	struct buffer databases; // struct survey_database
	size_t open_databases;
	size_t primaries;
	size_t replicas;
	size_t failed;          // instances that take nothing more since a sync failed
	uint64_t storage_bytes; // of all open instances
	uint64_t history_bytes;
	int64_t history_oldest_ms; // the oldest moment that any of them can be restored to; 0 = none
	uint64_t wal_frames;
	uint64_t commits_pending;
	uint64_t connections; // of SQLite's
	uint64_t lag_frames;  // of the slowest replica
	int64_t lag_ms;
	uint64_t statements; // of all since the start, also of databases that were destroyed
	uint64_t rows_read;
	uint64_t rows_written;
	uint64_t bytes_synced;
	uint64_t client_replicas;
};

void fleet_survey(struct fleet *fleet, struct survey *out);
void survey_cleanup(struct survey *survey);

/// Writes the fleet's metrics (base/exposition.h).
void fleet_write_metrics(struct fleet *fleet, const struct survey *survey, struct buffer *out);

/// Whether an instance takes nothing more until the server is restarted, since a sync failed. Cheap.
bool fleet_has_failed(struct fleet *fleet);

#endif
