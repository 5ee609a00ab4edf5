#include "fleet/script.h"

#include "base/buffer.h"
#include "base/disk.h"
#include "base/trace.h"
#include "engine/copy.h"
#include "fleet/internal.h"

enum { LOG_BYTES = 64 << 20 };

static bool acquire_primary(struct fleet *fleet, const char *database, struct fleet_instance **out,
			    struct error *err)
{
	OWNED(fleet_instance) struct fleet_instance *any = NULL;
	if (!fleet_acquire(fleet, database, NULL, &any, err))
		return false;
	*out = instance_hold_primary(any);
	return *out ||
	       error_set(err, ERR_NOT_READY, "the primary instance of this database cannot serve yet");
}

bool fleet_apply_script(struct fleet *fleet, const char *database, const struct engine_script *script,
			enum script_outcome *out, size_t *out_statement, struct error *err)
{
	OWNED(fleet_instance) struct fleet_instance *primary = NULL;
	*out_statement = 0;
	return acquire_primary(fleet, database, &primary, err) &&
	       engine_script_apply(primary->engine, script, out, out_statement, err);
}

// -- on a copy ----------------------------------------------------------------------------------------

static bool is_stopping(void *context)
{
	return fleet_is_closing(context);
}

static struct engine_rules rules_of(struct fleet_database *database)
{
	pthread_mutex_lock(&database->mutex);
	struct engine_rules rules = database->rules;
	pthread_mutex_unlock(&database->mutex);
	return rules;
}

static bool copy_into(struct fleet *fleet, const char *database, const char *folder, struct engine_rules *out,
		      struct error *err)
{
	OWNED(fleet_instance) struct fleet_instance *primary = NULL;
	OWNED(text) char *path = fleet_path_inside(folder, "data.db");
	struct job job = {.is_stopping = is_stopping, .context = fleet};
	if (!acquire_primary(fleet, database, &primary, err))
		return false;
	*out = rules_of(primary->database);
	return disk_make_folder(folder, err) && engine_copy(primary->engine, path, &job, err);
}

// What the database may not, its copy may not, either: nor grow beyond its size_limit.
static bool try_in(struct fleet *fleet, const char *folder, const struct engine_rules *rules,
		   const struct engine_script *script, enum script_outcome *out, size_t *out_statement,
		   struct error *err)
{
	OWNED(text) char *log_folder = fleet_path_inside(folder, "log");
	struct engine_options options = {.folder = folder,
					 .log_folder = log_folder,
					 .role = ENGINE_PRIMARY,
					 .workers = fleet->workers,
					 .turns = fleet->turns,
					 .limits = fleet->limits,
					 .rules = *rules,
					 .files = &fleet->files,
					 .memory = &fleet->memory,
					 .log_segment_bytes_max = fleet_segment_bytes(fleet),
					 .log_bytes_max = LOG_BYTES};
	struct engine_database *copy = NULL;
	if (!engine_database_open(&options, &copy, err))
		return false;
	bool ok = engine_script_apply(copy, script, out, out_statement, err);
	engine_database_discard(copy);
	engine_database_close(copy);
	return ok;
}

// Then there is nothing to try.
static bool is_known(struct fleet *fleet, const char *database, const struct engine_script *script,
		     enum script_outcome *out)
{
	OWNED(fleet_instance) struct fleet_instance *primary = NULL;
	struct error ignored;
	return acquire_primary(fleet, database, &primary, &ignored) &&
	       engine_script_is_known(primary->engine, script, out);
}

bool fleet_try_script(struct fleet *fleet, const char *database, const struct engine_script *script,
		      enum script_outcome *out, size_t *out_statement, struct error *err)
{
	struct buffer name = {0};
	struct error left;
	struct engine_rules rules;
	char random[2 * 8 + 1];
	*out_statement = 0;
	if (is_known(fleet, database, script, out))
		return true;
	if (!fleet_task_begin(fleet))
		return error_set(err, ERR_SHUTDOWN, "the server is stopping");
	crypt_random_hex(8, random);
	// A name that the next start knows for ours (seed.c).
	buffer_printf(&name, "%s/seed-%s.try", fleet->upload_folder, random);
	OWNED(text) char *folder = buffer_take(&name, NULL);
	bool ok = copy_into(fleet, database, folder, &rules, err) &&
		  try_in(fleet, folder, &rules, script, out, out_statement, err);
	if (!disk_remove_tree(folder, &left))
		trace_warn("migration.files_left", "error", left.message, "detail", left.detail);
	fleet_task_end(fleet);
	return ok;
}
