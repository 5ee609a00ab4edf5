#include "fleet/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"

uint64_t fleet_hash(const char *uuid)
{
	uint64_t hash = 1469598103934665603U;
	for (; *uuid; uuid++)
		hash = (hash ^ (unsigned char)*uuid) * 1099511628211U;
	return hash;
}

static size_t slot_of(const struct fleet *fleet, const char *uuid)
{
	return (size_t)(fleet_hash(uuid) % fleet->table_size);
}

struct fleet_database *table_find_locked(struct fleet *fleet, const char *uuid)
{
	struct fleet_database *database = fleet->table[slot_of(fleet, uuid)];
	while (database && strcmp(database->uuid, uuid) != 0)
		database = database->next;
	if (database)
		atomic_fetch_add(&database->references, 1);
	return database;
}

void database_release(struct fleet_database *database)
{
	if (atomic_fetch_sub(&database->references, 1) != 1)
		return;
	pthread_cond_destroy(&database->closed);
	pthread_mutex_destroy(&database->mutex);
	free(database->instances);
	free(database->filling);
	free(database);
}

// The entry for a database, made when there is none; its instances are opened by whoever locks it first.
struct fleet_database *table_hold(struct fleet *fleet, const char *uuid)
{
	pthread_rwlock_rdlock(&fleet->table_lock);
	struct fleet_database *database = table_find_locked(fleet, uuid);
	pthread_rwlock_unlock(&fleet->table_lock);
	if (database)
		return database;
	pthread_rwlock_wrlock(&fleet->table_lock);
	database = table_find_locked(fleet, uuid);
	if (!database) {
		database = calloc(1, sizeof(*database));
		ASSERT(database != NULL);
		database->fleet = fleet;
		snprintf(database->uuid, sizeof(database->uuid), "%s", uuid);
		pthread_mutex_init(&database->mutex, NULL);
		clock_cond_init(&database->closed);
		atomic_store(&database->references, 2); // the table's and the caller's
		size_t slot = slot_of(fleet, uuid);
		database->next = fleet->table[slot];
		fleet->table[slot] = database;
	}
	pthread_rwlock_unlock(&fleet->table_lock);
	return database;
}

void table_forget(struct fleet_database *database)
{
	struct fleet *fleet = database->fleet;
	bool found = false;
	pthread_rwlock_wrlock(&fleet->table_lock);
	struct fleet_database **at = &fleet->table[slot_of(fleet, database->uuid)];
	while (*at && *at != database)
		at = &(*at)->next;
	if (*at) {
		*at = database->next;
		found = true;
	}
	pthread_rwlock_unlock(&fleet->table_lock);
	if (found)
		database_release(database);
}

// -- folders ------------------------------------------------------------------------------------------

char *fleet_database_folder(const struct fleet *fleet, const char *uuid)
{
	struct buffer path = {0};
	buffer_printf(&path, "%s/databases/%s", fleet->data_folder, uuid);
	return buffer_take(&path, NULL);
}

char *fleet_path_inside(const char *folder, const char *name)
{
	struct buffer path = {0};
	buffer_printf(&path, "%s/%s", folder, name);
	return buffer_take(&path, NULL);
}

char *instance_folder(const struct fleet_database *database, const char *instance)
{
	OWNED(text) char *folder = fleet_database_folder(database->fleet, database->uuid);
	return fleet_path_inside(folder, instance);
}

void fleet_set_rules(struct fleet *fleet, const char *database, const struct engine_rules *rules)
{
	pthread_rwlock_rdlock(&fleet->table_lock);
	struct fleet_database *entry = table_find_locked(fleet, database);
	pthread_rwlock_unlock(&fleet->table_lock);
	if (!entry)
		return;
	pthread_mutex_lock(&entry->mutex);
	entry->rules = *rules;
	for (size_t i = 0; i < entry->instance_count; i++) {
		engine_database_set_rules(entry->instances[i]->engine, rules);
		if (entry->instances[i]->spec.primary)
			engine_database_tend(entry->instances[i]->engine);
	}
	pthread_mutex_unlock(&entry->mutex);
	database_release(entry);
}

// -- visits -------------------------------------------------------------------------------------------

struct fleet_database **fleet_hold_databases(struct fleet *fleet, const char *uuid, size_t *out_count)
{
	struct buffer list = {0};
	pthread_rwlock_rdlock(&fleet->table_lock);
	for (size_t i = 0; i < fleet->table_size; i++) {
		for (struct fleet_database *at = fleet->table[i]; at; at = at->next) {
			if (!atomic_load(&at->opened) || (uuid && strcmp(uuid, at->uuid) != 0))
				continue;
			atomic_fetch_add(&at->references, 1);
			buffer_append(&list, &at, sizeof(struct fleet_database *));
		}
	}
	pthread_rwlock_unlock(&fleet->table_lock);
	*out_count = list.size / sizeof(struct fleet_database *);
	return (void *)buffer_take(&list, NULL);
}

static struct fleet_instance **hold_instances(struct fleet_database *database, size_t *out_count)
{
	pthread_mutex_lock(&database->mutex);
	size_t count = database->instance_count;
	struct fleet_instance **held = calloc(count + 1, sizeof(struct fleet_instance *));
	ASSERT(held != NULL);
	for (size_t i = 0; i < count; i++)
		held[i] = instance_hold(database->instances[i]);
	pthread_mutex_unlock(&database->mutex);
	*out_count = count;
	return held;
}

void fleet_each_instance(struct fleet *fleet, const char *database,
			 void (*visit)(void *context, struct fleet_instance *instance), void *context)
{
	size_t count;
	struct fleet_database **databases = fleet_hold_databases(fleet, database, &count);
	for (size_t i = 0; i < count; i++) {
		size_t instance_count;
		struct fleet_instance **instances = hold_instances(databases[i], &instance_count);
		for (size_t k = 0; k < instance_count; k++) {
			visit(context, instances[k]);
			instance_release(instances[k]);
		}
		free(instances);
		database_release(databases[i]);
	}
	free(databases);
}
