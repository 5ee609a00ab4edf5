// What is done with one backup's files.

#include <stdlib.h>
#include <string.h>

#include "base/disk.h"
#include "fleet/seed.h"
#include "platform/backup_internal.h"

enum { MANIFEST_BYTES_MAX = 16 * 1024 };

static const char content_ending[] = ".db.gz";
static const char manifest_ending[] = ".json";

// A file in the upload folder, removed with its local.
static void work_file_cleanup(char **path)
{
	if (*path)
		fleet_work_end(*path);
	text_cleanup(path);
}

static char *name_of(const char *place, const char *ending)
{
	struct buffer name = {0};
	buffer_printf(&name, "%s%s", place, ending);
	return buffer_take(&name, NULL);
}

static void tell(void *context, uint64_t done, uint64_t all)
{
	struct backups *backups = context;
	pthread_mutex_lock(&backups->mutex);
	backups->done = done;
	backups->all = all;
	pthread_mutex_unlock(&backups->mutex);
}

static bool put(struct backups *backups, const char *place, const char *ending, const char *from,
		struct error *err)
{
	OWNED(text) char *name = name_of(place, ending);
	return backup_target_put(backups->target, from, name, &backups->job, err);
}

static bool get(struct backups *backups, const char *place, const char *ending, const char *to,
		struct error *err)
{
	OWNED(text) char *name = name_of(place, ending);
	return backup_target_get(backups->target, name, to, &backups->job, err);
}

// -- making -------------------------------------------------------------------------------------------

static bool put_manifest(struct backups *backups, const struct backup *backup,
			 const struct backup_facts *facts, struct error *err)
{
	OWNED(work_file) char *path = fleet_work_path(backups->platform->fleet);
	OWNED(buffer) struct buffer manifest = {0};
	backup_write_manifest(backup, facts, &manifest);
	return disk_write_file(path, manifest.data, manifest.size, err) &&
	       put(backups, backup->place, manifest_ending, path, err);
}

// The description last: without it the content counts for nothing.
bool backup_make(struct backups *backups, const struct backup *backup, struct backup_facts *out,
		 struct error *err)
{
	struct fleet *fleet = backups->platform->fleet;
	OWNED(work_file) char *packed = fleet_work_path(fleet);
	struct backup_progress progress = {.tell = tell, .context = backups};
	return fleet_backup_make(fleet, backup->database, packed, &backups->job, &progress, out, err) &&
	       put(backups, backup->place, content_ending, packed, err) &&
	       put_manifest(backups, backup, out, err);
}

// -- restoring ----------------------------------------------------------------------------------------

static bool check_manifest(struct backups *backups, const struct backup *backup, struct error *err)
{
	OWNED(work_file) char *path = fleet_work_path(backups->platform->fleet);
	OWNED(buffer) struct buffer manifest = {0};
	if (!get(backups, backup->place, manifest_ending, path, err))
		return false;
	if (!disk_read_file(path, MANIFEST_BYTES_MAX, &manifest, err))
		return err->code == ERR_LIMIT
			       ? error_set(err, ERR_CORRUPT,
					   "the backup is damaged: its description is too long")
			       : false;
	return backup_check_manifest(&manifest, backup, err);
}

static bool unpack(struct backups *backups, const struct backup *backup, const char *path,
		   const struct backup_progress *progress, struct error *err)
{
	OWNED(work_file) char *packed = fleet_work_path(backups->platform->fleet);
	return check_manifest(backups, backup, err) &&
	       get(backups, backup->place, content_ending, packed, err) &&
	       fleet_backup_unpack(packed, path, &backup->facts, &backups->job, progress, err);
}

bool backup_verify(struct backups *backups, const struct backup *backup, struct error *err)
{
	OWNED(work_file) char *path = fleet_work_path(backups->platform->fleet);
	struct backup_progress progress = {.tell = tell, .context = backups};
	return unpack(backups, backup, path, &progress, err) && fleet_backup_check(path, &backups->job, err);
}

bool backup_restore(struct backups *backups, const struct backup *backup, const char *uuid, struct error *err)
{
	struct fleet *fleet = backups->platform->fleet;
	OWNED(work_file) char *path = fleet_work_path(fleet);
	if (unpack(backups, backup, path, NULL, err))
		return fleet_seed_file(fleet, uuid, path, err);
	if (err->code == ERR_CORRUPT)
		err->code = ERR_BAD_REQUEST; // its words are for who asked
	return false;
}

bool backup_remove(struct backups *backups, const char *place, struct error *err)
{
	OWNED(text) char *manifest = name_of(place, manifest_ending);
	OWNED(text) char *content = name_of(place, content_ending);
	return backup_target_remove(backups->target, manifest, &backups->job, err) &&
	       backup_target_remove(backups->target, content, &backups->job, err);
}
