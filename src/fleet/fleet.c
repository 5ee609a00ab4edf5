#include "fleet/fleet.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/trace.h"
#include "engine/apply.h"
#include "fleet/internal.h"
#include "fleet/seed.h"

enum {
	TABLE_SIZE = 4096,
	SEGMENT_BYTES_MIN = 64 * 1024,
	SEGMENT_BYTES_MAX = 16 * 1024 * 1024,
	SEGMENTS = 8,
	REOPEN_MS = 1000
};

// -- tasks and closing --------------------------------------------------------------------------------

bool fleet_is_closing(struct fleet *fleet)
{
	pthread_mutex_lock(&fleet->closing_mutex);
	bool closing = fleet->closing;
	pthread_mutex_unlock(&fleet->closing_mutex);
	return closing;
}

bool fleet_task_begin(struct fleet *fleet)
{
	pthread_mutex_lock(&fleet->closing_mutex);
	bool ok = !fleet->closing;
	fleet->running_tasks += ok;
	pthread_mutex_unlock(&fleet->closing_mutex);
	return ok;
}

void fleet_task_end(struct fleet *fleet)
{
	pthread_mutex_lock(&fleet->closing_mutex);
	fleet->running_tasks--;
	pthread_cond_broadcast(&fleet->closing_changed);
	pthread_mutex_unlock(&fleet->closing_mutex);
}

// -- table --------------------------------------------------------------------------------------------

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

static struct fleet_database *find_held(struct fleet *fleet, const char *uuid)
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
static struct fleet_database *hold_database(struct fleet *fleet, const char *uuid)
{
	pthread_rwlock_rdlock(&fleet->table_lock);
	struct fleet_database *database = find_held(fleet, uuid);
	pthread_rwlock_unlock(&fleet->table_lock);
	if (database)
		return database;
	pthread_rwlock_wrlock(&fleet->table_lock);
	database = find_held(fleet, uuid);
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

static void forget_database(struct fleet_database *database)
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

static char *instance_folder(const struct fleet_database *database, const char *instance)
{
	OWNED(text) char *folder = fleet_database_folder(database->fleet, database->uuid);
	return fleet_path_inside(folder, instance);
}

// -- instances ----------------------------------------------------------------------------------------

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
	pthread_mutex_unlock(&database->mutex);
}

// History goes by whole segments: a few of them fit the limit.
static uint64_t segment_bytes(const struct fleet *fleet)
{
	uint64_t size = fleet->log_bytes_max / SEGMENTS;
	return size < SEGMENT_BYTES_MIN   ? SEGMENT_BYTES_MIN
	       : size > SEGMENT_BYTES_MAX ? SEGMENT_BYTES_MAX
					  : size;
}

static bool open_engine(struct fleet_database *database, const struct fleet_instance_spec *spec,
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
					 .limits = fleet->limits,
					 .files = &fleet->files,
					 .log_segment_bytes_max = segment_bytes(fleet),
					 .log_bytes_max = fleet->log_bytes_max,
					 .log_age_ms_max = fleet->history_ms,
					 .on_durable = on_durable,
					 .context = database};
	return engine_database_open(&options, out, err);
}

static struct fleet_instance *make_instance(struct fleet_database *database,
					    const struct fleet_instance_spec *spec,
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

static struct fleet_instance **place_of_locked(struct fleet_database *database, const char *uuid)
{
	for (size_t i = 0; i < database->instance_count; i++) {
		if (strcmp(database->instances[i]->spec.uuid, uuid) == 0)
			return &database->instances[i];
	}
	return NULL;
}

static struct fleet_instance *primary_locked(struct fleet_database *database)
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
	struct fleet_instance *primary = primary_locked(database);
	if (primary)
		instance_hold(primary);
	pthread_mutex_unlock(&database->mutex);
	return primary;
}

