#include "fleet/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "engine/apply.h"

enum {
	SEGMENT_BYTES_MIN = 64 * 1024,
	SEGMENT_BYTES_MAX = 16 * 1024 * 1024,
	SEGMENTS = 8,
	REOPEN_MS = 1000,
};

struct fleet_instance *instance_hold(struct fleet_instance *instance)
{
	atomic_fetch_add(&instance->references, 1);
	return instance;
}

void fleet_release(struct fleet_instance *instance)
{
	struct fleet *fleet = instance->database->fleet;
	// Before the last hold is given back: after that the database may be closed and gone.
	atomic_store_explicit(&instance->database->used_ms, clock_coarse_ms(), memory_order_relaxed);
	instance_release(instance);
	idle_tell_waiters(fleet);
}

void instance_release(struct fleet_instance *instance)
{
	if (atomic_fetch_sub(&instance->references, 1) != 1)
		return;
	struct fleet_database *database = instance->database;
	log_cursor_close(instance->follower.cursor);
	recent_free(atomic_load(&instance->recent));
	generations_free(atomic_load(&instance->generations));
	meter_collect(instance);
	engine_database_close(instance->engine);
	free(instance);
	database_release(database);
}

static void poke_replica_locked(struct fleet_instance *instance)
{
	if (!instance->spec.primary)
		follow_poke_locked(instance);
}

// The primary's flusher made frames durable.
static void on_durable(void *context)
{
	struct fleet_database *database = context;
	pthread_mutex_lock(&database->mutex);
	for (size_t i = 0; i < database->instance_count; i++)
		poke_replica_locked(database->instances[i]);
	await_tell_locked(database);
	pthread_mutex_unlock(&database->mutex);
}

// History goes by whole segments: a few of them fit the limit.
uint64_t fleet_segment_bytes(const struct fleet *fleet)
{
	uint64_t size = fleet->log_bytes_max / SEGMENTS;
	return size < SEGMENT_BYTES_MIN   ? SEGMENT_BYTES_MIN
	       : size > SEGMENT_BYTES_MAX ? SEGMENT_BYTES_MAX
					  : size;
}

bool instance_open_engine(struct fleet_database *database, const struct fleet_instance_spec *spec,
			  struct engine_database **out, struct error *err)
{
	struct fleet *fleet = database->fleet;
	OWNED(text) char *folder = instance_folder(database, spec->uuid);
	OWNED(text) char *whole = fleet_database_folder(fleet, database->uuid);
	OWNED(text) char *log_folder = fleet_path_inside(whole, "log");
	struct engine_options options = {.folder = folder,
					 .log_folder = log_folder,
					 .role = spec->primary ? ENGINE_PRIMARY : ENGINE_REPLICA,
					 .workers = fleet->workers,
					 .turns = fleet->turns,
					 .limits = fleet->limits,
					 .files = &fleet->files,
					 .memory = &fleet->memory,
					 .counters = &fleet->counters,
					 .log_segment_bytes_max = fleet_segment_bytes(fleet),
					 .log_bytes_max = fleet->log_bytes_max,
					 .log_age_ms_max = fleet->history_ms,
					 .on_durable = on_durable,
					 .context = database};
	return engine_database_open(&options, out, err);
}

struct fleet_instance *instance_make(struct fleet_database *database, const struct fleet_instance_spec *spec,
				     struct engine_database *engine)
{
	struct fleet_instance *instance = calloc(1, sizeof(*instance));
	ASSERT(instance != NULL);
	instance->database = database;
	instance->spec = *spec;
	instance->engine = engine;
	atomic_store(&instance->references, 1); // the database's
	atomic_fetch_add(&database->references, 1);
	follow_init(instance);
	return instance;
}

struct fleet_instance **instance_place_locked(struct fleet_database *database, const char *uuid)
{
	for (size_t i = 0; i < database->instance_count; i++) {
		if (strcmp(database->instances[i]->spec.uuid, uuid) == 0)
			return &database->instances[i];
	}
	return NULL;
}

