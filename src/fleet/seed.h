/// seed: the content that a database has from the start. It is made complete, checked and durable in the database's
/// folder before the platform stores the database, and becomes the first primary's file when that is created.
///
/// Files:   DATA/databases/{database}/seed.db; what is under way is DATA/uploads/seed-…, removed at start. The sweep at
///          start removes folders of databases that were never stored.
/// Threads: any; all of it blocks and belongs on workers. Memory is bounded whatever the sizes.
/// Refused: *err names what is wrong; nothing is left behind.
#ifndef ATOLL_FLEET_SEED_H
#define ATOLL_FLEET_SEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct fleet;

enum { SEED_NOW = -1 };

/// A copy of what `source` held at a moment (wall clock, ms since 1970; every transaction acknowledged before is in
/// it, none that began after), or holds now. A source without instances gives its own seed, or nothing.
/// Fails: ERR_BAD_REQUEST  the moment is before what the history still tells ("… outside the retention: the oldest
///                         moment kept is …") or in the future
///        ERR_NOT_READY    the source's primary cannot serve
MUST_USE bool fleet_seed_copy(struct fleet *fleet, const char *database, const char *source, int64_t at_ms,
			      struct error *err);

/// Takes over the SQLite file at `path` (moved; on the data folder's file system), whatever its journal mode.
/// Fails: ERR_BAD_REQUEST  no SQLite file, damaged (quick_check), or of a form that cannot be served
MUST_USE bool fleet_seed_file(struct fleet *fleet, const char *database, const char *path, struct error *err);

/// Runs the SQL text in the file `path` (as `.dump` writes it) in an empty database, as one transaction, under the
/// policy of clients.
/// Fails: ERR_BAD_REQUEST  "line N: …": the statement and SQLite's words
MUST_USE bool fleet_seed_dump(struct fleet *fleet, const char *database, const char *path, struct error *err);

bool fleet_seed_exists(struct fleet *fleet, const char *database);
/// Removes the seed and its folder, of a database that was not stored after all.
void fleet_seed_discard(struct fleet *fleet, const char *database);

/// The present content as one self-contained SQLite file that has no name any more: *out_fd is the caller's to close.
/// Its bytes are counted as synced by the primary (meter.h).
MUST_USE bool fleet_export(struct fleet *fleet, const char *database, int *out_fd, uint64_t *out_size,
			   struct error *err);

/// A folder on the data's file system for files that are being uploaded (DATA/uploads, 0700); emptied at start of
/// what is older than a day.
const char *fleet_upload_folder(const struct fleet *fleet);
/// A fresh path there (malloc'd) for a file that is of no use after a restart, and removed then.
char *fleet_work_path(const struct fleet *fleet);
/// Removes it, and what SQLite left beside it; absent is fine.
void fleet_work_end(const char *path);

#endif
