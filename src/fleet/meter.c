// What was counted of open instances lies in their engines; of those that were closed, and of what left as pages, it
// lies here until somebody takes it.

#include "fleet/meter.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/usage.h"
#include "fleet/internal.h"
#include "fleet/seen.h"
#include "fleet/survey.h"

_Static_assert((int)METER_SQL_BYTES_MAX == (int)USAGE_SQL_BYTES_MAX, "texts are cut where they are counted");
_Static_assert((int)METER_QUERIES_MAX <= (int)USAGE_TEXTS_MAX, "the engine keeps enough texts");

struct metered_instance {
	char uuid[CRYPT_UUID_TEXT_BYTES];
	struct usage_counts counts;
	uint64_t bytes_synced;
	uint64_t storage_bytes;
};

struct metered_database {
	struct metered_database *next;
	char uuid[CRYPT_UUID_TEXT_BYTES];
	struct metered_instance *instances;
	size_t instance_count;
	struct usage texts; // of all instances; its counts are not used
};

// What was counted of a database since the start, and is never taken.
struct metered_total {
	struct metered_total *next;
	char uuid[CRYPT_UUID_TEXT_BYTES];
	struct usage_counts counts;
	uint64_t synced[SYNCED_COUNT];
	struct seen replicas; // in clients' processes
	bool told;            // to the survey under way
};

void meter_init(struct meter *meter)
{
	pthread_mutex_init(&meter->mutex, NULL);
}

static void free_entries(struct metered_database *entry)
{
	while (entry) {
		struct metered_database *next = entry->next;
		usage_cleanup(&entry->texts);
		free(entry->instances);
		free(entry);
		entry = next;
	}
}

static void free_total(struct metered_total *total)
{
	if (total)
		seen_cleanup(&total->replicas);
	free(total);
}

static void free_totals(struct metered_total *total)
{
	while (total) {
		struct metered_total *next = total->next;
		free_total(total);
		total = next;
	}
}

void meter_finish(struct meter *meter)
{
	for (size_t i = 0; i < METER_SLOTS; i++) {
		free_entries(TAKE(meter->slots[i]));
		free_totals(TAKE(meter->totals[i]));
	}
	pthread_mutex_destroy(&meter->mutex);
}

// -- entries ------------------------------------------------------------------------------------------

static struct metered_database **place_of_locked(struct meter *meter, const char *uuid)
{
	struct metered_database **at = &meter->slots[fleet_hash(uuid) % METER_SLOTS];
	while (*at && strcmp((*at)->uuid, uuid) != 0)
		at = &(*at)->next;
	return at;
}

static struct metered_database *entry_locked(struct meter *meter, const char *uuid)
{
	struct metered_database **at = place_of_locked(meter, uuid);
	if (*at)
		return *at;
	struct metered_database *entry = calloc(1, sizeof(*entry));
	ASSERT(entry != NULL);
	snprintf(entry->uuid, sizeof(entry->uuid), "%s", uuid);
	*at = entry;
	return entry;
}

static struct metered_instance *find_instance(const struct metered_database *entry, const char *uuid)
{
	for (size_t i = 0; i < entry->instance_count; i++) {
		if (strcmp(entry->instances[i].uuid, uuid) == 0)
			return &entry->instances[i];
	}
	return NULL;
}

static struct metered_instance *instance_locked(struct metered_database *entry, const char *uuid)
{
	struct metered_instance *instance = find_instance(entry, uuid);
	if (instance)
		return instance;
	entry->instances = realloc(entry->instances, (entry->instance_count + 1) * sizeof(*entry->instances));
	ASSERT(entry->instances != NULL);
	instance = &entry->instances[entry->instance_count++];
	*instance = (struct metered_instance){0};
	snprintf(instance->uuid, sizeof(instance->uuid), "%s", uuid);
	return instance;
}

// An entry that is there already (of bytes that left as pages) is told the size, too.
static struct metered_instance *place_for_locked(struct meter *meter, struct fleet_instance *instance,
						 bool make, struct metered_database **out_entry)
{
	const char *database = instance->database->uuid;
	struct metered_database *entry =
		make ? entry_locked(meter, database) : *place_of_locked(meter, database);
	*out_entry = entry;
	if (!entry)
		return NULL;
	return make ? instance_locked(entry, instance->spec.uuid) : find_instance(entry, instance->spec.uuid);
}

