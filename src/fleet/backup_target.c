#include "fleet/backup_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/disk.h"
#include "base/program.h"

static const char rclone_prefix[] = "rclone:";
// rclone(1), "Exit Code"
enum { RCLONE_NO_FOLDER = 3, RCLONE_NO_FILE = 4 };

enum { COPY_BYTES = 256 * 1024 };

struct backup_target {
	bool rclone;
	char *place; // folder, or REMOTE:PATH
};

bool backup_target_open(const char *text, struct backup_target **out, struct error *err)
{
	bool rclone = strncmp(text, rclone_prefix, sizeof(rclone_prefix) - 1) == 0;
	const char *place = rclone ? text + sizeof(rclone_prefix) - 1 : text;
	const char *colon = strchr(place, ':');
	if (rclone && (!colon || colon == place || place[0] == '-'))
		return error_set(
			err, ERR_USAGE,
			"backup-target: \"%s\" is not rclone:REMOTE:PATH, as rclone writes REMOTE:PATH",
			text);
	struct backup_target *target = calloc(1, sizeof(*target));
	ASSERT(target != NULL);
	target->rclone = rclone;
	target->place = strdup(place);
	ASSERT(target->place != NULL);
	size_t size = strlen(target->place);
	while (size > 1 && target->place[size - 1] == '/')
		target->place[--size] = '\0';
	*out = target;
	return true;
}

void backup_target_close(struct backup_target *target)
{
	if (!target)
		return;
	free(target->place);
	free(target);
}

static char *path_of(const struct backup_target *target, const char *name)
{
	struct buffer path = {0};
	size_t size = strlen(target->place);
	bool ends = target->rclone && size > 0 && target->place[size - 1] == ':';
	buffer_printf(&path, "%s%s%s", target->place, ends ? "" : "/", name);
	return buffer_take(&path, NULL);
}

// -- a folder -----------------------------------------------------------------------------------------

static char *folder_of(const char *path)
{
	struct buffer folder = {0};
	buffer_append(&folder, path, (size_t)(strrchr(path, '/') - path));
	return buffer_take(&folder, NULL);
}

// In pieces, so that a large one can be given up.
static bool copy(int from, int to, const struct job *job, struct error *err)
{
	OWNED(text) char *piece = malloc(COPY_BYTES);
	uint64_t size;
	ASSERT(piece != NULL);
	if (disk_clone(from, to))
		return true;
	if (!disk_size(from, &size, err))
		return false;
	for (uint64_t at = 0; at < size;) {
		size_t part = size - at < COPY_BYTES ? (size_t)(size - at) : COPY_BYTES;
		if (!job_goes_on(job, err) || !disk_read_at(from, piece, part, at, err) ||
		    !disk_write_at(to, piece, part, at, err))
			return false;
		at += part;
	}
	return true;
}

static bool copy_file(const char *from, const char *to, const struct job *job, struct error *err)
{
	OWNED(fd) int source = -1;
	OWNED(fd) int copied = -1;
	return disk_open(from, O_RDONLY, &source, err) &&
	       disk_open(to, O_RDWR | O_CREAT | O_TRUNC, &copied, err) && copy(source, copied, job, err) &&
	       disk_sync(copied, err);
}

static bool put_in_folder(const char *from, const char *path, const struct job *job, struct error *err)
{
	OWNED(text) char *folder = folder_of(path);
	OWNED(buffer) struct buffer part = {0};
	buffer_printf(&part, "%s.part", path);
	const char *unfinished = buffer_text(&part);
	if (!disk_make_folder(folder, err))
		return false;
	if (!copy_file(from, unfinished, job, err)) {
		unlink(unfinished);
		return false;
	}
	if (rename(unfinished, path) != 0)
		return error_errno(err, errno, path, "cannot rename a backup");
	return disk_sync_folder(folder, err);
}

