#include "platform/upload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/trace.h"
#include "platform/upload_internal.h"

enum { DUMP_KEPT_MS = 60 * 60 * 1000, SWEEP_INTERVAL_MS = 10 * 60 * 1000 };

static const char part_prefix[] = "part-";
static const char dump_prefix[] = "dump-";

char *upload_path(const struct platform *platform, const char *prefix, const char *name)
{
	OWNED(buffer) struct buffer path = {0};
	buffer_printf(&path, "%s/%s%s", fleet_upload_folder(platform->fleet), prefix, name);
	return buffer_take(&path, NULL);
}

char *upload_new_path(const struct platform *platform)
{
	char random[2 * 16 + 1];
	crypt_random_hex(16, random);
	return upload_path(platform, part_prefix, random);
}

// -- a file being received ------------------------------------------------------------------------------

void upload_file_cleanup(struct upload_file *file)
{
	fd_cleanup(&file->fd);
	if (file->path)
		unlink(file->path);
	text_cleanup(&file->path);
}

void upload_file_handed_on(struct upload_file *file)
{
	fd_cleanup(&file->fd);
	text_cleanup(&file->path);
}

static void move(struct upload_file *from, struct upload_file *out)
{
	*out = *from;
	*from = (struct upload_file){.fd = -1, .path = NULL};
}

bool platform_begin_upload(struct platform *platform, struct upload_file *out, struct error *err)
{
	OWNED(text) char *path = upload_new_path(platform);
	int fd;
	if (!disk_open(path, O_RDWR | O_CREAT | O_EXCL, &fd, err))
		return false;
	*out = (struct upload_file){.fd = fd, .path = TAKE(path)};
	return true;
}

bool upload_too_large(const struct platform *platform, struct error *err)
{
	return error_set(err, ERR_BODY_TOO_LARGE,
			 "the file is larger than %llu bytes (limit upload-size-max)",
			 (unsigned long long)platform->uploads->bytes_max);
}

bool platform_add_to_upload(struct platform *platform, struct upload_file *file, const void *bytes,
			    size_t size, struct error *err)
{
	if (size > platform->uploads->bytes_max - file->size)
		return upload_too_large(platform, err);
	if (!disk_write_at(file->fd, bytes, size, file->size, err))
		return false;
	file->size += size;
	return true;
}

// -- dumps --------------------------------------------------------------------------------------------

static char *dump_path(const struct platform *platform, const struct organization *organization,
		       const char *secret)
{
	uint8_t hash[CRYPT_HASH_BYTES];
	char hex[2 * CRYPT_HASH_BYTES + 1];
	OWNED(buffer) struct buffer name = {0};
	crypt_hash(secret, strlen(secret), hash);
	crypt_hex_encode(hash, sizeof(hash), hex);
	buffer_printf(&name, "%s-%s", organization->uuid, hex);
	return upload_path(platform, dump_prefix, buffer_text(&name));
}

bool platform_keep_dump(struct platform *platform, const struct organization *organization,
			struct upload_file *file, char out_secret[CRYPT_SECRET_TEXT_BYTES], struct error *err)
{
	char secret[CRYPT_SECRET_TEXT_BYTES];
	crypt_secret(secret);
	OWNED(text) char *path = dump_path(platform, organization, secret);
	// Its hour begins when it is there; the last byte may have come long after the first.
	if (futimens(file->fd, NULL) != 0 || rename(file->path, path) != 0)
		return error_errno(err, errno, path, "cannot keep the dump");
	upload_file_handed_on(file);
	memcpy(out_secret, secret, sizeof(secret));
	return true;
}

static bool is_expired(const char *path, int64_t kept_ms)
{
	struct stat status;
	return stat(path, &status) != 0 || (int64_t)status.st_mtime * 1000 < clock_wall_ms() - kept_ms;
}

// The secret of an URL that was given out here, by whatever host name this server is known. False for other URLs.
static bool secret_of(const char *url, char secret[CRYPT_SECRET_TEXT_BYTES])
{
	static const char folder[] = "/databases/dumps/";
	const char *slash = strrchr(url, '/');
	size_t prefix = sizeof(folder) - 1;
	if (!slash || (size_t)(slash + 1 - url) < prefix ||
	    strlen(slash + 1) != CRYPT_SECRET_TEXT_BYTES - 1 ||
	    memcmp(slash + 1 - prefix, folder, prefix) != 0)
		return false;
	memcpy(secret, slash + 1, CRYPT_SECRET_TEXT_BYTES);
	return true;
}

// By a name of its own, so that it stays whole however long it is read.
static bool take_kept(struct platform *platform, const struct organization *organization, const char *secret,
		      struct upload_file *out, struct error *err)
{
	OWNED(text) char *path = dump_path(platform, organization, secret);
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	OWNED(text) char *own = upload_new_path(platform);
	if (is_expired(path, DUMP_KEPT_MS) || link(path, own) != 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "the dump is not known here or has expired; upload it again");
	file.path = TAKE(own);
	if (!disk_open(file.path, O_RDONLY, &file.fd, err) || !disk_size(file.fd, &file.size, err))
		return false;
	move(&file, out);
	return true;
}