// -- totals -------------------------------------------------------------------------------------------

static struct metered_total **total_place_locked(struct meter *meter, const char *uuid)
{
	struct metered_total **at = &meter->totals[fleet_hash(uuid) % METER_SLOTS];
	while (*at && strcmp((*at)->uuid, uuid) != 0)
		at = &(*at)->next;
	return at;
}

static struct metered_total *total_locked(struct meter *meter, const char *uuid)
{
	struct metered_total **at = total_place_locked(meter, uuid);
	if (*at)
		return *at;
	struct metered_total *total = calloc(1, sizeof(*total));
	ASSERT(total != NULL);
	snprintf(total->uuid, sizeof(total->uuid), "%s", uuid);
	*at = total;
	return total;
}

static void add_counts(struct usage_counts *to, const struct usage_counts *more)
{
	to->runs += more->runs;
	to->rows_read += more->rows_read;
	to->rows_written += more->rows_written;
}

// The last words of an instance that is gone make no new entry: its database may be, too.
static void add_total_locked(struct meter *meter, const char *uuid, bool gone,
			     const struct usage_counts *counts)
{
	struct metered_total *total = gone ? *total_place_locked(meter, uuid) : total_locked(meter, uuid);
	if (total)
		add_counts(&total->counts, counts);
	add_counts(&meter->all, counts);
}

static void forget_total_locked(struct meter *meter, const char *uuid)
{
	struct metered_total **at = total_place_locked(meter, uuid);
	struct metered_total *total = *at;
	if (total)
		*at = total->next;
	free_total(total);
}

static void tell_total(struct survey_database *row, const struct metered_total *total)
{
	row->statements = total->counts.runs;
	row->rows_read = total->counts.rows_read;
	row->rows_written = total->counts.rows_written;
	memcpy(row->synced, total->synced, sizeof(row->synced));
	for (int i = 0; i < SYNCED_COUNT; i++)
		row->bytes_synced += total->synced[i];
	row->client_replicas = seen_count(&total->replicas, clock_coarse_ms());
}

// Of the databases that are not open.
static void add_rows_locked(struct meter *meter, struct survey *survey)
{
	for (size_t i = 0; i < METER_SLOTS; i++) {
		for (struct metered_total *at = meter->totals[i]; at; at = at->next) {
			if (at->told) {
				at->told = false;
				continue;
			}
			struct survey_database row = {0};
			memcpy(row.uuid, at->uuid, sizeof(row.uuid));
			tell_total(&row, at);
			buffer_append(&survey->databases, &row, sizeof(row));
		}
	}
}

void meter_tell_totals(struct meter *meter, struct survey *survey)
{
	struct survey_database *rows = (void *)survey->databases.data;
	size_t open = survey->databases.size / sizeof(*rows);
	pthread_mutex_lock(&meter->mutex);
	for (size_t i = 0; i < open; i++) {
		struct metered_total *total = *total_place_locked(meter, rows[i].uuid);
		if (!total)
			continue;
		tell_total(&rows[i], total);
		total->told = true;
	}
	add_rows_locked(meter, survey);
	survey->statements = meter->all.runs;
	survey->rows_read = meter->all.rows_read;
	survey->rows_written = meter->all.rows_written;
	survey->bytes_synced = meter->all_synced;
	pthread_mutex_unlock(&meter->mutex);
	rows = (void *)survey->databases.data;
	for (size_t i = 0; i < survey->databases.size / sizeof(*rows); i++)
		survey->client_replicas += rows[i].client_replicas;
}

// -- counting -----------------------------------------------------------------------------------------

void meter_collect(struct fleet_instance *instance)
{
	struct meter *meter = &instance->database->fleet->meter;
	struct usage usage = {0};
	engine_take_usage(instance->engine, &usage);
	// One that was replaced says nothing of the copy that took its place.
	bool gone = atomic_load(&instance->gone);
	uint64_t storage_bytes = engine_database_size_bytes(instance->engine);
	bool resized =
		!gone && atomic_exchange(&instance->told_storage_bytes, storage_bytes) != storage_bytes;
	bool used = usage.counts.runs > 0 || usage.counts.rows_read > 0 || usage.counts.rows_written > 0;
	bool news = resized || used;
	struct metered_database *entry;
	pthread_mutex_lock(&meter->mutex);
	struct metered_instance *metered = place_for_locked(meter, instance, news, &entry);
	if (used)
		add_total_locked(meter, instance->database->uuid, gone, &usage.counts);
	if (metered) {
		add_counts(&metered->counts, &usage.counts);
		if (!gone)
			metered->storage_bytes = storage_bytes;
		usage_add_texts(&entry->texts, &usage);
	}
	pthread_mutex_unlock(&meter->mutex);
	usage_cleanup(&usage);
}