static bool get_from_folder(const char *path, const char *to, const struct job *job, struct error *err)
{
	if (copy_file(path, to, job, err))
		return true;
	if (err->code == ERR_NOT_FOUND)
		error_set(err, ERR_CORRUPT, "a file of the backup is missing");
	return false;
}

// Folders that are empty now go with it; the target itself stays.
static bool remove_from_folder(const struct backup_target *target, const char *path, struct error *err)
{
	OWNED(buffer) struct buffer part = {0};
	buffer_printf(&part, "%s.part", path);
	unlink(buffer_text(&part));
	if (unlink(path) != 0 && errno != ENOENT)
		return error_errno(err, errno, path, "cannot remove a backup");
	OWNED(text) char *folder = folder_of(path);
	while (strlen(folder) > strlen(target->place) && rmdir(folder) == 0)
		*strrchr(folder, '/') = '\0';
	return true;
}

// -- rclone -------------------------------------------------------------------------------------------

// The last line that it said is what went wrong, mostly.
static void last_line(struct buffer *says, char *out, size_t size)
{
	while (says->size > 0 && (unsigned char)says->data[says->size - 1] <= ' ')
		says->size--;
	const char *text = buffer_text(says);
	const char *line = strrchr(text, '\n');
	snprintf(out, size, "%s", line ? line + 1 : text);
}

static bool rclone(const char *const *argv, const struct job *job, int *out_status, struct error *err)
{
	OWNED(buffer) struct buffer says = {0};
	char line[200];
	if (!program_run(argv, job, out_status, &says, err))
		return err->code != ERR_NOT_FOUND ? false : error_context(err, "backup-target");
	if (*out_status == 0)
		return true;
	last_line(&says, line, sizeof(line));
	// Its words may name what is the operator's alone.
	error_set(err, ERR_IO, "rclone %s failed (exit status %d); the server's log tells why", argv[1],
		  *out_status);
	return error_detail(err, "%s", line);
}

#define RCLONE_OPTIONS "--retries=1", "--low-level-retries=3", "--stats=0"

static bool rclone_copy(const char *from, const char *to, const struct job *job, int *out_status,
			struct error *err)
{
	const char *const argv[] = {"rclone", "copyto", RCLONE_OPTIONS, "--", from, to, NULL};
	return rclone(argv, job, out_status, err);
}

static bool is_absent(int status)
{
	return status == RCLONE_NO_FOLDER || status == RCLONE_NO_FILE;
}

static bool rclone_get(const char *path, const char *to, const struct job *job, struct error *err)
{
	int status = 0;
	if (rclone_copy(path, to, job, &status, err))
		return true;
	return !is_absent(status) ? false : error_set(err, ERR_CORRUPT, "a file of the backup is missing");
}

static bool rclone_remove(const char *path, const struct job *job, struct error *err)
{
	const char *const argv[] = {"rclone", "delete", RCLONE_OPTIONS, "--", path, NULL};
	int status = 0;
	return rclone(argv, job, &status, err) || is_absent(status);
}

// -- both ---------------------------------------------------------------------------------------------

bool backup_target_put(const struct backup_target *target, const char *from, const char *name,
		       const struct job *job, struct error *err)
{
	OWNED(text) char *path = path_of(target, name);
	int status = 0;
	return target->rclone ? rclone_copy(from, path, job, &status, err)
			      : put_in_folder(from, path, job, err);
}

bool backup_target_get(const struct backup_target *target, const char *name, const char *to,
		       const struct job *job, struct error *err)
{
	OWNED(text) char *path = path_of(target, name);
	return target->rclone ? rclone_get(path, to, job, err) : get_from_folder(path, to, job, err);
}

bool backup_target_remove(const struct backup_target *target, const char *name, const struct job *job,
			  struct error *err)
{
	OWNED(text) char *path = path_of(target, name);
	return target->rclone ? rclone_remove(path, job, err) : remove_from_folder(target, path, err);
}