static bool fetch(struct platform *platform, const char *url, struct upload_file *out, struct error *err)
{
	const struct platform_fetcher *fetcher = &platform->uploads->fetcher;
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	if (!fetcher->fetch)
		return error_set(err, ERR_BAD_REQUEST,
				 "dumps are not fetched by this server; upload it here");
	if (!platform_begin_upload(platform, &file, err) ||
	    !fetcher->fetch(fetcher->context, url, file.fd, platform->uploads->bytes_max, &file.size, err))
		return false;
	move(&file, out);
	return true;
}

bool platform_take_dump(struct platform *platform, const struct organization *organization, const char *url,
			struct upload_file *out, struct error *err)
{
	char secret[CRYPT_SECRET_TEXT_BYTES];
	if (secret_of(url, secret))
		return take_kept(platform, organization, secret, out, err);
	return fetch(platform, url, out, err);
}

// -- sweeping -----------------------------------------------------------------------------------------

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool is_over(struct platform *platform, const char *name, const char *path, bool at_start)
{
	if (starts_with(name, part_prefix))
		return at_start;
	if (starts_with(name, dump_prefix))
		return is_expired(path, DUMP_KEPT_MS);
	return starts_with(name, chunks_prefix) &&
	       chunks_are_over(platform, name + strlen(chunks_prefix), path);
}

static void sweep(struct platform *platform, bool at_start)
{
	DIR *list = opendir(fleet_upload_folder(platform->fleet));
	struct dirent *entry;
	while (list && (entry = readdir(list))) {
		struct error failure;
		OWNED(text) char *path = upload_path(platform, "", entry->d_name);
		if (is_over(platform, entry->d_name, path, at_start) && !disk_remove_tree(path, &failure))
			trace_warn("upload.files_left", "file", entry->d_name, "detail", failure.detail);
	}
	if (list)
		closedir(list);
}

// Outlives the platform until its task has run for the last time.
struct upload_sweeper {
	struct task task;
	struct workers *workers;
	pthread_mutex_t mutex;
	struct platform *platform; // guarded by mutex; NULL once finished
};

static void run_sweeper(struct task *task)
{
	struct upload_sweeper *sweeper = CONTAINER_OF(task, struct upload_sweeper, task);
	pthread_mutex_lock(&sweeper->mutex);
	bool finished = sweeper->platform == NULL;
	if (!finished)
		sweep(sweeper->platform, false);
	pthread_mutex_unlock(&sweeper->mutex);
	if (!finished) {
		workers_run_at(sweeper->workers, task, clock_monotonic_ms() + SWEEP_INTERVAL_MS);
		return;
	}
	pthread_mutex_destroy(&sweeper->mutex);
	free(sweeper);
}

static struct upload_sweeper *start_sweeper(struct platform *platform, struct workers *workers)
{
	struct upload_sweeper *sweeper = calloc(1, sizeof(*sweeper));
	ASSERT(sweeper);
	sweeper->workers = workers;
	sweeper->platform = platform;
	sweeper->task.run = run_sweeper;
	pthread_mutex_init(&sweeper->mutex, NULL);
	workers_run_at(workers, &sweeper->task, clock_monotonic_ms() + SWEEP_INTERVAL_MS);
	return sweeper;
}

// -- life ---------------------------------------------------------------------------------------------

void uploads_open(struct platform *platform, const struct platform_options *options)
{
	enum { BYTES_MAX_OTHERWISE = 1 << 30 };
	struct uploads *uploads = calloc(1, sizeof(*uploads));
	ASSERT(uploads);
	uploads->workers = options->workers;
	uploads->bytes_max = options->upload_bytes_max ? options->upload_bytes_max : BYTES_MAX_OTHERWISE;
	uploads->fetcher = options->fetcher;
	pthread_mutex_init(&uploads->mutex, NULL);
	platform->uploads = uploads;
}

bool uploads_resume(struct platform *platform, struct error *err)
{
	sweep(platform, true);
	if (platform->uploads->workers)
		platform->uploads->sweeper = start_sweeper(platform, platform->uploads->workers);
	return drafts_resume(platform, err);
}

void uploads_finish(struct platform *platform)
{
	struct upload_sweeper *sweeper = TAKE(platform->uploads->sweeper);
	if (!sweeper)
		return;
	pthread_mutex_lock(&sweeper->mutex);
	sweeper->platform = NULL;
	pthread_mutex_unlock(&sweeper->mutex);
}

void uploads_close(struct platform *platform)
{
	if (!platform->uploads)
		return;
	uploads_finish(platform);
	pthread_mutex_destroy(&platform->uploads->mutex);
	free(platform->uploads);
}