void meter_forget_storage(struct fleet *fleet, const char *database, const char *instance)
{
	pthread_mutex_lock(&fleet->meter.mutex);
	struct metered_database *entry = *place_of_locked(&fleet->meter, database);
	if (!instance)
		forget_total_locked(&fleet->meter, database);
	for (size_t i = 0; entry && i < entry->instance_count; i++) {
		if (!instance || strcmp(entry->instances[i].uuid, instance) == 0)
			entry->instances[i].storage_bytes = 0;
	}
	pthread_mutex_unlock(&fleet->meter.mutex);
}

void fleet_count_synced(struct fleet *fleet, const char *database, const char *instance,
			enum fleet_synced how, uint64_t bytes)
{
	pthread_mutex_lock(&fleet->meter.mutex);
	struct metered_database *entry = entry_locked(&fleet->meter, database);
	instance_locked(entry, instance)->bytes_synced += bytes;
	total_locked(&fleet->meter, database)->synced[how] += bytes;
	fleet->meter.all_synced += bytes;
	pthread_mutex_unlock(&fleet->meter.mutex);
}

void fleet_saw_replica(struct fleet *fleet, const char *database, const char *address, const char *credential)
{
	uint64_t key = fleet_hash(address) * 0x9e3779b97f4a7c15U ^ fleet_hash(credential);
	pthread_mutex_lock(&fleet->meter.mutex);
	seen_note(&total_locked(&fleet->meter, database)->replicas, key, clock_coarse_ms());
	pthread_mutex_unlock(&fleet->meter.mutex);
}

// -- taking -------------------------------------------------------------------------------------------

static struct metered_database *detach(struct meter *meter, const char *uuid)
{
	struct metered_database *list = NULL;
	pthread_mutex_lock(&meter->mutex);
	for (size_t i = 0; i < METER_SLOTS; i++) {
		struct metered_database **at = &meter->slots[i];
		while (*at) {
			struct metered_database *entry = *at;
			if (uuid && strcmp(entry->uuid, uuid) != 0) {
				at = &entry->next;
				continue;
			}
			*at = entry->next;
			entry->next = list;
			list = entry;
		}
	}
	pthread_mutex_unlock(&meter->mutex);
	return list;
}

static void tell_instances(const struct metered_database *entry, const struct fleet_usage_sink *sink)
{
	for (size_t i = 0; i < entry->instance_count; i++) {
		const struct metered_instance *instance = &entry->instances[i];
		const struct fleet_usage usage = {.database = entry->uuid,
						  .instance = instance->uuid,
						  .rows_read = instance->counts.rows_read,
						  .rows_written = instance->counts.rows_written,
						  .bytes_synced = instance->bytes_synced,
						  .storage_bytes = instance->storage_bytes};
		sink->usage(sink->context, &usage);
	}
}

static void tell_queries(struct metered_database *entry, const struct fleet_usage_sink *sink)
{
	usage_sort(&entry->texts);
	for (int i = 0; i < entry->texts.text_count && i < METER_QUERIES_MAX; i++) {
		const struct usage_text *text = &entry->texts.texts[i];
		const struct fleet_query_usage usage = {.database = entry->uuid,
							.sql = text->sql,
							.sql_size = text->sql_size,
							.runs = text->counts.runs,
							.rows_read = text->counts.rows_read,
							.rows_written = text->counts.rows_written};
		sink->query(sink->context, &usage);
	}
}

static void collect(void *context, struct fleet_instance *instance)
{
	(void)context;
	meter_collect(instance);
}

void fleet_take_usage(struct fleet *fleet, const char *database, const struct fleet_usage_sink *sink)
{
	fleet_each_instance(fleet, database, collect, NULL);
	struct metered_database *list = detach(&fleet->meter, database);
	for (struct metered_database *entry = list; entry; entry = entry->next) {
		tell_instances(entry, sink);
		tell_queries(entry, sink);
	}
	free_entries(list);
}