// Takes the instance into the list, in the place of an older copy if there is one; returns that one, now
// gone.
static struct fleet_instance *install_locked(struct fleet_database *database, struct fleet_instance *instance)
{
	struct fleet_instance **place = place_of_locked(database, instance->spec.uuid);
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

static void retire_instance(struct fleet_instance *instance)
{
	atomic_store(&instance->gone, true);
	engine_database_discard(instance->engine);
	fleet_release(instance);
}

// Lets a copy that was just opened serve, unless the database was destroyed meanwhile.
static bool install(struct fleet_database *database, struct fleet_instance *instance, struct error *err)
{
	pthread_mutex_lock(&database->mutex);
	bool destroyed = database->destroyed;
	struct fleet_instance *old = destroyed ? instance : install_locked(database, instance);
	pthread_mutex_unlock(&database->mutex);
	if (old)
		retire_instance(old);
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
	if (place_of_locked(database, spec->uuid))
		return;
	bool exists = engine_database_exists(folder);
	if (exists && open_engine(database, spec, &engine, &err)) {
		install_locked(database, make_instance(database, spec, engine));
		return;
	}
	// Descriptors or memory may be there again in a moment.
	if (exists)
		database->reopen_at_ms = clock_monotonic_ms() + REOPEN_MS;
	if (exists)
		trace_error("instance.open_failed", "database", database->uuid, "instance", spec->uuid,
			    "error", err.message, "detail", err.detail);
	if (!spec->primary && primary_locked(database))
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
static void lock_database(struct fleet_database *database)
{
	pthread_mutex_lock(&database->mutex);
	while (database->closing)
		clock_cond_wait(&database->closed, &database->mutex, INT64_MAX);
}

static bool open_locked(struct fleet_database *database, struct error *err)
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
		struct fleet_instance **place = place_of_locked(database, instance);
		return place ? *place : NULL;
	}
	struct fleet_instance *primary = primary_locked(database);
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
	struct fleet_database *database = hold_database(fleet, uuid);
	bool has_room = !atomic_load(&database->opened) && idle_take_room(database);
	lock_database(database);
	bool opened = open_locked(database, err);
	bool destroyed = database->destroyed;
	struct fleet_instance *picked = opened ? hold_picked_locked(database, instance) : NULL;
	pthread_mutex_unlock(&database->mutex);
	if (has_room)
		idle_give_room(fleet);
	if (destroyed)
		forget_database(database);
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
	struct fleet_database *database = find_held(fleet, uuid);
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

// -- creating -----------------------------------------------------------------------------------------

// A folder is written by one at a time: a replica's creation, or the one who found it damaged.
static bool claim_filling(struct fleet_database *database, const char *instance)
{
	lock_database(database);
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
	struct fleet_instance *primary = primary_locked(database);
	if (primary)
		instance_hold(primary);
	pthread_mutex_unlock(&database->mutex);
	if (!primary)
		return error_set(err, ERR_UNAVAILABLE, "the primary instance is not open");
	OWNED(text) char *folder = instance_folder(database, spec->uuid);
	struct engine_database *engine = NULL;
	bool ok = engine_snapshot(primary->engine, folder, err) && open_engine(database, spec, &engine, err);
	fleet_release(primary);
	if (!ok)
		return error_context(err, "fill a replica");
	return install(database, make_instance(database, spec, engine), err);
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
	if (!open_engine(database, spec, &engine, err)) {
		// Another instance may be created in the place of this one.
		seed_give_back(database, folder);
		return false;
	}
	return install(database, make_instance(database, spec, engine), err);
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
	lock_database(database);
	bool ok = open_locked(database, err);
	bool open_already = ok && place_of_locked(database, instance) != NULL;
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
	struct fleet_database *database = hold_database(fleet, create->database);
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
	struct fleet_database *database = hold_database(fleet, uuid);
	struct fleet_instance *removed = NULL;
	lock_database(database);
	struct fleet_instance **place = place_of_locked(database, instance);
	if (place) {
		removed = *place;
		*place = database->instances[--database->instance_count];
	}
	pthread_mutex_unlock(&database->mutex);
	if (removed)
		retire_instance(removed);
	meter_forget_storage(fleet, uuid, instance);
	OWNED(text) char *folder = instance_folder(database, instance);
	bool ok = disk_remove_tree(folder, err);
	database_release(database);
	return ok;
}

// Takes all instances out of the database and gives each to `end`, outside the mutex.
static void end_instances(struct fleet_database *database, bool destroyed,
			  void (*end)(struct fleet_instance *))
{
	lock_database(database);
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
	struct fleet_database *database = hold_database(fleet, uuid);
	end_instances(database, true, retire_instance);
	meter_forget_storage(fleet, uuid, NULL);
	forget_database(database);
	database_release(database);
	OWNED(text) char *folder = fleet_database_folder(fleet, uuid);
	return disk_remove_tree(folder, err);
}

void fleet_set_rules(struct fleet *fleet, const char *database, const struct engine_rules *rules)
{
	pthread_rwlock_rdlock(&fleet->table_lock);
	struct fleet_database *entry = find_held(fleet, database);
	pthread_rwlock_unlock(&fleet->table_lock);
	if (!entry)
		return;
	pthread_mutex_lock(&entry->mutex);
	entry->rules = *rules;
	for (size_t i = 0; i < entry->instance_count; i++)
		engine_database_set_rules(entry->instances[i]->engine, rules);
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
			 void (*visit)(struct fleet_instance *instance))
{
	size_t count;
	struct fleet_database **databases = fleet_hold_databases(fleet, database, &count);
	for (size_t i = 0; i < count; i++) {
		size_t instance_count;
		struct fleet_instance **instances = hold_instances(databases[i], &instance_count);
		for (size_t k = 0; k < instance_count; k++) {
			visit(instances[k]);
			instance_release(instances[k]);
		}
		free(instances);
		database_release(databases[i]);
	}
	free(databases);
}

void fleet_sweep(struct fleet *fleet, bool (*keeps)(void *context, const char *database), void *context)
{
	OWNED(text) char *folder = fleet_path_inside(fleet->data_folder, "databases");
	DIR *list = opendir(folder);
	if (!list)
		return;
	struct dirent *entry;
	while ((entry = readdir(list))) {
		if (entry->d_name[0] == '.' || keeps(context, entry->d_name))
			continue;
		struct error err;
		OWNED(text) char *path = fleet_path_inside(folder, entry->d_name);
		trace_info("database.swept", "database", entry->d_name);
		if (!disk_remove_tree(path, &err))
			trace_warn("database.sweep_failed", "database", entry->d_name, "error", err.message,
				   "detail", err.detail);
	}
	closedir(list);
}

// -- status -------------------------------------------------------------------------------------------

// Age of the oldest transaction that the replica has not applied.
static int64_t lag_ms(struct fleet_instance *primary, uint64_t applied)
{
	struct log_cursor *cursor;
	struct log_txn txn;
	bool found;
	struct error ignored;
	if (applied >= engine_database_durable(primary->engine) ||
	    !log_cursor_open(engine_database_log(primary->engine), applied, &cursor, &ignored))
		return 0;
	bool ok = log_cursor_next(cursor, &txn, &found, &ignored);
	int64_t age = ok && found ? clock_wall_ms() - txn.committed_wall_ms : 0;
	log_cursor_close(cursor);
	return age > 0 ? age : 0;
}

bool fleet_instance_status(struct fleet *fleet, const char *uuid, const char *instance_uuid,
			   struct fleet_status *out, struct error *err)
{
	OWNED(fleet_instance) struct fleet_instance *instance = NULL;
	if (!fleet_acquire(fleet, uuid, instance_uuid, &instance, err))
		return false;
	OWNED(fleet_instance) struct fleet_instance *primary = instance_hold_primary(instance);
	*out = (struct fleet_status){.ready = !atomic_load(&instance->gone),
				     .frame_no = engine_database_durable(instance->engine),
				     .storage_bytes = engine_database_size_bytes(instance->engine)};
	if (primary) {
		out->primary_frame_no = engine_database_durable(primary->engine);
		out->lag_ms = instance->spec.primary ? 0 : lag_ms(primary, out->frame_no);
	}
	return true;
}

// -- life ---------------------------------------------------------------------------------------------

bool fleet_open(const struct fleet_options *options, struct fleet **out, struct error *err)
{
	struct distance *distance;
	if (!engine_start(err) || !distance_parse(options->simulate_latency, &distance, err))
		return false;
	struct fleet *fleet = calloc(1, sizeof(*fleet));
	ASSERT(fleet != NULL);
	fleet->data_folder = strdup(options->data_folder);
	fleet->workers = options->workers;
	fleet->limits = options->limits;
	fleet->log_bytes_max = options->log_bytes_max;
	fleet->database_idle_ms = options->database_idle_ms;
	fleet->open_databases_max = options->open_databases_max;
	fleet->files.max = options->open_files_max;
	fleet->history_ms = options->history_ms;
	fleet->distance = distance;
	fleet->callbacks = *options;
	fleet->table_size = TABLE_SIZE;
	fleet->table = calloc(fleet->table_size, sizeof(struct fleet_database *));
	ASSERT(fleet->data_folder && fleet->table);
	meter_init(&fleet->meter);
	pthread_mutex_init(&fleet->room_mutex, NULL);
	clock_cond_init(&fleet->room_changed);
	pthread_rwlock_init(&fleet->table_lock, NULL);
	pthread_mutex_init(&fleet->closing_mutex, NULL);
	clock_cond_init(&fleet->closing_changed);
	OWNED(text) char *folder = fleet_path_inside(fleet->data_folder, "databases");
	fleet->upload_folder = fleet_path_inside(fleet->data_folder, "uploads");
	if (!disk_make_folder(folder, err) || !disk_make_folder(fleet->upload_folder, err)) {
		fleet_close(fleet);
		return false;
	}
	seed_sweep_uploads(fleet);
	idle_start(fleet);
	retention_start(fleet);
	*out = fleet;
	return true;
}

void fleet_connect(struct fleet *fleet, const struct fleet_options *callbacks)
{
	fleet->callbacks = *callbacks;
}

bool fleet_open_platform(struct fleet *fleet, struct engine_database **out, struct error *err)
{
	OWNED(text) char *folder = fleet_path_inside(fleet->data_folder, "platform");
	OWNED(text) char *log_folder = fleet_path_inside(folder, "log");
	if (!engine_database_exists(folder) && !engine_database_create(folder, err))
		return false;
	struct engine_options options = {.folder = folder,
					 .log_folder = log_folder,
					 .role = ENGINE_PRIMARY,
					 .workers = fleet->workers,
					 .limits = fleet->limits,
					 .log_segment_bytes_max = segment_bytes(fleet),
					 .log_bytes_max = fleet->log_bytes_max};
	if (!engine_database_open(&options, &fleet->platform, err))
		return error_context(err, "the platform's own store");
	*out = fleet->platform;
	return true;
}

static void wait_for_tasks(struct fleet *fleet)
{
	pthread_mutex_lock(&fleet->closing_mutex);
	fleet->closing = true;
	pthread_cond_broadcast(&fleet->closing_changed);
	idle_tell_waiters(fleet);
	while (fleet->running_tasks > 0)
		clock_cond_wait(&fleet->closing_changed, &fleet->closing_mutex, INT64_MAX);
	pthread_mutex_unlock(&fleet->closing_mutex);
}

void fleet_close(struct fleet *fleet)
{
	if (!fleet)
		return;
	idle_stop(fleet);
	retention_stop(fleet);
	wait_for_tasks(fleet);
	for (size_t i = 0; i < fleet->table_size; i++) {
		while (fleet->table[i]) {
			struct fleet_database *database = fleet->table[i];
			fleet->table[i] = database->next;
			end_instances(database, false, fleet_release);
			database_release(database);
		}
	}
	engine_database_close(fleet->platform);
	pthread_rwlock_destroy(&fleet->table_lock);
	pthread_mutex_destroy(&fleet->closing_mutex);
	pthread_cond_destroy(&fleet->closing_changed);
	meter_finish(&fleet->meter);
	pthread_mutex_destroy(&fleet->room_mutex);
	pthread_cond_destroy(&fleet->room_changed);
	distance_free(fleet->distance);
	free(fleet->table);
	free(fleet->data_folder);
	free(fleet->upload_folder);
	free(fleet);
}
