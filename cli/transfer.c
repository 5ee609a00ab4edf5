#include "cli/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/disk.h"
#include "cli/json_copy.h"
#include "cli/progress.h"
#include "cli/spinner.h"

enum {
	HEADER_BYTES = 100,
	STALL_MS = 2 * 60 * 1000,
	CHECK_MS = 60 * 60 * 1000, // the server reads all of a large file
	CALL_MS = 90 * 1000,
	TRIES_MAX = 15,
	PAUSE_MS_FIRST = 500,
	PAUSE_MS_MAX = 30 * 1000,
};
static const uint64_t chunk_bytes_max = 1UL << 30;

void transfer_file_cleanup(struct transfer_file *file)
{
	fd_cleanup(&file->fd);
}

// A stopped or lost connection and a server that is busy pass; a refusal does not.
static bool is_passing(const struct client *client, const struct error *err)
{
	int status = client->status;
	return err->code == ERR_UNAVAILABLE || err->code == ERR_TIMEOUT || status == 408 || status == 429 ||
	       status >= 500;
}

static bool open_file(const char *path, struct transfer_file *out, struct error *err)
{
	const char *slash = strrchr(path, '/');
	struct transfer_file file = {.fd = open(path, O_RDONLY | O_CLOEXEC),
				     .name = slash ? slash + 1 : path};
	struct stat status;
	if (file.fd < 0 || fstat(file.fd, &status) != 0) {
		error_set(err, ERR_BAD_REQUEST, "cannot read %s: %s", path, strerror(errno));
		transfer_file_cleanup(&file);
		return false;
	}
	if (!S_ISREG(status.st_mode)) {
		transfer_file_cleanup(&file);
		return error_set(err, ERR_BAD_REQUEST, "%s is no regular file", path);
	}
	file.size = (uint64_t)status.st_size;
	*out = file;
	return true;
}