struct fleet_instance *instance_primary_locked(struct fleet_database *database)
{
	for (size_t i = 0; i < database->instance_count; i++) {
		if (database->instances[i]->spec.primary)
			return database->instances[i];
	}
	return NULL;
}

struct fleet_instance *instance_hold_primary(struct fleet_instance *instance)
{
	struct fleet_database *database = instance->database;
	pthread_mutex_lock(&database->mutex);
	struct fleet_instance *primary = instance_primary_locked(database);
	if (primary)
		instance_hold(primary);
	pthread_mutex_unlock(&database->mutex);
	return primary;
}

// Takes the instance into the list, in the place of an older copy if there is one; returns that one, now
// gone.
static struct fleet_instance *install_locked(struct fleet_database *database, struct fleet_instance *instance)
{
	struct fleet_instance **place = instance_place_locked(database, instance->spec.uuid);
	struct fleet_instance *old = NULL;
	engine_database_set_rules(instance->engine, &database->rules);
	if (place) {
		old = *place;
		*place = instance;
		atomic_store(&old->gone, true);
	} else {
		struct fleet_instance **grown =
			realloc(database->instances,
				(database->instance_count + 1) * sizeof(struct fleet_instance *));
		ASSERT(grown != NULL);
		database->instances = grown;
		database->instances[database->instance_count++] = instance;
	}
	for (size_t i = 0; i < database->instance_count; i++) {
		struct fleet_instance *other = database->instances[i];
		if (other == instance || instance->spec.primary)
			poke_replica_locked(other);
	}
	return old;
}

void instance_retire(struct fleet_instance *instance)
{
	atomic_store(&instance->gone, true);
	engine_database_discard(instance->engine);
	fleet_release(instance);
}

// Lets a copy that was just opened serve, unless the database was destroyed meanwhile.
bool instance_install(struct fleet_database *database, struct fleet_instance *instance, struct error *err)
{
	pthread_mutex_lock(&database->mutex);
	bool destroyed = database->destroyed;
	struct fleet_instance *old = destroyed ? instance : install_locked(database, instance);
	pthread_mutex_unlock(&database->mutex);
	if (old)
		instance_retire(old);
	if (destroyed)
		return error_set(err, ERR_NAMESPACE_NOT_FOUND, "the database does not exist any more");
	return true;
}

// -- opening ------------------------------------------------------------------------------------------

// Opens what has a file. A replica without one, or with a damaged one, is filled anew: while it was being created the
// server stopped, or somebody laid hands on its folder.
static void open_listed(struct fleet_database *database, const struct fleet_instance_spec *spec)
{
	OWNED(text) char *folder = instance_folder(database, spec->uuid);
	struct engine_database *engine;
	struct error err;
	if (instance_place_locked(database, spec->uuid))
		return;
	bool exists = engine_database_exists(folder);
	if (exists && instance_open_engine(database, spec, &engine, &err)) {
		install_locked(database, instance_make(database, spec, engine));
		return;
	}
	// Descriptors or memory may be there again in a moment.
	if (exists)
		database->reopen_at_ms = clock_monotonic_ms() + REOPEN_MS;
	if (exists)
		trace_error("instance.open_failed", "database", database->uuid, "instance", spec->uuid,
			    "error", err.message, "detail", err.detail);
	if (!spec->primary && instance_primary_locked(database))
		fleet_create_instance(database->fleet, database->uuid, spec->uuid);
}

// Primaries first: replicas follow from the moment they are open.
static void open_listed_locked(struct fleet_database *database, const struct fleet_instance_spec *specs,
			       size_t count, bool primaries)
{
	for (size_t i = 0; i < count; i++) {
		if (specs[i].primary == primaries)
			open_listed(database, &specs[i]);
	}
}

static bool is_open_locked(const struct fleet_database *database)
{
	return atomic_load(&database->opened) &&
	       (database->reopen_at_ms == 0 || clock_monotonic_ms() < database->reopen_at_ms);
}

