/// import_internal: what the two ways of importing share.
#ifndef ATOLL_ENGINE_IMPORT_INTERNAL_H
#define ATOLL_ENGINE_IMPORT_INTERNAL_H

#include <sqlite3.h>

#include "engine/import.h"

/// A connection to a file that nobody else has open. Its statements stop when the job is to stop.
MUST_USE bool import_open(const char *path, bool create, const struct job *job, sqlite3 **out,
			  struct error *err);

/// What SQLite says of a stranger's content: ERR_BAD_REQUEST; of the disk or the job: their codes.
bool import_error(sqlite3 *db, const char *what, struct error *err);

/// The module that a CREATE VIRTUAL TABLE names; *out is "" when the text is no such statement. Runs nothing.
struct virtual_table {
	char name[256];
	char module[128];
};
MUST_USE bool import_read_virtual(const char *sql, struct virtual_table *out, struct error *err);

/// Whether clients could have made a virtual table of this module.
bool import_serves_module(sqlite3 *db, const struct virtual_table *table);

/// Says in the file's header that it is kept with a write-ahead log, and cuts what lies behind its last page.
MUST_USE bool import_finish_file(const char *path, uint32_t page_count, struct error *err);

/// One integer of a PRAGMA.
MUST_USE bool import_pragma(sqlite3 *db, const char *sql, int64_t *out, struct error *err);

#endif
