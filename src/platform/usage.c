#include "platform/usage.h"

#include <string.h>
#include <time.h>

#include "platform/internal.h"
#include "platform/live.h"
#include "platform/usage_meter.h"

enum { HOUR_MS = 3600 * 1000 };

// -- periods ------------------------------------------------------------------------------------------

// The first hour that begins at that moment or later.
static int64_t hour_from(int64_t wall_ms)
{
	return wall_ms / HOUR_MS + (wall_ms % HOUR_MS > 0);
}

int64_t usage_month_of(int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;
	gmtime_r(&seconds, &parts);
	parts.tm_mday = 1;
	parts.tm_hour = 0;
	parts.tm_min = 0;
	parts.tm_sec = 0;
	return (int64_t)timegm(&parts) * 1000;
}

bool usage_period_of(int64_t from_ms, int64_t to_ms, struct usage_period *out, struct error *err)
{
	if (from_ms > to_ms)
		return error_set(err, ERR_BAD_REQUEST, "from must not be later than to");
	*out = (struct usage_period){.from = hour_from(from_ms), .to = hour_from(to_ms)};
	return true;
}

// -- rows ---------------------------------------------------------------------------------------------

static void bind_period(struct query *q, const struct usage_period *period)
{
	query_bind_integer(q, ":from", period->from);
	query_bind_integer(q, ":to", period->to);
}

static void add(struct usage_figures *sum, const struct usage_figures *part)
{
	sum->rows_read += part->rows_read;
	sum->rows_written += part->rows_written;
	sum->bytes_synced += part->bytes_synced;
	sum->storage_bytes += part->storage_bytes;
}

// Columns: database, instance ("" stands for none), rows read, rows written, bytes synced, bytes stored.
static struct instance_usage instance_in(struct arena *arena, struct query *q)
{
	return (struct instance_usage){
		.uuid = sql_text_in(arena, q, 1),
		.used = {.rows_read = (uint64_t)query_integer(q, 2),
			 .rows_written = (uint64_t)query_integer(q, 3),
			 .bytes_synced = (uint64_t)query_integer(q, 4),
			 .storage_bytes = (uint64_t)query_integer(q, 5)},
	};
}

// One database a run of rows. Their instances stand in `instances` one after the other; they are cut up in the end.
static void gather(struct query *q, struct arena *arena, struct buffer *databases, struct buffer *instances)
{
	struct database_usage *last = NULL;
	while (query_step(q)) {
		const char *uuid = query_text(q, 0);
		if (!last || strcmp(last->uuid, uuid) != 0) {
			struct database_usage next = {.uuid = arena_text(arena, uuid)};
			buffer_append(databases, &next, sizeof(next));
			last = (struct database_usage *)(void *)(databases->data + databases->size) - 1;
		}
		struct instance_usage instance = instance_in(arena, q);
		add(&last->used, &instance.used);
		if (instance.uuid[0] == '\0')
			continue;
		buffer_append(instances, &instance, sizeof(instance));
		last->instance_count++;
	}
}

static size_t cut_up(const struct buffer *databases, const struct buffer *instances, struct arena *arena,
		     struct database_usage **out)
{
	size_t count = databases->size / sizeof(struct database_usage);
	const struct instance_usage *next = rows_in(arena, instances);
	*out = rows_in(arena, databases);
	for (size_t i = 0; i < count; i++) {
		(*out)[i].instances = next;
		next += (*out)[i].instance_count;
	}
	return count;
}

// -- answers ------------------------------------------------------------------------------------------

static bool read_database_usage(struct platform *platform, const struct organization *organization,
				const struct database *database, const struct usage_period *period,
				struct arena *arena, struct database_usage *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer databases = {0};
	OWNED(buffer) struct buffer instances = {0};
	struct database_usage *found;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_DATABASE_USAGE, organization->row);
	query_bind_text(q, ":database", database->uuid);
	bind_period(q, period);
	gather(q, arena, &databases, &instances);
	if (!store_commit(&txn, err))
		return false;
	// A period before its creation knows nothing of it.
	*out = cut_up(&databases, &instances, arena, &found) > 0
		       ? *found
		       : (struct database_usage){.uuid = database->uuid};
	return true;
}

