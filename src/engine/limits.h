/// limits: what one session or statement may take. All are settings, named in docs/limits.md and in the
/// errors they cause.
#ifndef ATOLL_ENGINE_LIMITS_H
#define ATOLL_ENGINE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine_limits {
	int64_t statement_ms_max;         // statement-timeout: wall time of one statement
	int64_t transaction_ms_max;       // transaction-timeout: write transaction while others wait (5 s)
	int64_t lane_wait_ms_max;         // write-wait: how long a writer queues
	size_t sql_bytes_max;             // sql-length-max
	int connections_per_instance_max; // connections-max
	size_t row_bytes_max;             // row-size-max
	uint64_t transaction_bytes_max;   // transaction-size-max; 0 = no limit
	int64_t statement_memory_max;     // statement-memory-max; 0 = no limit
	int64_t statement_rows_max;       // statement-rows-max: rows read; 0 = no limit
	int64_t statement_temp_max;       // statement-temp-max: temporary files; 0 = no limit
};

/// What the owner of one database allows. May change while it is open.
struct engine_rules {
	uint64_t size_bytes_max; // growth beyond is refused, naming size_limit; 0 = no limit
	bool block_reads;        // refuses reads and writes: ERR_BLOCKED
	bool block_writes;       //
	bool allow_attach;       // others of its group may attach it, read-only
	bool offline_sync;       // replicas in clients' processes send pages, rather than statements
	// History of it is kept within these and within what the server allows. 0 = that alone.
	uint64_t history_bytes_max;
	int64_t history_ms_max; // negative: no moments of the past are kept
};

#endif
