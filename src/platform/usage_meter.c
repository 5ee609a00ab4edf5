#include "platform/usage_meter.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "base/workers.h"
#include "fleet/meter.h"
#include "platform/internal.h"
#include "platform/usage.h"

// A transaction of the store keeps everybody else from changing anything: short ones.
enum { ROWS_A_TRANSACTION = 500 };

enum { HOUR_MS = 3600 * 1000, DAY_HOURS = 24 };

// Outlives the platform until its task has run for the last time.
struct usage_meter {
	struct task task;
	struct workers *workers; // NULL: no timer
	int64_t interval_ms;
	pthread_mutex_t mutex;     // guards all below
	struct platform *platform; // NULL once stopped
	struct arena texts;        // of the two lists
	struct buffer usages;      // struct fleet_usage: taken and not stored yet, from the marks on
	struct buffer queries;     // struct fleet_query_usage
	size_t usages_stored;
	size_t queries_stored;
	int64_t tidied_hour;
};

// -- taking -------------------------------------------------------------------------------------------

static void take_usage(void *context, const struct fleet_usage *usage)
{
	struct usage_meter *meter = context;
	struct fleet_usage kept = *usage;
	kept.database = arena_text(&meter->texts, usage->database);
	kept.instance = arena_text(&meter->texts, usage->instance);
	buffer_append(&meter->usages, &kept, sizeof(kept));
}

static void take_query(void *context, const struct fleet_query_usage *query)
{
	struct usage_meter *meter = context;
	struct fleet_query_usage kept = *query;
	kept.database = arena_text(&meter->texts, query->database);
	kept.sql = arena_copy(&meter->texts, query->sql, query->sql_size);
	buffer_append(&meter->queries, &kept, sizeof(kept));
}

// -- storing ------------------------------------------------------------------------------------------

static void add_usage(struct store_txn *txn, const struct fleet_usage *usage, int64_t hour)
{
	struct query *q = sql_query(txn, SQL_ADD_USAGE);
	query_bind_text(q, ":database", usage->database);
	query_bind_text(q, ":instance", usage->instance);
	query_bind_integer(q, ":hour", hour);
	query_bind_integer(q, ":rows_read", (int64_t)usage->rows_read);
	query_bind_integer(q, ":rows_written", (int64_t)usage->rows_written);
	query_bind_integer(q, ":bytes_synced", (int64_t)usage->bytes_synced);
	query_bind_integer(q, ":storage_bytes", (int64_t)usage->storage_bytes);
	query_run(q);
}

static void add_query(struct store_txn *txn, const struct fleet_query_usage *query, int64_t hour)
{
	struct query *q = sql_query(txn, SQL_ADD_QUERY_USAGE);
	query_bind_text(q, ":database", query->database);
	query_bind_text(q, ":sql", query->sql);
	query_bind_integer(q, ":hour", hour);
	query_bind_integer(q, ":runs", (int64_t)query->runs);
	query_bind_integer(q, ":rows_read", (int64_t)query->rows_read);
	query_bind_integer(q, ":rows_written", (int64_t)query->rows_written);
	query_run(q);
}

static void trim_queries(struct store_txn *txn, const char *database, int64_t hour)
{
	struct query *q = sql_query(txn, SQL_TRIM_QUERY_USAGE);
	query_bind_text(q, ":database", database);
	query_bind_integer(q, ":hour", hour);
	query_bind_integer(q, ":keep", USAGE_QUERIES_MAX);
	query_run(q);
}

// One transaction's part of what waits; the marks move when it is durable.
static bool store_some(struct usage_meter *meter, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	const struct fleet_usage *usages = (const void *)meter->usages.data;
	const struct fleet_query_usage *queries = (const void *)meter->queries.data;
	size_t usage_count = meter->usages.size / sizeof(*usages);
	size_t query_count = meter->queries.size / sizeof(*queries);
	size_t usage_at = meter->usages_stored;
	size_t query_at = meter->queries_stored;
	int64_t hour = clock_wall_ms() / HOUR_MS;
	if (!store_begin(meter->platform->store, STORE_WRITE, &txn, err))
		return false;
	for (int rows = 0; rows < ROWS_A_TRANSACTION && usage_at < usage_count; rows++)
		add_usage(txn, &usages[usage_at++], hour);
	for (int rows = 0; rows < ROWS_A_TRANSACTION && query_at < query_count; rows++) {
		const struct fleet_query_usage *query = &queries[query_at++];
		add_query(txn, query, hour);
		if (query_at == query_count || rows + 1 == ROWS_A_TRANSACTION ||
		    strcmp(query->database, queries[query_at].database) != 0)
			trim_queries(txn, query->database, hour);
	}
	if (!store_commit(&txn, err))
		return false;
	meter->usages_stored = usage_at;
	meter->queries_stored = query_at;
	return true;
}

