#include "fleet/fleet.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/trace.h"
#include "fleet/format.h"
#include "fleet/internal.h"
#include "fleet/seed.h"

enum { TABLE_SIZE = 4096 };

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

// -- status -------------------------------------------------------------------------------------------

int64_t fleet_lag_ms(struct fleet_instance *primary, uint64_t applied)
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
	if (instance->spec.primary) {
		struct log_numbers numbers;
		log_tell_numbers(engine_database_log(instance->engine), &numbers);
		out->history_bytes = numbers.segment_bytes + numbers.base_bytes;
		out->history_oldest_ms = numbers.oldest_ms;
	}
	if (primary) {
		out->primary_frame_no = engine_database_durable(primary->engine);
		out->lag_ms = instance->spec.primary ? 0 : fleet_lag_ms(primary, out->frame_no);
	}
	return true;
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

// -- life ---------------------------------------------------------------------------------------------

bool fleet_check(const struct fleet_options *options, struct error *err)
{
	struct distance *distance;
	if (!distance_parse(options->simulate_latency, &distance, err))
		return false;
	distance_free(distance);
	return true;
}

bool fleet_open(const struct fleet_options *options, struct fleet **out, struct error *err)
{
	struct distance *distance;
	if (!format_settle(options->data_folder, err) || !engine_start(err) ||
	    !distance_parse(options->simulate_latency, &distance, err))
		return false;
	struct fleet *fleet = calloc(1, sizeof(*fleet));
	ASSERT(fleet != NULL);
	fleet->data_folder = strdup(options->data_folder);
	fleet->workers = options->workers;
	fleet->limits = options->limits;
	if (options->long_statements_max > 0)
		fleet->turns = turns_create(options->long_statements_max);
	fleet->log_bytes_max = options->log_bytes_max;
	fleet->database_idle_ms = options->database_idle_ms;
	fleet->open_databases_max = options->open_databases_max;
	fleet->files.max = options->open_files_max;
	fleet->snapshots_max = options->snapshots_max;
	fleet->memory.memory_max = options->memory_max;
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
	OWNED(text) char *temp_folder = fleet_path_inside(fleet->data_folder, "temp");
	if (!disk_make_folder(folder, err) || !disk_make_folder(fleet->upload_folder, err) ||
	    !disk_make_folder(temp_folder, err)) {
		fleet_close(fleet);
		return false;
	}
	engine_set_temp_folder(temp_folder);
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
					 .counters = &fleet->platform_counters,
					 .log_segment_bytes_max = fleet_segment_bytes(fleet),
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
			database_end_instances(database, false, fleet_release);
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
	turns_destroy(fleet->turns);
	distance_free(fleet->distance);
	free(fleet->table);
	free(fleet->data_folder);
	free(fleet->upload_folder);
	free(fleet);
}
