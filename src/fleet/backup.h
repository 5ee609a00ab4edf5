/// backup: a database at one durable position of its history as one packed file, and the way back.
///
/// Form:    gzip of the SQLite file, which any program can unpack and open.
/// Threads: any; all of it blocks. Writers go on meanwhile, though the write-ahead log is not shortened. Memory is bounded
///          whatever the sizes.
#ifndef ATOLL_FLEET_BACKUP_H
#define ATOLL_FLEET_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypt.h"
#include "base/error.h"
#include "base/job.h"

struct fleet;

enum { BACKUP_FORMAT = 1, BACKUP_PAGE_BYTES = 4096, BACKUP_SHA256_TEXT_BYTES = 2 * CRYPT_SHA256_BYTES + 1 };

/// What a backup holds.
struct backup_facts {
	char log_id[CRYPT_UUID_TEXT_BYTES]; // which history, and the last frame of it
	uint64_t frame_no;
	int64_t at_ms; // wall clock: what was acknowledged before is in it
	uint32_t page_count;
	uint64_t content_bytes;
	uint64_t stored_bytes;                 // packed
	char sha256[BACKUP_SHA256_TEXT_BYTES]; // of the content
};

/// Told now and then, by the thread that works.
struct backup_progress {
	void (*tell)(void *context, uint64_t done_bytes, uint64_t all_bytes);
	void *context;
};

/// What stands for the platform's own store in the place of a database's UUID.
#define BACKUP_OF_PLATFORM "platform"

/// Packs the present content into the file `path`, which there is not yet, durably; progress may be NULL. Rules that block
/// reading do not block this.
/// Fails: ERR_NOT_READY  no primary instance can serve
///        as fleet_acquire; ERR_TRANSACTION_BUSY, ERR_FULL, ERR_IO, ERR_SHUTDOWN
MUST_USE bool fleet_backup_make(struct fleet *fleet, const char *database, const char *path,
				const struct job *job, const struct backup_progress *progress,
				struct backup_facts *out, struct error *err);

/// Unpacks the file `packed` into `path`, which there is not yet, and compares it with what it shall hold.
/// Fails: ERR_CORRUPT  it is not that; ERR_FULL, ERR_IO, ERR_SHUTDOWN
MUST_USE bool fleet_backup_unpack(const char *packed, const char *path, const struct backup_facts *expected,
				  const struct job *job, const struct backup_progress *progress,
				  struct error *err);

/// Whether SQLite finds the unpacked file whole (integrity_check). Leaves files beside it: fleet_work_end.
/// Fails: ERR_CORRUPT, ERR_SHUTDOWN, ERR_IO
MUST_USE bool fleet_backup_check(const char *path, const struct job *job, struct error *err);

#endif