static bool store_waiting(struct usage_meter *meter, struct error *err)
{
	while (meter->usages_stored < meter->usages.size / sizeof(struct fleet_usage) ||
	       meter->queries_stored < meter->queries.size / sizeof(struct fleet_query_usage)) {
		if (!store_some(meter, err))
			return false;
	}
	arena_reset(&meter->texts);
	buffer_truncate(&meter->usages, 0);
	buffer_truncate(&meter->queries, 0);
	meter->usages_stored = 0;
	meter->queries_stored = 0;
	return true;
}

static void store_locked(struct usage_meter *meter, const char *database)
{
	const struct fleet_usage_sink sink = {.usage = take_usage, .query = take_query, .context = meter};
	struct error err;
	bool stored = store_waiting(meter, &err);
	if (stored) {
		fleet_take_usage(meter->platform->fleet, database, &sink);
		stored = store_waiting(meter, &err);
	}
	if (!stored)
		trace_warn("usage.not_stored", "error", err.message, "detail", err.detail);
}

// -- old rows -----------------------------------------------------------------------------------------

static void run_before(struct store_txn *txn, enum sql_id id, int64_t hour)
{
	struct query *q = sql_query(txn, id);
	query_bind_integer(q, ":hour", hour);
	query_run(q);
}

static void tidy_locked(struct usage_meter *meter, int64_t wall_ms)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct error err;
	int64_t hour = wall_ms / HOUR_MS;
	int64_t today = hour - hour % DAY_HOURS;
	bool done = store_begin(meter->platform->store, STORE_WRITE, &txn, &err);
	if (done) {
		run_before(txn, SQL_FOLD_USAGE, today - (int64_t)USAGE_HOURS_KEPT_DAYS * DAY_HOURS);
		run_before(txn, SQL_DROP_FOLDED_USAGE, today - (int64_t)USAGE_HOURS_KEPT_DAYS * DAY_HOURS);
		run_before(txn, SQL_FORGET_USAGE, today - (int64_t)USAGE_DAYS_KEPT * DAY_HOURS);
		run_before(txn, SQL_FORGET_QUERY_USAGE, hour - (int64_t)USAGE_QUERIES_KEPT_DAYS * DAY_HOURS);
		done = store_commit(&txn, &err);
	}
	if (done)
		meter->tidied_hour = hour;
	else
		trace_warn("usage.not_tidied", "error", err.message, "detail", err.detail);
}

// -- life ---------------------------------------------------------------------------------------------

static void meter_free(struct usage_meter *meter)
{
	pthread_mutex_destroy(&meter->mutex);
	arena_cleanup(&meter->texts);
	buffer_cleanup(&meter->usages);
	buffer_cleanup(&meter->queries);
	free(meter);
}

static void run(struct task *task)
{
	struct usage_meter *meter = CONTAINER_OF(task, struct usage_meter, task);
	pthread_mutex_lock(&meter->mutex);
	bool stopped = !meter->platform;
	if (!stopped) {
		store_locked(meter, NULL);
		if (meter->tidied_hour != clock_wall_ms() / HOUR_MS)
			tidy_locked(meter, clock_wall_ms());
	}
	pthread_mutex_unlock(&meter->mutex);
	if (stopped)
		meter_free(meter);
	else
		workers_run_at(meter->workers, &meter->task, clock_monotonic_ms() + meter->interval_ms);
}

struct usage_meter *usage_meter_start(struct platform *platform, struct workers *workers, int64_t interval_ms)
{
	struct usage_meter *meter = calloc(1, sizeof(*meter));
	ASSERT(meter);
	meter->platform = platform;
	meter->workers = workers;
	meter->interval_ms = interval_ms;
	meter->task.run = run;
	pthread_mutex_init(&meter->mutex, NULL);
	if (workers)
		workers_run_at(workers, &meter->task, clock_monotonic_ms() + interval_ms);
	return meter;
}

void usage_meter_store(struct usage_meter *meter, const char *database)
{
	pthread_mutex_lock(&meter->mutex);
	if (meter->platform)
		store_locked(meter, database);
	pthread_mutex_unlock(&meter->mutex);
}

void usage_meter_tidy(struct usage_meter *meter, int64_t wall_ms)
{
	pthread_mutex_lock(&meter->mutex);
	tidy_locked(meter, wall_ms);
	pthread_mutex_unlock(&meter->mutex);
}

void usage_meter_stop(struct usage_meter *meter)
{
	if (!meter)
		return;
	// With a timer, it is the timer's from here on.
	bool mine = !meter->workers;
	pthread_mutex_lock(&meter->mutex);
	meter->platform = NULL;
	pthread_mutex_unlock(&meter->mutex);
	if (mine)
		meter_free(meter);
}
