#include "fleet/backup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/clock.h"
#include "base/disk.h"
#include "engine/import.h"
#include "engine/snapshot.h"
#include "fleet/internal.h"

enum {
	PIECE_BYTES = 256 * 1024,
	GZIP_WINDOW = 15 + 16, // zlib.h: with a gzip header
	GZIP_MEMORY = 8,
	PACK_LEVEL = 3, // pages pack well; more takes twice the time for a tenth of the size
};

_Static_assert((int)BACKUP_PAGE_BYTES == (int)LOG_PAGE_BYTES, "pages are those of the history");

struct pieces {
	unsigned char from[PIECE_BYTES];
	unsigned char to[PIECE_BYTES];
};

static void pieces_cleanup(struct pieces **pieces)
{
	free(*pieces);
}

static struct pieces *pieces_make(void)
{
	struct pieces *pieces = malloc(sizeof(*pieces));
	ASSERT(pieces != NULL);
	return pieces;
}

static void finish_hash(struct crypt_sha256 *hash, char text[BACKUP_SHA256_TEXT_BYTES])
{
	uint8_t bytes[CRYPT_SHA256_BYTES];
	crypt_sha256_end(hash, bytes);
	crypt_hex_encode(bytes, sizeof(bytes), text);
}

static void tell(const struct backup_progress *progress, uint64_t done, uint64_t all)
{
	if (progress)
		progress->tell(progress->context, done, all);
}

// -- packing ------------------------------------------------------------------------------------------

struct packer {
	z_stream stream;
	struct pieces *pieces;
	struct crypt_sha256 hash;
	int fd;
	uint64_t written;
};

// Everything that the stream gives for what it has been given.
static bool drain(struct packer *packer, int flush, struct error *err)
{
	do {
		packer->stream.next_out = packer->pieces->to;
		packer->stream.avail_out = PIECE_BYTES;
		int rc = deflate(&packer->stream, flush);
		ASSERT(rc != Z_STREAM_ERROR);
		size_t size = PIECE_BYTES - packer->stream.avail_out;
		if (size > 0 && !disk_write_at(packer->fd, packer->pieces->to, size, packer->written, err))
			return false;
		packer->written += size;
	} while (packer->stream.avail_out == 0);
	return true;
}

static bool pack_pages(struct packer *packer, struct engine_snapshot *snapshot, const struct job *job,
		       const struct backup_progress *progress, struct error *err)
{
	uint64_t all = (uint64_t)engine_snapshot_page_count(snapshot) * LOG_PAGE_BYTES;
	uint64_t done = 0;
	size_t filled = 0;
	const char *page;
	uint32_t page_no;
	do {
		if (!engine_snapshot_next(snapshot, &page_no, &page, err))
			return false;
		if (page) {
			ASSERT(page_no == (done + filled) / LOG_PAGE_BYTES + 1);
			memcpy(packer->pieces->from + filled, page, LOG_PAGE_BYTES);
			filled += LOG_PAGE_BYTES;
		}
		if (filled < PIECE_BYTES && page)
			continue;
		crypt_sha256_add(&packer->hash, packer->pieces->from, filled);
		packer->stream.next_in = packer->pieces->from;
		packer->stream.avail_in = (uInt)filled;
		done += filled;
		filled = 0;
		tell(progress, done, all);
		if (!job_goes_on(job, err) || !drain(packer, page ? Z_NO_FLUSH : Z_FINISH, err))
			return false;
	} while (page);
	return true;
}