bool platform_database_usage(struct platform *platform, const struct organization *organization,
			     const struct database *database, const struct usage_period *period,
			     struct arena *arena, struct database_usage *out, struct error *err)
{
	usage_meter_store(platform->usage_meter, database->uuid);
	return read_database_usage(platform, organization, database, period, arena, out, err);
}

bool platform_stored_usage(struct platform *platform, const struct organization *organization,
			   const struct database *database, const struct usage_period *period,
			   struct arena *arena, struct usage_figures *out, struct error *err)
{
	struct database_usage usage;
	if (!read_database_usage(platform, organization, database, period, arena, &usage, err))
		return false;
	*out = usage.used;
	return true;
}

bool platform_instance_usage(struct platform *platform, const struct organization *organization,
			     const struct database *database, const char *ref,
			     const struct usage_period *period, struct arena *arena,
			     struct instance *out_instance, struct usage_figures *out, struct error *err)
{
	struct database_usage usage;
	struct instance instance;
	if (!platform_find_instance(platform, organization, database, ref, arena, &instance, err) ||
	    !platform_database_usage(platform, organization, database, period, arena, &usage, err))
		return false;
	*out_instance = instance;
	*out = (struct usage_figures){0};
	for (size_t i = 0; i < usage.instance_count; i++) {
		if (strcmp(usage.instances[i].uuid, instance.uuid) == 0)
			*out = usage.instances[i].used;
	}
	return true;
}

static void count_owned(struct store_txn *txn, const struct organization *organization,
			struct organization_usage *out)
{
	struct query *q = sql_org_query(txn, SQL_COUNT_OWNED, organization->row);
	query_bind_integer(q, ":group", organization->only_group);
	if (!query_step(q))
		return;
	out->database_count = (uint64_t)query_integer(q, 0);
	out->location_count = (uint64_t)query_integer(q, 1);
	out->group_count = (uint64_t)query_integer(q, 2);
	query_run(q);
}

bool platform_organization_usage(struct platform *platform, const struct organization *organization,
				 const struct usage_period *period, struct arena *arena,
				 struct organization_usage *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer databases = {0};
	OWNED(buffer) struct buffer instances = {0};
	struct organization_usage usage = {0};
	struct database_usage *list;
	usage_meter_store(platform->usage_meter, NULL);
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_ORGANIZATION_USAGE, organization->row);
	query_bind_integer(q, ":group", organization->only_group);
	bind_period(q, period);
	gather(q, arena, &databases, &instances);
	count_owned(txn, organization, &usage);
	if (!store_commit(&txn, err))
		return false;
	usage.databases_size = cut_up(&databases, &instances, arena, &list);
	usage.databases = list;
	for (size_t i = 0; i < usage.databases_size; i++)
		add(&usage.used, &list[i].used);
	*out = usage;
	return true;
}

bool platform_top_queries(struct platform *platform, const struct organization *organization,
			  const struct database *database, const struct usage_period *period,
			  struct arena *arena, struct query_usage **out, size_t *out_count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	usage_meter_store(platform->usage_meter, database->uuid);
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_TOP_QUERIES, organization->row);
	query_bind_text(q, ":database", database->uuid);
	query_bind_integer(q, ":limit", USAGE_QUERIES_SHOWN);
	bind_period(q, period);
	while (query_step(q)) {
		struct query_usage query = {.sql = sql_text_in(arena, q, 0),
					    .rows_read = (uint64_t)query_integer(q, 1),
					    .rows_written = (uint64_t)query_integer(q, 2)};
		buffer_append(&rows, &query, sizeof(query));
	}
	if (!store_commit(&txn, err))
		return false;
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct query_usage);
	return true;
}
