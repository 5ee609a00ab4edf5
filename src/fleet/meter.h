/// meter: what was used of each database since somebody last asked. Counted where statements run, also for replicas,
/// and for instances that are destroyed or closed meanwhile.
///
/// Threads: any. Counting takes no lock that a statement elsewhere could wait for.
#ifndef ATOLL_FLEET_METER_H
#define ATOLL_FLEET_METER_H

#include <stddef.h>
#include <stdint.h>

struct fleet;

struct fleet_usage {
	const char *database; // UUIDs
	const char *instance;
	uint64_t rows_read; // since the last taking
	uint64_t rows_written;
	uint64_t bytes_synced;
	uint64_t storage_bytes; // now
};

/// A statement text and what it cost on all instances of a database since the last taking. Of each database the
/// costliest METER_QUERIES_MAX texts are kept; a text is cut at METER_SQL_BYTES_MAX.
enum { METER_QUERIES_MAX = 64, METER_SQL_BYTES_MAX = 2048 };
struct fleet_query_usage {
	const char *database;
	const char *sql;
	size_t sql_size;
	uint64_t runs;
	uint64_t rows_read;
	uint64_t rows_written;
};

struct fleet_usage_sink {
	void (*usage)(void *context, const struct fleet_usage *usage);
	void (*query)(void *context, const struct fleet_query_usage *query);
	void *context;
};

/// Hands over what was counted since the last call, of every database that was used, and counts anew. `database`
/// NULL means all. The texts are the fleet's and valid during the callback.
void fleet_take_usage(struct fleet *fleet, const char *database, const struct fleet_usage_sink *sink);

/// How they left: the protocols of replicas in clients' processes (spec/replication.md), or whole files.
enum fleet_synced { SYNCED_FRAMES, SYNCED_OFFLINE, SYNCED_PAGES, SYNCED_EXPORT, SYNCED_COUNT };
/// Bytes that left an instance as pages rather than rows.
void fleet_count_synced(struct fleet *fleet, const char *database, const char *instance,
			enum fleet_synced how, uint64_t bytes);
/// A replica in a client's process has asked for something. Those at one address with one credential are told as one.
void fleet_saw_replica(struct fleet *fleet, const char *database, const char *address,
		       const char *credential);

#endif