static bool pack(struct engine_snapshot *snapshot, int fd, const struct job *job,
		 const struct backup_progress *progress, struct backup_facts *facts, struct error *err)
{
	__attribute__((cleanup(pieces_cleanup))) struct pieces *pieces = pieces_make();
	struct packer packer = {.pieces = pieces, .fd = fd};
	crypt_sha256_begin(&packer.hash);
	if (deflateInit2(&packer.stream, PACK_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return error_set(err, ERR_MEMORY, "out of memory");
	bool ok = pack_pages(&packer, snapshot, job, progress, err);
	deflateEnd(&packer.stream);
	finish_hash(&packer.hash, facts->sha256);
	facts->stored_bytes = packer.written;
	return ok;
}

static void note_position(const struct engine_snapshot *snapshot, int64_t at_ms, struct backup_facts *facts)
{
	snprintf(facts->log_id, sizeof(facts->log_id), "%s", engine_snapshot_log_id(snapshot));
	facts->frame_no = engine_snapshot_frame_no(snapshot);
	facts->page_count = engine_snapshot_page_count(snapshot);
	facts->content_bytes = (uint64_t)facts->page_count * LOG_PAGE_BYTES;
	facts->at_ms = at_ms;
}

static bool make(struct engine_database *primary, const char *path, const struct job *job,
		 const struct backup_progress *progress, struct backup_facts *out, struct error *err)
{
	OWNED(fd) int fd = -1;
	struct engine_snapshot *snapshot;
	struct backup_facts facts = {0};
	int64_t at_ms = clock_wall_ms();
	if (!disk_open(path, O_RDWR | O_CREAT | O_EXCL, &fd, err) ||
	    !engine_snapshot_begin(primary, &snapshot, err))
		return false;
	note_position(snapshot, at_ms, &facts);
	bool ok = pack(snapshot, fd, job, progress, &facts, err);
	engine_snapshot_end(snapshot);
	if (!ok || !disk_sync(fd, err))
		return false;
	*out = facts;
	return true;
}

bool fleet_backup_make(struct fleet *fleet, const char *database, const char *path, const struct job *job,
		       const struct backup_progress *progress, struct backup_facts *out, struct error *err)
{
	OWNED(fleet_instance) struct fleet_instance *any = NULL;
	OWNED(fleet_instance) struct fleet_instance *primary = NULL;
	if (strcmp(database, BACKUP_OF_PLATFORM) == 0)
		return make(fleet->platform, path, job, progress, out, err);
	if (!fleet_acquire(fleet, database, NULL, &any, err))
		return false;
	primary = instance_hold_primary(any);
	if (!primary)
		return error_set(err, ERR_NOT_READY,
				 "the primary instance of this database cannot serve yet");
	return make(primary->engine, path, job, progress, out, err);
}

// -- unpacking ----------------------------------------------------------------------------------------

static bool is_damaged(struct error *err, const char *how)
{
	return error_set(err, ERR_CORRUPT, "the backup is damaged: %s", how);
}

struct unpacker {
	z_stream stream;
	struct pieces *pieces;
	struct crypt_sha256 hash;
	int from;
	int to;
	uint64_t size; // packed
	uint64_t read;
	uint64_t written;
	bool starved; // it has given all that it could of what it was given
	bool ended;
};

static bool read_piece(struct unpacker *unpacker, struct error *err)
{
	uint64_t left = unpacker->size - unpacker->read;
	size_t size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
	if (size == 0)
		return is_damaged(err, "it ends early");
	if (!disk_read_at(unpacker->from, unpacker->pieces->from, size, unpacker->read, err))
		return false;
	unpacker->read += size;
	unpacker->stream.next_in = unpacker->pieces->from;
	unpacker->stream.avail_in = (uInt)size;
	return true;
}

// More than was promised is not written: a few bytes may unpack to a whole disk.
static bool write_piece(struct unpacker *unpacker, uint64_t size_max, struct error *err)
{
	size_t size = PIECE_BYTES - unpacker->stream.avail_out;
	if (size > size_max - unpacker->written)
		return is_damaged(err, "it holds more than it should");
	if (size > 0 && !disk_write_at(unpacker->to, unpacker->pieces->to, size, unpacker->written, err))
		return false;
	crypt_sha256_add(&unpacker->hash, unpacker->pieces->to, size);
	unpacker->written += size;
	return true;
}

static bool unpack_all(struct unpacker *unpacker, const struct backup_facts *expected, const struct job *job,
		       const struct backup_progress *progress, struct error *err)
{
	while (!unpacker->ended) {
		if (!job_goes_on(job, err) ||
		    (unpacker->starved && unpacker->stream.avail_in == 0 && !read_piece(unpacker, err)))
			return false;
		unpacker->stream.next_out = unpacker->pieces->to;
		unpacker->stream.avail_out = PIECE_BYTES;
		int rc = inflate(&unpacker->stream, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			return is_damaged(err, "it cannot be unpacked");
		unpacker->ended = rc == Z_STREAM_END;
		unpacker->starved = unpacker->stream.avail_out > 0;
		if (!write_piece(unpacker, expected->content_bytes, err))
			return false;
		tell(progress, unpacker->written, expected->content_bytes);
	}
	return unpacker->stream.avail_in == 0 && unpacker->read == unpacker->size
		       ? true
		       : is_damaged(err, "something follows its end");
}

static bool is_as_expected(struct unpacker *unpacker, const struct backup_facts *expected, struct error *err)
{
	char sha256[BACKUP_SHA256_TEXT_BYTES];
	finish_hash(&unpacker->hash, sha256);
	if (unpacker->written != expected->content_bytes ||
	    expected->content_bytes != (uint64_t)expected->page_count * LOG_PAGE_BYTES)
		return is_damaged(err, "its size is another one");
	return strcmp(sha256, expected->sha256) == 0 || is_damaged(err, "its content is another one");
}

bool fleet_backup_unpack(const char *packed, const char *path, const struct backup_facts *expected,
			 const struct job *job, const struct backup_progress *progress, struct error *err)
{
	__attribute__((cleanup(pieces_cleanup))) struct pieces *pieces = pieces_make();
	OWNED(fd) int from = -1;
	OWNED(fd) int to = -1;
	struct unpacker unpacker = {.pieces = pieces, .starved = true};
	if (!disk_open(packed, O_RDONLY, &from, err) || !disk_size(from, &unpacker.size, err) ||
	    !disk_open(path, O_RDWR | O_CREAT | O_EXCL, &to, err))
		return false;
	unpacker.from = from;
	unpacker.to = to;
	crypt_sha256_begin(&unpacker.hash);
	if (inflateInit2(&unpacker.stream, GZIP_WINDOW) != Z_OK)
		return error_set(err, ERR_MEMORY, "out of memory");
	bool ok = unpack_all(&unpacker, expected, job, progress, err);
	inflateEnd(&unpacker.stream);
	return ok && is_as_expected(&unpacker, expected, err);
}

bool fleet_backup_check(const char *path, const struct job *job, struct error *err)
{
	return engine_check_whole(path, job, err);
}
