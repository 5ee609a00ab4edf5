#include "fleet/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/trace.h"
#include "engine/apply.h"
#include "fleet/seed.h"

// A folder is written by one at a time: a replica's creation, or the one who found it damaged.
static bool claim_filling(struct fleet_database *database, const char *instance)
{
	database_lock(database);
	bool free_to_fill = true;
	for (size_t i = 0; i < database->filling_count; i++)
		free_to_fill = free_to_fill && strcmp(database->filling[i], instance) != 0;
	if (free_to_fill) {
		database->filling = realloc(database->filling,
					    (database->filling_count + 1) * sizeof(*database->filling));
		ASSERT(database->filling != NULL);
		snprintf(database->filling[database->filling_count++], CRYPT_UUID_TEXT_BYTES, "%s", instance);
	}
	pthread_mutex_unlock(&database->mutex);
	return free_to_fill;
}

static void end_filling(struct fleet_database *database, const char *instance)
{
	pthread_mutex_lock(&database->mutex);
	size_t at = 0;
	while (strcmp(database->filling[at], instance) != 0)
		at++;
	database->filling_count--;
	memmove(database->filling[at], database->filling[database->filling_count], CRYPT_UUID_TEXT_BYTES);
	pthread_mutex_unlock(&database->mutex);
}

static bool fill_claimed(struct fleet_database *database, const struct fleet_instance_spec *spec,
			 struct error *err)
{
	pthread_mutex_lock(&database->mutex);
	struct fleet_instance *primary = instance_primary_locked(database);
	if (primary)
		instance_hold(primary);
	pthread_mutex_unlock(&database->mutex);
	if (!primary)
		return error_set(err, ERR_UNAVAILABLE, "the primary instance is not open");
	OWNED(text) char *folder = instance_folder(database, spec->uuid);
	struct engine_database *engine = NULL;
	bool ok = engine_snapshot(primary->engine, folder, err) &&
		  instance_open_engine(database, spec, &engine, err);
	fleet_release(primary);
	if (!ok)
		return error_context(err, "fill a replica");
	return instance_install(database, instance_make(database, spec, engine), err);
}

bool fleet_fill_replica(struct fleet_database *database, const struct fleet_instance_spec *spec,
			struct error *err)
{
	if (!claim_filling(database, spec->uuid))
		return error_set(err, ERR_BUSY, "the replica is being filled already");
	bool ok = fill_claimed(database, spec, err);
	end_filling(database, spec->uuid);
	return ok;
}

// The file of a new primary: the seed, or an empty one.
static bool make_primary_file(struct fleet_database *database, const char *folder, struct error *err)
{
	// A primary that failed may have left a history behind that leads nowhere.
	OWNED(text) char *whole = fleet_database_folder(database->fleet, database->uuid);
	OWNED(text) char *log_folder = fleet_path_inside(whole, "log");
	if (!disk_remove_tree(log_folder, err))
		return false;
	if (fleet_seed_exists(database->fleet, database->uuid))
		return seed_take(database, folder, err);
	return engine_database_create(folder, err);
}

static bool create_primary(struct fleet_database *database, const struct fleet_instance_spec *spec,
			   struct error *err)
{
	OWNED(text) char *folder = instance_folder(database, spec->uuid);
	struct engine_database *engine;
	if (!engine_database_exists(folder) && !make_primary_file(database, folder, err))
		return false;
	if (!instance_open_engine(database, spec, &engine, err)) {
		// Another instance may be created in the place of this one.
		seed_give_back(database, folder);
		return false;
	}
	return instance_install(database, instance_make(database, spec, engine), err);
}

struct create_task {
	struct task task;
	struct fleet *fleet;
	char database[CRYPT_UUID_TEXT_BYTES];
	char instance[CRYPT_UUID_TEXT_BYTES];
};

static bool find_spec(struct fleet *fleet, const char *database, const char *instance,
		      struct fleet_instance_spec *out, struct error *err)
{
	struct fleet_instance_spec *specs = NULL;
	size_t count = 0;
	struct engine_rules ignored;
	if (!fleet->callbacks.describe(fleet->callbacks.context, database, &specs, &count, &ignored, err))
		return false;
	bool found = false;
	for (size_t i = 0; i < count && !found; i++) {
		found = strcmp(specs[i].uuid, instance) == 0;
		if (found)
			*out = specs[i];
	}
	free(specs);
	return found || error_set(err, ERR_INSTANCE_NOT_FOUND, "the instance does not exist any more");
}

