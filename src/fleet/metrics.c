#include "base/clock.h"
#include "base/exposition.h"
#include "fleet/internal.h"
#include "fleet/survey.h"

// -- what engines count -------------------------------------------------------------------------------

// Of the clients' databases, and of the platform's own.
struct store {
	const char *const *labels;
	const struct engine_counters *counters;
};

enum { STORES = 2 };

static void write_counter(struct buffer *out, const struct store stores[STORES], const char *name,
			  const char *help, size_t member)
{
	exposition_family(out, name, "counter", help);
	for (int i = 0; i < STORES; i++) {
		const char *at = (const char *)stores[i].counters + member;
		exposition_count(out, name, stores[i].labels,
				 tally_get((const _Atomic(uint64_t) *)(const void *)at));
	}
}

static void write_histogram(struct buffer *out, const struct store stores[STORES], const char *name,
			    const char *help, size_t member, const struct tally_scale *scale)
{
	exposition_family(out, name, "histogram", help);
	for (int i = 0; i < STORES; i++) {
		const char *at = (const char *)stores[i].counters + member;
		exposition_histogram(out, name, stores[i].labels,
				     (const struct tally_histogram *)(const void *)at, scale);
	}
}

#define COUNTER(name, help, member)                                                                          \
	write_counter(out, stores, name, help, offsetof(struct engine_counters, member))
#define HISTOGRAM(name, help, member, scale)                                                                 \
	write_histogram(out, stores, name, help, offsetof(struct engine_counters, member), scale)

static void write_engines(const struct fleet *fleet, struct buffer *out)
{
	const struct store stores[STORES] = {
		{LABELS("store", "databases"), &fleet->counters},
		{LABELS("store", "platform"), &fleet->platform_counters},
	};
	COUNTER("atoll_commits_total", "Transactions that wrote and were committed.", commits);
	COUNTER("atoll_history_transactions_total",
		"Transactions appended to histories; autocommit writes that came together are one.",
		transactions);
	COUNTER("atoll_history_frames_total", "Pages that these transactions wrote.", frames);
	HISTOGRAM("atoll_group_commit_size", "Commits that one sync of a write-ahead log made durable.",
		  group_sizes, &tally_sizes);
	HISTOGRAM("atoll_flush_duration_seconds", "Time that the sync of a write-ahead log took.", flush_ns,
		  &tally_latency);
	COUNTER("atoll_flush_failures_total", "Syncs that the disk refused.", flush_failures);
	HISTOGRAM("atoll_checkpoint_duration_seconds", "Time that a checkpoint took.", checkpoint_ns,
		  &tally_latency);
	COUNTER("atoll_checkpoint_failures_total", "Checkpoints that failed; each is tried again.",
		checkpoint_failures);
}

// -- what databases hold ------------------------------------------------------------------------------

static void gauge(struct buffer *out, const char *name, const char *help, double value)
{
	exposition_single(out, name, "gauge", help, value);
}

static void counter(struct buffer *out, const char *name, const char *help, uint64_t value)
{
	exposition_family(out, name, "counter", help);
	exposition_count(out, name, NO_LABELS, value);
}

static void write_databases(const struct survey *survey, struct buffer *out)
{
	gauge(out, "atoll_open_databases", "Databases that are open.", (double)survey->open_databases);
	exposition_family(out, "atoll_open_instances", "gauge", "Instances that are open, by role.");
	exposition_count(out, "atoll_open_instances", LABELS("role", "primary"), survey->primaries);
	exposition_count(out, "atoll_open_instances", LABELS("role", "replica"), survey->replicas);
	gauge(out, "atoll_failed_instances",
	      "Open instances that take no writes until a restart, since a sync failed.",
	      (double)survey->failed);
	gauge(out, "atoll_sqlite_connections", "SQLite connections of open instances.",
	      (double)survey->connections);
	gauge(out, "atoll_storage_bytes", "Content of all open instances.", (double)survey->storage_bytes);
	gauge(out, "atoll_wal_frames", "Pages in the write-ahead logs of open instances.",
	      (double)survey->wal_frames);
	gauge(out, "atoll_commits_pending", "Commits of open databases that are not durable yet.",
	      (double)survey->commits_pending);
	gauge(out, "atoll_replica_lag_frames", "Pages that the slowest open replica has not applied yet.",
	      (double)survey->lag_frames);
	gauge(out, "atoll_replica_lag_seconds",
	      "Age of the oldest transaction that an open replica has not applied yet.",
	      (double)survey->lag_ms / 1000);
}

static void write_history(const struct survey *survey, struct buffer *out)
{
	int64_t oldest_ms = survey->history_oldest_ms;
	int64_t age_ms = oldest_ms > 0 ? clock_wall_ms() - oldest_ms : 0;
	gauge(out, "atoll_history_bytes", "Histories of open databases, with the content they begin with.",
	      (double)survey->history_bytes);
	gauge(out, "atoll_history_oldest_age_seconds",
	      "Age of the oldest moment that an open database can be restored to; 0: none.",
	      age_ms > 0 ? (double)age_ms / 1000 : 0);
}

static void write_statements(struct fleet *fleet, const struct survey *survey, struct buffer *out)
{
	counter(out, "atoll_statements_total", "Statements of clients that ran.", survey->statements);
	counter(out, "atoll_rows_read_total", "Rows that statements read.", survey->rows_read);
	counter(out, "atoll_rows_written_total", "Rows that statements wrote.", survey->rows_written);
	counter(out, "atoll_synced_bytes_total",
		"Bytes that left as pages: to replicas in clients' processes, and exports.",
		survey->bytes_synced);
	gauge(out, "atoll_client_replicas",
	      "Replicas in clients' processes seen in the last 5 minutes; those of one address and token are "
	      "one.",
	      (double)survey->client_replicas);
	exposition_family(out, "atoll_statement_errors_total", "counter", "Statements that failed, by code.");
	for (int code = 1; code < ERROR_CODE_COUNT; code++) {
		uint64_t count = tally_get(&fleet->statement_errors[code]);
		if (count > 0)
			exposition_count(out, "atoll_statement_errors_total",
					 LABELS("code", error_code_name((enum error_code)code)), count);
	}
}

void fleet_write_metrics(struct fleet *fleet, const struct survey *survey, struct buffer *out)
{
	write_statements(fleet, survey, out);
	write_engines(fleet, out);
	write_databases(survey, out);
	write_history(survey, out);
	gauge(out, "atoll_statement_memory_bytes", "Memory that running statements have taken of SQLite.",
	      (double)atomic_load(&fleet->memory.memory));
	gauge(out, "atoll_database_files", "File descriptors of open databases.",
	      (double)atomic_load(&fleet->files.used));
}