static bool has_magic(int fd)
{
	char header[HEADER_BYTES] = {0};
	return pread(fd, header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
	       memcmp(header, "SQLite format 3", 16) == 0;
}

static bool has_wal(const char *path)
{
	char wal[4096];
	struct stat status;
	int size = snprintf(wal, sizeof(wal), "%s-wal", path);
	return size > 0 && (size_t)size < sizeof(wal) && stat(wal, &status) == 0 && status.st_size > 0;
}

bool transfer_open_database(const char *path, struct transfer_file *out, struct error *err)
{
	struct transfer_file file;
	if (!open_file(path, &file, err))
		return false;
	if (!has_magic(file.fd)) {
		transfer_file_cleanup(&file);
		error_set(err, ERR_BAD_REQUEST, "%s is no SQLite database", path);
		return error_detail(err, "for a text with SQL there is --from-dump");
	}
	if (has_wal(path)) {
		transfer_file_cleanup(&file);
		error_set(err, ERR_BAD_REQUEST, "%s-wal holds changes that are not in %s yet", path, path);
		return error_detail(err,
				    "close the programs that use it, or: sqlite3 %s 'PRAGMA "
				    "wal_checkpoint(TRUNCATE)'",
				    path);
	}
	*out = file;
	return true;
}

bool transfer_open_dump(const char *path, struct transfer_file *out, struct error *err)
{
	struct transfer_file file;
	if (!open_file(path, &file, err))
		return false;
	unsigned char start[4] = {0};
	ssize_t got = pread(file.fd, start, sizeof(start), 0);
	bool compressed = got >= 2 && ((start[0] == 0x1F && start[1] == 0x8B) ||
				       (got >= 4 && memcmp(start, "\x28\xB5\x2F\xFD", 4) == 0));
	if (has_magic(file.fd)) {
		error_set(err, ERR_BAD_REQUEST, "%s is a SQLite database and no text with SQL", path);
		error_detail(err, "for a database there is --from-file");
	} else if (compressed) {
		error_set(err, ERR_BAD_REQUEST, "%s is compressed: unpack it first", path);
	} else if (file.size == 0) {
		error_set(err, ERR_BAD_REQUEST, "%s is empty", path);
	} else {
		*out = file;
		return true;
	}
	transfer_file_cleanup(&file);
	return false;
}

// What is shown while one piece travels.
struct show {
	struct progress progress;
	const struct http_upload *upload;
	const struct http_download *download;
};

static void on_tick(void *context)
{
	struct show *show = context;
	if (show->upload)
		progress_set(&show->progress, show->upload->offset + show->upload->sent,
			     clock_monotonic_ms());
	if (show->download && show->download->received > 0) {
		show->progress.total = show->download->total;
		progress_set(&show->progress, show->download->received, clock_monotonic_ms());
	}
}

static void on_spin(void *context)
{
	spinner_tick(context);
}

// One exchange whose answer may be long in coming.
static bool send_with_spinner(struct client *client, const struct http_request *request, const char *what,
			      struct json **out, struct error *err)
{
	OWNED(spinner) struct spinner spinner;
	spinner_start(&spinner, what);
	http_on_tick(client->http, on_spin, &spinner);
	bool ok = client_send(client, request, out, err);
	http_on_tick(client->http, NULL, NULL);
	return ok;
}

// Sends until it arrives, or until there is no hope. `show` may be NULL.
static bool send_surely(struct client *client, struct http_request *request, struct show *show,
			struct json **out, struct error *err)
{
	int64_t pause_ms = PAUSE_MS_FIRST;
	for (int tries = 1;; tries++) {
		if (client_send(client, request, out, err))
			return true;
		// What was sent of it counts no more.
		if (request->upload)
			request->upload->sent = 0;
		if (tries == TRIES_MAX || !is_passing(client, err))
			return false;
		struct error stopped;
		if (show)
			show->progress.note = "not answered, trying again";
		bool go_on = http_pause(client->http, pause_ms, &stopped);
		if (show)
			show->progress.note = NULL;
		if (!go_on) {
			*err = stopped;
			return false;
		}
		pause_ms = pause_ms * 2 < PAUSE_MS_MAX ? pause_ms * 2 : PAUSE_MS_MAX;
	}
}

static bool start_upload(struct client *client, const char *base, const char *token, uint64_t size,
			 const char **out_id, uint64_t *out_chunk, struct error *err)
{
	const char *body = arena_printf(client->arena, "{\"db_size_bytes\":%" PRIu64 "}", size);
	struct http_request request = {
		.method = "PUT",
		.url = arena_printf(client->arena, "%sv2/upload/start", base),
		.bearer = token,
		.body = body,
		.body_size = strlen(body),
		.timeout_ms = CALL_MS,
	};
	OWNED(json_root) struct json *root = NULL;
	if (!send_surely(client, &request, NULL, &root, err))
		return false;
	int64_t chunk = json_read_integer(json_read_get(root, "chunk_size"));
	const char *id = json_text_at(root, "upload_id");
	if (chunk <= 0 || (uint64_t)chunk > chunk_bytes_max || !*id)
		return error_set(err, ERR_BAD_REQUEST, "the server does not say how it wants the file");
	*out_id = arena_text(client->arena, id);
	*out_chunk = (uint64_t)chunk;
	return true;
}

static bool send_chunks(struct client *client, const char *place, const char *token,
			const struct transfer_file *file, uint64_t chunk, struct error *err)
{
	struct http_upload upload = {.fd = file->fd};
	struct show show = {.upload = &upload};
	progress_start(&show.progress, arena_printf(client->arena, "Uploading %s", file->name),
		       (int64_t)file->size, clock_monotonic_ms());
	http_on_tick(client->http, on_tick, &show);
	bool ok = true;
	for (uint64_t number = 0; ok && number * chunk < file->size; number++) {
		uint64_t left = file->size - number * chunk;
		upload.offset = number * chunk;
		upload.size = left < chunk ? left : chunk;
		OWNED(arena) struct arena arena = {0};
		struct http_request request = {
			.method = "PUT",
			.url = arena_printf(&arena, "%s/chunk/%" PRIu64, place, number),
			.bearer = token,
			.upload = &upload,
			.stall_ms = STALL_MS,
		};
		OWNED(json_root) struct json *root = NULL;
		ok = send_surely(client, &request, &show, &root, err);
		if (ok)
			on_tick(&show);
	}
	http_on_tick(client->http, NULL, NULL);
	progress_stop(&show.progress, ok);
	return ok;
}

bool transfer_upload_database(struct client *client, const char *base, const char *token,
			      const struct transfer_file *file, struct error *err)
{
	const char *id = NULL;
	uint64_t chunk = 0;
	if (!start_upload(client, base, token, file->size, &id, &chunk, err))
		return false;
	const char *place =
		arena_printf(client->arena, "%sv2/upload/%s", base, address_segment(client->arena, id));
	if (!send_chunks(client, place, token, file, chunk, err))
		return error_context(err, "upload of %s", file->name);
	struct http_request request = {
		.method = "PUT",
		.url = arena_printf(client->arena, "%s/finalize", place),
		.bearer = token,
		.body = "{}",
		.body_size = 2,
		.timeout_ms = CHECK_MS,
	};
	OWNED(json_root) struct json *root = NULL;
	return send_with_spinner(client, &request, arena_printf(client->arena, "Checking %s", file->name),
				 &root, err) ||
	       error_context(err, "%s", file->name);
}

bool transfer_upload_dump(struct client *client, const struct transfer_file *file, const char **out_url,
			  struct error *err)
{
	const char *path = NULL;
	if (!client_org_path(client, &path, err, "databases", "dumps", NULL))
		return false;
	struct http_upload upload = {.fd = file->fd, .size = file->size, .form_name = file->name};
	struct http_request request = {
		.method = "POST", .url = path, .upload = &upload, .stall_ms = STALL_MS};
	struct show show = {.upload = &upload};
	progress_start(&show.progress, arena_printf(client->arena, "Uploading %s", file->name),
		       (int64_t)file->size, clock_monotonic_ms());
	http_on_tick(client->http, on_tick, &show);
	OWNED(json_root) struct json *root = NULL;
	bool ok = client_send(client, &request, &root, err);
	if (ok)
		on_tick(&show);
	http_on_tick(client->http, NULL, NULL);
	progress_stop(&show.progress, ok);
	if (!ok)
		return error_context(err, "upload of %s", file->name);
	*out_url = arena_text(client->arena, json_text_at(root, "dump_url"));
	return true;
}

static bool receive(struct client *client, const char *path, const char *what, struct http_download *download,
		    struct error *err)
{
	struct show show = {.download = download};
	struct http_request request = {
		.method = "GET", .url = path, .download = download, .timeout_ms = CHECK_MS};
	progress_start(&show.progress, what, -1, clock_monotonic_ms());
	http_on_tick(client->http, on_tick, &show);
	OWNED(json_root) struct json *root = NULL;
	bool ok = client_send(client, &request, &root, err);
	if (ok)
		on_tick(&show);
	http_on_tick(client->http, NULL, NULL);
	progress_stop(&show.progress, ok);
	return ok;
}

static bool download_into(struct client *client, const char *path, const char *what, const char *part,
			  uint64_t *out_size, struct error *err)
{
	OWNED(fd) int fd = -1;
	if (!disk_open(part, O_WRONLY | O_CREAT | O_EXCL, &fd, err))
		return error_context(err, "%s", part);
	struct http_download download = {.fd = fd, .total = -1};
	if (!receive(client, path, what, &download, err) || !disk_sync(fd, err))
		return false;
	*out_size = download.received;
	return true;
}

// A link refuses to replace what came into being meanwhile.
static bool put_in_place(const char *part, const char *target, bool overwrite, struct error *err)
{
	if (overwrite ? rename(part, target) == 0 : link(part, target) == 0)
		return true;
	return error_set(err, errno == EEXIST ? ERR_EXISTS : ERR_IO, "cannot write %s: %s", target,
			 strerror(errno));
}

bool transfer_download(struct client *client, const char *path, const char *what, const char *target,
		       bool overwrite, uint64_t *out_size, struct error *err)
{
	if (!overwrite && disk_exists(target))
		return error_set(err, ERR_EXISTS, "%s exists already", target);
	const char *part = arena_printf(client->arena, "%s.part-%d", target, (int)getpid());
	bool ok = download_into(client, path, what, part, out_size, err) &&
		  put_in_place(part, target, overwrite, err);
	unlink(part); // gone already if it was renamed
	return ok;
}
