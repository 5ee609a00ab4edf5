#include "fleet/seed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/trace.h"
#include "engine/copy.h"
#include "engine/import.h"
#include "fleet/internal.h"
#include "fleet/meter.h"

enum { UPLOAD_KEPT_MS = 24 * 60 * 60 * 1000 };
enum { IMPORT_NICE = 15 };

// -- files --------------------------------------------------------------------------------------------

// What SQLite and the engine may leave beside a file.
static const char *const companions[] = {"-wal", "-shm", "-journal", "-new", "-new-journal"};

static void remove_companions(const char *path)
{
	for (size_t i = 0; i < ARRAY_LENGTH(companions); i++) {
		OWNED(buffer) struct buffer name = {0};
		buffer_printf(&name, "%s%s", path, companions[i]);
		unlink(buffer_text(&name));
	}
}

static char *seed_path(const struct fleet *fleet, const char *database)
{
	OWNED(text) char *folder = fleet_database_folder(fleet, database);
	return fleet_path_inside(folder, "seed.db");
}

// A file that is being made; its name begins so that the next start knows it for ours.
static const char work_prefix[] = "seed-";

char *fleet_work_path(const struct fleet *fleet)
{
	struct buffer path = {0};
	char random[2 * 8 + 1];
	crypt_random_hex(8, random);
	buffer_printf(&path, "%s/%s%s.db", fleet->upload_folder, work_prefix, random);
	return buffer_take(&path, NULL);
}

void fleet_work_end(const char *path)
{
	unlink(path);
	remove_companions(path);
}

static bool move(const char *from, const char *to, struct error *err)
{
	if (rename(from, to) == 0)
		return true;
	return error_errno(err, errno, to, "cannot rename a database file");
}

// The work is complete: it becomes the database's seed.
static bool settle(struct fleet *fleet, const char *database, const char *work, struct error *err)
{
	OWNED(text) char *folders = fleet_path_inside(fleet->data_folder, "databases");
	OWNED(text) char *folder = fleet_database_folder(fleet, database);
	OWNED(text) char *path = seed_path(fleet, database);
	OWNED(fd) int fd = -1;
	if (chmod(work, 0600) != 0)
		return error_errno(err, errno, work, "cannot protect a database file");
	return disk_open(work, O_RDWR, &fd, err) && disk_sync(fd, err) && disk_make_folder(folder, err) &&
	       move(work, path, err) && disk_sync_folder(folder, err) && disk_sync_folder(folders, err);
}

bool fleet_seed_exists(struct fleet *fleet, const char *database)
{
	OWNED(text) char *path = seed_path(fleet, database);
	return disk_exists(path);
}

void fleet_seed_discard(struct fleet *fleet, const char *database)
{
	struct error err;
	OWNED(text) char *folder = fleet_database_folder(fleet, database);
	if (!disk_remove_tree(folder, &err))
		trace_warn("database.files_left", "database", database, "error", err.message, "detail",
			   err.detail);
}

const char *fleet_upload_folder(const struct fleet *fleet)
{
	return fleet->upload_folder;
}

void seed_sweep_uploads(struct fleet *fleet)
{
	DIR *list = opendir(fleet->upload_folder);
	if (!list)
		return;
	struct dirent *entry;
	while ((entry = readdir(list))) {
		struct stat status;
		struct error ignored;
		if (entry->d_name[0] == '.')
			continue;
		OWNED(text) char *path = fleet_path_inside(fleet->upload_folder, entry->d_name);
		bool ours = strncmp(entry->d_name, work_prefix, strlen(work_prefix)) == 0;
		bool old = stat(path, &status) == 0 &&
			   (int64_t)status.st_mtime * 1000 < clock_wall_ms() - UPLOAD_KEPT_MS;
		if ((ours || old) && !disk_remove_tree(path, &ignored))
			trace_warn("upload.files_left", "file", entry->d_name, "detail", ignored.detail);
	}
	closedir(list);
}

// -- the first primary --------------------------------------------------------------------------------

bool seed_take(struct fleet_database *database, const char *folder, struct error *err)
{
	OWNED(text) char *whole = fleet_database_folder(database->fleet, database->uuid);
	OWNED(text) char *seed = seed_path(database->fleet, database->uuid);
	OWNED(text) char *file = fleet_path_inside(folder, "data.db");
	return disk_make_folder(folder, err) && move(seed, file, err) && disk_sync_folder(folder, err) &&
	       disk_sync_folder(whole, err);
}

void seed_give_back(struct fleet_database *database, const char *folder)
{
	struct error err;
	OWNED(text) char *whole = fleet_database_folder(database->fleet, database->uuid);
	OWNED(text) char *log_folder = fleet_path_inside(whole, "log");
	OWNED(text) char *seed = seed_path(database->fleet, database->uuid);
	OWNED(text) char *file = fleet_path_inside(folder, "data.db");
	if (!engine_database_is_untouched(folder, log_folder))
		return;
	remove_companions(file);
	if (!move(file, seed, &err) || !disk_sync_folder(whole, &err) || !disk_sync_folder(folder, &err))
		trace_warn("instance.seed_kept", "database", database->uuid, "error", err.message, "detail",
			   err.detail);
}

// -- copies -------------------------------------------------------------------------------------------

static bool is_stopping(void *context)
{
	return fleet_is_closing(context);
}

static struct job job_of(struct fleet *fleet)
{
	return (struct job){.is_stopping = is_stopping, .context = fleet};
}