static void note_opened_locked(struct fleet_database *database)
{
	if (!atomic_exchange(&database->opened, true))
		atomic_fetch_add(&database->fleet->open_count, 1);
	atomic_store(&database->used_ms, clock_coarse_ms());
}

// The mutex of a database whose files are not just being closed.
void database_lock(struct fleet_database *database)
{
	pthread_mutex_lock(&database->mutex);
	while (database->closing)
		clock_cond_wait(&database->closed, &database->mutex, INT64_MAX);
}

bool database_open_locked(struct fleet_database *database, struct error *err)
{
	const struct fleet_options *callbacks = &database->fleet->callbacks;
	if (database->destroyed)
		return error_set(err, ERR_NAMESPACE_NOT_FOUND, "the database does not exist any more");
	if (is_open_locked(database))
		return true;
	struct fleet_instance_spec *specs = NULL;
	size_t count = 0;
	if (!callbacks->describe(callbacks->context, database->uuid, &specs, &count, &database->rules, err)) {
		// Whoever holds this entry and comes after us must not open what is no longer in the table.
		database->destroyed = err->code == ERR_DATABASE_NOT_FOUND;
		if (database->destroyed)
			err->code = ERR_NAMESPACE_NOT_FOUND;
		return false;
	}
	database->reopen_at_ms = 0;
	open_listed_locked(database, specs, count, true);
	open_listed_locked(database, specs, count, false);
	free(specs);
	note_opened_locked(database);
	return true;
}

static struct fleet_instance *pick_locked(struct fleet_database *database, const char *instance)
{
	if (instance && instance[0]) {
		struct fleet_instance **place = instance_place_locked(database, instance);
		return place ? *place : NULL;
	}
	struct fleet_instance *primary = instance_primary_locked(database);
	return primary || database->instance_count == 0 ? primary : database->instances[0];
}

static struct fleet_instance *hold_picked_locked(struct fleet_database *database, const char *instance)
{
	struct fleet_instance *picked = pick_locked(database, instance);
	if (!picked)
		return NULL;
	atomic_store_explicit(&database->used_ms, clock_coarse_ms(), memory_order_relaxed);
	return instance_hold(picked);
}

bool fleet_acquire(struct fleet *fleet, const char *uuid, const char *instance, struct fleet_instance **out,
		   struct error *err)
{
	struct fleet_database *database = table_hold(fleet, uuid);
	bool has_room = !atomic_load(&database->opened) && idle_take_room(database);
	database_lock(database);
	bool opened = database_open_locked(database, err);
	bool destroyed = database->destroyed;
	struct fleet_instance *picked = opened ? hold_picked_locked(database, instance) : NULL;
	pthread_mutex_unlock(&database->mutex);
	if (has_room)
		idle_give_room(fleet);
	if (destroyed)
		table_forget(database);
	database_release(database);
	if (!opened)
		return false;
	if (picked) {
		*out = picked;
		return true;
	}
	error_set(err, ERR_NOT_READY, "no instance of this database can serve yet: try again in a moment");
	return false;
}

bool fleet_acquire_open(struct fleet *fleet, const char *uuid, const char *instance,
			struct fleet_instance **out)
{
	pthread_rwlock_rdlock(&fleet->table_lock);
	struct fleet_database *database = table_find_locked(fleet, uuid);
	pthread_rwlock_unlock(&fleet->table_lock);
	if (!database)
		return false;
	struct fleet_instance *picked = NULL;
	// Opening holds the mutex for long, but only while this is false.
	if (atomic_load(&database->opened)) {
		pthread_mutex_lock(&database->mutex);
		if (!database->closing && !database->destroyed && is_open_locked(database))
			picked = hold_picked_locked(database, instance);
		pthread_mutex_unlock(&database->mutex);
	}
	database_release(database);
	if (picked)
		*out = picked;
	return picked != NULL;
}
