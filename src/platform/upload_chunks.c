// An upload in chunks: a folder named after its database, with
//   about  what was announced, and the hash of the id that the client shows
//   data   the file, as long as announced; chunks are written where they belong, in any order
//   marks  a byte for each chunk, 1 once it is whole and durable

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

enum {
	SQLITE_BYTES_MIN = 512, // its smallest page
	KEPT_MS = 24 * 60 * 60 * 1000,
};

const char chunks_prefix[] = "chunks-";

struct about {
	uint8_t id_hash[CRYPT_HASH_BYTES];
	uint64_t size;
	uint64_t chunk_bytes;
};

static char *path_in(const char *folder, const char *name)
{
	OWNED(buffer) struct buffer path = {0};
	buffer_printf(&path, "%s/%s", folder, name);
	return buffer_take(&path, NULL);
}

static uint64_t chunk_count(const struct about *about)
{
	ASSERT(about->chunk_bytes > 0);
	return (about->size + about->chunk_bytes - 1) / about->chunk_bytes;
}

bool chunks_are_over(struct platform *platform, const char *database, const char *path)
{
	OWNED(text) char *marks = path_in(path, "marks");
	struct stat status;
	struct error busy;
	if (!upload_claim(platform, database, true, &busy))
		return false;
	upload_unclaim(platform, database, true);
	return stat(marks, &status) != 0 || (int64_t)status.st_mtime * 1000 < clock_wall_ms() - KEPT_MS ||
	       !draft_may_be(platform, database);
}

void uploads_forget(struct platform *platform, const char *database)
{
	struct error failure;
	OWNED(text) char *folder = upload_path(platform, chunks_prefix, database);
	if (!disk_remove_tree(folder, &failure))
		trace_warn("upload.files_left", "database", database, "detail", failure.detail);
}

// -- start --------------------------------------------------------------------------------------------

static bool make_file(const char *folder, const char *name, uint64_t size, struct error *err)
{
	OWNED(text) char *path = path_in(folder, name);
	OWNED(fd) int fd = -1;
	if (!disk_open(path, O_RDWR | O_CREAT | O_EXCL, &fd, err))
		return false;
	return ftruncate(fd, (off_t)size) == 0 || error_errno(err, errno, path, "cannot make an upload");
}

static bool make_folder(const char *folder, const struct about *about, struct error *err)
{
	OWNED(text) char *path = path_in(folder, "about");
	return disk_make_folder(folder, err) && disk_write_file(path, about, sizeof(*about), err) &&
	       make_file(folder, "data", about->size, err) &&
	       make_file(folder, "marks", chunk_count(about), err);
}

// Complete before it is seen. What was there goes; chunks still written to it go with it.
static bool put_in_place(struct platform *platform, const char *database, const char *made, struct error *err)
{
	OWNED(text) char *folder = upload_path(platform, chunks_prefix, database);
	OWNED(text) char *former = upload_new_path(platform);
	struct error ignored;
	if (rename(folder, former) == 0)
		(void)!disk_remove_tree(former, &ignored);
	if (rename(made, folder) == 0)
		return true;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return error_set(err, ERR_UNAVAILABLE, "another upload of this database was just begun");
	return error_errno(err, errno, folder, "cannot begin an upload");
}

bool platform_start_chunks(struct platform *platform, const char *database, uint64_t size,
			   struct chunked_upload *out, struct error *err)
{
	OWNED(text) char *made = upload_new_path(platform);
	struct about about = {.size = size, .chunk_bytes = UPLOAD_CHUNK_BYTES};
	struct chunked_upload upload = {.chunk_bytes = UPLOAD_CHUNK_BYTES};
	if (size < SQLITE_BYTES_MIN)
		return error_set(err, ERR_BAD_REQUEST, "a SQLite file has at least %d bytes",
				 SQLITE_BYTES_MIN);
	if (size > platform->uploads->bytes_max)
		return upload_too_large(platform, err);
	if (!platform_check_draft(platform, database, err) || !upload_claim(platform, database, false, err))
		return false;
	crypt_secret(upload.id);
	crypt_hash(upload.id, strlen(upload.id), about.id_hash);
	bool done = make_folder(made, &about, err) && put_in_place(platform, database, made, err);
	upload_unclaim(platform, database, false);
	if (!done) {
		struct error ignored;
		(void)!disk_remove_tree(made, &ignored);
		return false;
	}
	*out = upload;
	return true;
}

// -- chunks -------------------------------------------------------------------------------------------

static bool unknown(struct error *err)
{
	return error_set(err, ERR_UPLOAD_NOT_FOUND,
			 "the upload is not known or was given up; start it again");
}

static bool open_upload(const char *folder, const char *id, struct about *out, struct error *err)
{
	OWNED(text) char *path = path_in(folder, "about");
	OWNED(buffer) struct buffer bytes = {0};
	uint8_t hash[CRYPT_HASH_BYTES];
	if (!disk_read_file(path, sizeof(*out), &bytes, err))
		return err->code == ERR_NOT_FOUND ? unknown(err) : false;
	if (bytes.size != sizeof(*out))
		return unknown(err);
	memcpy(out, bytes.data, sizeof(*out));
	crypt_hash(id, strlen(id), hash);
	return crypt_equal(hash, out->id_hash, sizeof(hash)) || unknown(err);
}

