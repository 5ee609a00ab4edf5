/// upload: files that clients send, and what becomes of them: SQL dumps that wait for the database they are for, SQLite
/// files that become a database's content, whole or in chunks.
///
/// Files:   in fleet_upload_folder, all 0600. Their names hold hashes of what clients show to use them, never the secrets.
///            part-RANDOM                  being received; of no use after a restart, and removed then
///            dump-ORGANIZATION-HASH       a dump; removed when it is an hour old
///            chunks-DATABASE/…            an upload in chunks; goes with its database, or when nothing came for a day
/// Crash:   what was received half is removed at the next start; uploads in chunks go on. A draft whose content was taken
///          over is finished by the next start (uploads_resume).
/// Threads: any; all of it blocks and belongs on workers.
#ifndef ATOLL_PLATFORM_UPLOAD_H
#define ATOLL_PLATFORM_UPLOAD_H

#include "base/crypt.h"
#include "platform/database.h"

// -- a file being received ------------------------------------------------------------------------------

/// Has a name in the upload folder, and is removed by its cleanup, unless it was handed on. struct upload_file f = {.fd = -1}
struct upload_file {
	int fd;
	char *path;
	uint64_t size;
};
void upload_file_cleanup(struct upload_file *file); // for OWNED

MUST_USE bool platform_begin_upload(struct platform *platform, struct upload_file *out, struct error *err);
/// Fails: ERR_BODY_TOO_LARGE (limit upload-size-max), ERR_FULL, ERR_IO
MUST_USE bool platform_add_to_upload(struct platform *platform, struct upload_file *file, const void *bytes,
				     size_t size, struct error *err);

// -- dumps --------------------------------------------------------------------------------------------

/// Keeps a file for an hour; whoever knows the secret may make databases of the organization from it.
MUST_USE bool platform_keep_dump(struct platform *platform, const struct organization *organization,
				 struct upload_file *file, char out_secret[CRYPT_SECRET_TEXT_BYTES],
				 struct error *err);

/// The dump that `url` names, as a file of the caller's own: one that was kept here for the same organization (an URL whose
/// path ends in "/databases/dumps/SECRET", on whatever host), or what is fetched by HTTP.
/// Fails: ERR_BAD_REQUEST  unknown or expired; not to be fetched, not allowed, too large
MUST_USE bool platform_take_dump(struct platform *platform, const struct organization *organization,
				 const char *url, struct upload_file *out, struct error *err);

// -- content of a database ------------------------------------------------------------------------------

/// The file becomes the content of a database that has no instance yet.
/// Fails: ERR_BAD_REQUEST     no SQLite file, or one that cannot be served
///        ERR_ALREADY_EXISTS  the database has instances
///        ERR_UNAVAILABLE     another upload of it is being received or taken over; clients try 503 again
///        ERR_DATABASE_NOT_FOUND
MUST_USE bool platform_seed_database(struct platform *platform, const struct caller *caller,
				     const struct database *database, struct upload_file *file,
				     struct error *err);
/// Whether that can be, so that nothing is received in vain.
MUST_USE bool platform_check_seed(struct platform *platform, const struct database *database,
				  struct error *err);

/// What follows is asked for with a token of the database, so it knows no caller; `database` is a UUID.
///
/// The file becomes the content of a draft, which is a draft no longer: a group's instances are made.
/// Fails: ERR_ALREADY_EXISTS "… is not waiting for an upload", and as above
MUST_USE bool platform_fill_draft(struct platform *platform, const char *database, struct upload_file *file,
				  struct error *err);
/// Whether it is one, so that nothing is received in vain. Fails: as above
MUST_USE bool platform_check_draft(struct platform *platform, const char *database, struct error *err);

enum { UPLOAD_CHUNK_BYTES = 16 * 1024 * 1024 };

/// Begins an upload in chunks; another one of the same database is given up.
struct chunked_upload {
	char id[CRYPT_SECRET_TEXT_BYTES];
	uint64_t chunk_bytes;
};
/// Fails: ERR_BAD_REQUEST, ERR_BODY_TOO_LARGE, ERR_ALREADY_EXISTS (no draft)
MUST_USE bool platform_start_chunks(struct platform *platform, const char *database, uint64_t size,
				    struct chunked_upload *out, struct error *err);

/// One chunk, begun, filled in order, ended; it counts once it was ended, and may be sent again.
struct upload_chunk {
	int fd; // -1: none
	int marks_fd;
	uint64_t number;
	uint64_t at;
	uint64_t left; // bytes still to come
	struct platform *platform;
	char database[CRYPT_UUID_TEXT_BYTES];
};
void upload_chunk_cleanup(struct upload_chunk *chunk); // for OWNED
/// Fails: ERR_INVALID_FIELD (number), ERR_UPLOAD_NOT_FOUND, ERR_UNAVAILABLE
MUST_USE bool platform_begin_chunk(struct platform *platform, const char *database, const char *id,
				   uint64_t number, struct upload_chunk *out, struct error *err);
/// Fails: ERR_BAD_REQUEST more than the chunk's size
MUST_USE bool platform_add_to_chunk(struct upload_chunk *chunk, const void *bytes, size_t size,
				    struct error *err);
/// Fails: ERR_BAD_REQUEST less than the chunk's size
MUST_USE bool platform_end_chunk(struct upload_chunk *chunk, struct error *err);

/// All chunks are there: as platform_fill_draft.
/// Fails: ERR_BAD_REQUEST "chunk N is missing", ERR_UPLOAD_NOT_FOUND, and as there
MUST_USE bool platform_finish_chunks(struct platform *platform, const char *database, const char *id,
				     struct error *err);

// -- content that goes out ------------------------------------------------------------------------------

/// The present content as one SQLite file; *out_fd is the caller's to close. Counted as synced.
/// Fails: ERR_NOT_READY  there is none yet, or its primary cannot serve
MUST_USE bool platform_export_database(struct platform *platform, const struct database *database,
				       int *out_fd, uint64_t *out_size, struct error *err);

#endif