static bool has_instances(struct fleet *fleet, const char *database, bool *out, struct error *err)
{
	struct fleet_instance_spec *specs = NULL;
	size_t count = 0;
	struct engine_rules ignored;
	if (!fleet->callbacks.describe(fleet->callbacks.context, database, &specs, &count, &ignored, err))
		return false;
	free(specs);
	*out = count > 0;
	return true;
}

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

// A seed is never written again: it is copied as a file.
static bool copy_seed(struct fleet *fleet, const char *source, const char *work, struct error *err)
{
	OWNED(text) char *path = seed_path(fleet, source);
	OWNED(fd) int from = -1;
	OWNED(fd) int to = -1;
	return disk_open(path, O_RDONLY, &from, err) &&
	       disk_open(work, O_RDWR | O_CREAT | O_EXCL, &to, err) && disk_copy(from, to, err);
}

static bool copy_primary(struct fleet *fleet, const char *source, int64_t at_ms, const char *work,
			 struct error *err)
{
	OWNED(fleet_instance) struct fleet_instance *primary = NULL;
	struct job job = job_of(fleet);
	if (!acquire_primary(fleet, source, &primary, err))
		return false;
	return at_ms == SEED_NOW ? engine_copy(primary->engine, work, &job, err)
				 : engine_copy_of_moment(primary->engine, at_ms, work, &job, err);
}

// *out_made false: there is nothing to copy.
static bool copy(struct fleet *fleet, const char *source, int64_t at_ms, const char *work, bool *out_made,
		 struct error *err)
{
	bool lives;
	*out_made = true;
	if (!has_instances(fleet, source, &lives, err))
		return false;
	if (lives)
		return copy_primary(fleet, source, at_ms, work, err);
	*out_made = fleet_seed_exists(fleet, source);
	return !*out_made || copy_seed(fleet, source, work, err);
}

// Runs one way of making the content, and makes its result the seed.
static bool import(struct fleet *fleet, const char *database, const char *work,
		   bool (*make)(const struct engine_import *import, const char *from, struct error *err),
		   const char *from, struct error *err)
{
	struct job job = job_of(fleet);
	// It takes as long as its client wants.
	workers_step_aside(fleet->workers, IMPORT_NICE);
	struct engine_import import = {.path = work, .limits = &fleet->limits, .job = &job};
	if (!fleet_task_begin(fleet))
		return error_set(err, ERR_SHUTDOWN, "the server is stopping");
	bool ok = make(&import, from, err) && settle(fleet, database, work, err);
	fleet_work_end(work);
	fleet_task_end(fleet);
	return ok;
}

static bool make_of_file(const struct engine_import *import, const char *from, struct error *err)
{
	return move(from, import->path, err) && engine_import_file(import, err);
}

bool fleet_seed_file(struct fleet *fleet, const char *database, const char *path, struct error *err)
{
	OWNED(text) char *work = fleet_work_path(fleet);
	return import(fleet, database, work, make_of_file, path, err);
}

bool fleet_seed_dump(struct fleet *fleet, const char *database, const char *path, struct error *err)
{
	OWNED(text) char *work = fleet_work_path(fleet);
	return import(fleet, database, work, engine_import_dump, path, err);
}

// A file whose header says that there is no write-ahead log is whole by itself for every program.
static bool open_alone(const char *path, int *out_fd, uint64_t *out_size, struct error *err)
{
	enum { VERSIONS_AT = 18 };
	static const char without_wal[2] = {1, 1};
	return disk_open(path, O_RDWR, out_fd, err) &&
	       disk_write_at(*out_fd, without_wal, sizeof(without_wal), VERSIONS_AT, err) &&
	       disk_size(*out_fd, out_size, err);
}

// A seed alone has no instance that could have been used.
static void count_export(struct fleet *fleet, const char *database, uint64_t size)
{
	OWNED(fleet_instance) struct fleet_instance *primary = NULL;
	struct error ignored;
	if (acquire_primary(fleet, database, &primary, &ignored))
		fleet_count_synced(fleet, database, primary->spec.uuid, SYNCED_EXPORT, size);
}

bool fleet_export(struct fleet *fleet, const char *database, int *out_fd, uint64_t *out_size,
		  struct error *err)
{
	if (!fleet_task_begin(fleet))
		return error_set(err, ERR_SHUTDOWN, "the server is stopping");
	OWNED(text) char *work = fleet_work_path(fleet);
	OWNED(fd) int fd = -1;
	bool made = false;
	bool ok = copy(fleet, database, SEED_NOW, work, &made, err) &&
		  (made || error_set(err, ERR_NOT_READY, "the database has no content yet")) &&
		  open_alone(work, &fd, out_size, err);
	fleet_work_end(work);
	fleet_task_end(fleet);
	if (!ok)
		return false;
	count_export(fleet, database, *out_size);
	*out_fd = fd;
	fd = -1;
	return true;
}

bool fleet_seed_copy(struct fleet *fleet, const char *database, const char *source, int64_t at_ms,
		     struct error *err)
{
	if (!fleet_task_begin(fleet))
		return error_set(err, ERR_SHUTDOWN, "the server is stopping");
	OWNED(text) char *work = fleet_work_path(fleet);
	bool made = false;
	bool ok =
		copy(fleet, source, at_ms, work, &made, err) && (!made || settle(fleet, database, work, err));
	fleet_work_end(work);
	fleet_task_end(fleet);
	return ok;
}
