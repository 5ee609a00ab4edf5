/// import: a database file that the engine can serve, made of what a stranger brought. All of it is untrusted: nothing of
/// it runs but under the policy of clients, and what cannot be served is refused whole.
///
/// Blocks for long; memory is bounded whatever the sizes. After a failure the file and its companions are the
/// caller's to remove. Not durable yet: the caller syncs.
#ifndef ATOLL_ENGINE_IMPORT_H
#define ATOLL_ENGINE_IMPORT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/job.h"
#include "engine/limits.h"

enum {
	IMPORT_STATEMENT_BYTES_MIN = 16 * 1024 * 1024, // text of a dump's statement: see import_dump.c
	IMPORT_STATEMENT_MS_MAX = 10 * 60 * 1000,      // run of a dump's statement
};

struct engine_import {
	const char *path; // of the file being made
	const struct engine_limits *limits;
	const struct job *job;
};

/// The file at `path` is a stranger's SQLite file: it is checked, and rewritten where its form is not the engine's.
/// Fails: ERR_BAD_REQUEST  no SQLite file, damaged, or of a form that cannot be served
///        ERR_SHUTDOWN, ERR_FULL, ERR_IO
MUST_USE bool engine_import_file(const struct engine_import *import, struct error *err);

/// Makes the file at `path` from the SQL text in `sql_path`, run as one transaction.
/// Fails: ERR_BAD_REQUEST  "line N: …"
///        ERR_SHUTDOWN, ERR_FULL, ERR_IO
MUST_USE bool engine_import_dump(const struct engine_import *import, const char *sql_path, struct error *err);

/// Checks that a file of our own making is whole (quick_check). Fails: ERR_CORRUPT, ERR_SHUTDOWN.
MUST_USE bool engine_check_file(const char *path, const struct job *job, struct error *err);
/// The same with every index compared with its table (integrity_check).
MUST_USE bool engine_check_whole(const char *path, const struct job *job, struct error *err);

#endif