static bool create_instance(struct fleet_database *database, const char *instance, struct error *err)
{
	struct fleet_instance_spec spec = {0};
	if (!find_spec(database->fleet, database->uuid, instance, &spec, err))
		return false;
	bool has_room = idle_take_room(database);
	database_lock(database);
	bool ok = database_open_locked(database, err);
	bool open_already = ok && instance_place_locked(database, instance) != NULL;
	database->pins++;
	pthread_mutex_unlock(&database->mutex);
	if (ok && !open_already)
		ok = spec.primary ? create_primary(database, &spec, err)
				  : fleet_fill_replica(database, &spec, err);
	pthread_mutex_lock(&database->mutex);
	database->pins--;
	pthread_mutex_unlock(&database->mutex);
	if (has_room)
		idle_give_room(database->fleet);
	return ok;
}

static void create_run(struct task *task)
{
	struct create_task *create = CONTAINER_OF(task, struct create_task, task);
	struct fleet *fleet = create->fleet;
	struct fleet_database *database = table_hold(fleet, create->database);
	struct error err = {0};
	int64_t began_ms = clock_monotonic_ms();
	bool ok = create_instance(database, create->instance, &err);
	database_release(database);
	if (ok)
		trace_info("instance.ready", "database", create->database, "instance", create->instance,
			   "took_ms", TRACE_INT(clock_monotonic_ms() - began_ms));
	else if (err.code != ERR_BUSY)
		trace_warn("instance.create_failed", "database", create->database, "instance",
			   create->instance, "error", err.message, "detail", err.detail);
	// Whoever fills it already tells of it.
	if (ok || err.code != ERR_BUSY)
		fleet->callbacks.instance_event(fleet->callbacks.context, create->database, create->instance,
						ok ? NULL : &err);
	fleet_task_end(fleet);
	free(create);
}

void fleet_create_instance(struct fleet *fleet, const char *database, const char *instance)
{
	if (!fleet_task_begin(fleet))
		return; // the next start resumes it
	struct create_task *create = calloc(1, sizeof(*create));
	ASSERT(create != NULL);
	create->task.run = create_run;
	create->fleet = fleet;
	snprintf(create->database, sizeof(create->database), "%s", database);
	snprintf(create->instance, sizeof(create->instance), "%s", instance);
	workers_run(fleet->workers, &create->task);
}

// -- destroying ---------------------------------------------------------------------------------------

bool fleet_destroy_instance(struct fleet *fleet, const char *uuid, const char *instance, struct error *err)
{
	struct fleet_database *database = table_hold(fleet, uuid);
	struct fleet_instance *removed = NULL;
	database_lock(database);
	struct fleet_instance **place = instance_place_locked(database, instance);
	if (place) {
		removed = *place;
		*place = database->instances[--database->instance_count];
	}
	pthread_mutex_unlock(&database->mutex);
	if (removed)
		instance_retire(removed);
	meter_forget_storage(fleet, uuid, instance);
	OWNED(text) char *folder = instance_folder(database, instance);
	bool ok = disk_remove_tree(folder, err);
	database_release(database);
	return ok;
}

// Takes all instances out of the database and gives each to `end`, outside the mutex.
void database_end_instances(struct fleet_database *database, bool destroyed,
			    void (*end)(struct fleet_instance *))
{
	database_lock(database);
	database->destroyed = database->destroyed || destroyed;
	if (atomic_exchange(&database->opened, false))
		atomic_fetch_sub(&database->fleet->open_count, 1);
	struct fleet_instance **instances = TAKE(database->instances);
	size_t count = database->instance_count;
	database->instance_count = 0;
	pthread_mutex_unlock(&database->mutex);
	for (size_t i = 0; i < count; i++)
		end(instances[i]);
	free(instances);
}

bool fleet_destroy_database(struct fleet *fleet, const char *uuid, struct error *err)
{
	struct fleet_database *database = table_hold(fleet, uuid);
	database_end_instances(database, true, instance_retire);
	meter_forget_storage(fleet, uuid, NULL);
	table_forget(database);
	database_release(database);
	OWNED(text) char *folder = fleet_database_folder(fleet, uuid);
	return disk_remove_tree(folder, err);
}