static bool open_file(const char *folder, const char *name, int *out_fd, struct error *err)
{
	OWNED(text) char *path = path_in(folder, name);
	if (disk_open(path, O_RDWR, out_fd, err))
		return true;
	return err->code == ERR_NOT_FOUND ? unknown(err) : false;
}

void upload_chunk_cleanup(struct upload_chunk *chunk)
{
	fd_cleanup(&chunk->fd);
	fd_cleanup(&chunk->marks_fd);
	if (chunk->platform)
		upload_unclaim(chunk->platform, chunk->database, false);
	chunk->platform = NULL;
}

static bool begin_chunk(const char *folder, const char *id, struct upload_chunk *chunk, struct error *err)
{
	static const char unmarked = 0;
	struct about about = {0};
	if (!open_upload(folder, id, &about, err))
		return false;
	if (chunk->number >= chunk_count(&about))
		return error_set(err, ERR_INVALID_FIELD, "the upload's chunks are numbered from 0 to %llu",
				 (unsigned long long)(chunk_count(&about) - 1));
	chunk->at = chunk->number * about.chunk_bytes;
	chunk->left = about.size - chunk->at < about.chunk_bytes ? about.size - chunk->at : about.chunk_bytes;
	// Sent again, it does not count until it is whole again.
	return open_file(folder, "data", &chunk->fd, err) &&
	       open_file(folder, "marks", &chunk->marks_fd, err) &&
	       disk_write_at(chunk->marks_fd, &unmarked, 1, chunk->number, err);
}

bool platform_begin_chunk(struct platform *platform, const char *database, const char *id, uint64_t number,
			  struct upload_chunk *out, struct error *err)
{
	OWNED(text) char *folder = upload_path(platform, chunks_prefix, database);
	OWNED(upload_chunk) struct upload_chunk chunk = {.fd = -1, .marks_fd = -1, .number = number};
	snprintf(chunk.database, sizeof(chunk.database), "%s", database);
	if (!upload_claim(platform, database, false, err))
		return false;
	chunk.platform = platform;
	if (!begin_chunk(folder, id, &chunk, err))
		return false;
	*out = chunk;
	chunk = (struct upload_chunk){.fd = -1, .marks_fd = -1};
	return true;
}

static bool wrong_size(const struct upload_chunk *chunk, const char *what, struct error *err)
{
	return error_set(err, ERR_BAD_REQUEST, "chunk %llu has %s bytes than the upload's chunk_size tells",
			 (unsigned long long)chunk->number, what);
}

bool platform_add_to_chunk(struct upload_chunk *chunk, const void *bytes, size_t size, struct error *err)
{
	if (size > chunk->left)
		return wrong_size(chunk, "more", err);
	if (!disk_write_at(chunk->fd, bytes, size, chunk->at, err))
		return false;
	chunk->at += size;
	chunk->left -= size;
	return true;
}

bool platform_end_chunk(struct upload_chunk *chunk, struct error *err)
{
	static const char marked = 1;
	if (chunk->left > 0)
		return wrong_size(chunk, "less", err);
	return disk_sync(chunk->fd, err) && disk_write_at(chunk->marks_fd, &marked, 1, chunk->number, err);
}

// -- end ----------------------------------------------------------------------------------------------

static bool check_marks(const char *folder, const struct about *about, struct error *err)
{
	OWNED(text) char *path = path_in(folder, "marks");
	OWNED(buffer) struct buffer marks = {0};
	uint64_t count = chunk_count(about);
	if (!disk_read_file(path, count, &marks, err))
		return false;
	for (uint64_t i = 0; i < count; i++) {
		if (i >= marks.size || marks.data[i] != 1)
			return error_set(err, ERR_BAD_REQUEST, "chunk %llu is missing",
					 (unsigned long long)i);
	}
	return true;
}

// The upload is over, however its file is found: a bad one does not get better by asking again.
static bool take_data(struct platform *platform, const char *database, const char *folder,
		      struct upload_file *out, struct error *err)
{
	OWNED(text) char *data = path_in(folder, "data");
	OWNED(text) char *path = upload_new_path(platform);
	if (rename(data, path) != 0)
		return error_errno(err, errno, data, "cannot take over an upload");
	out->path = TAKE(path);
	uploads_forget(platform, database);
	return true;
}

static bool finish(struct platform *platform, const char *database, const char *id, struct error *err)
{
	OWNED(text) char *folder = upload_path(platform, chunks_prefix, database);
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	struct about about = {0};
	return platform_check_draft(platform, database, err) && open_upload(folder, id, &about, err) &&
	       check_marks(folder, &about, err) && take_data(platform, database, folder, &file, err) &&
	       draft_fill(platform, database, &file, err);
}

bool platform_finish_chunks(struct platform *platform, const char *database, const char *id,
			    struct error *err)
{
	if (!upload_claim(platform, database, true, err))
		return false;
	bool done = finish(platform, database, id, err);
	upload_unclaim(platform, database, true);
	return done;
}
