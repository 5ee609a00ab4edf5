#include "engine/import_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/disk.h"
#include "engine/functions.h"
#include "engine/policy.h"
#include "log/log.h"

enum { PROGRESS_OPS = 4000, VERSIONS_AT = 18, VERSION_WAL = 2 };

static int on_progress(void *context)
{
	return job_is_stopping(context);
}

bool import_open(const char *path, bool create, const struct job *job, sqlite3 **out, struct error *err)
{
	sqlite3 *db = NULL;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
		    (create ? SQLITE_OPEN_CREATE : 0);
	int rc = sqlite3_open_v2(path, &db, flags, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 1); // VACUUM's own
		sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
		sqlite3_progress_handler(db, PROGRESS_OPS, on_progress, (void *)(uintptr_t)job);
		rc = sqlite3_exec(db,
				  "PRAGMA mmap_size=0; PRAGMA cell_size_check=ON; PRAGMA cache_size=-16000;",
				  NULL, NULL, NULL);
	}
	if (rc == SQLITE_OK && !functions_register(db))
		rc = SQLITE_NOMEM;
	if (rc == SQLITE_OK) {
		*out = db;
		return true;
	}
	import_error(db, "the file cannot be opened", err);
	sqlite3_close(db);
	return false;
}

bool import_error(sqlite3 *db, const char *what, struct error *err)
{
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_INTERRUPT:
		return error_set(err, ERR_SHUTDOWN, "the server is stopping");
	case SQLITE_FULL:
		return error_set(err, ERR_FULL, "%s: the disk is full", what);
	case SQLITE_NOMEM:
		return error_set(err, ERR_MEMORY, "%s: out of memory", what);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		error_set(err, ERR_IO, "%s", what);
		return error_detail(err, "%s", sqlite3_errmsg(db));
	case SQLITE_CORRUPT:
		return error_set(err, ERR_BAD_REQUEST, "the file is damaged: %s", sqlite3_errmsg(db));
	default:
		return error_set(err, ERR_BAD_REQUEST, "%s: %s", what, sqlite3_errmsg(db));
	}
}

// -- virtual tables -----------------------------------------------------------------------------------

// SQLite asks for the right to make the table before it looks for the module; more than that is not granted.
static int note_virtual(void *context, int action, const char *a, const char *b, const char *database,
			const char *trigger)
{
	struct virtual_table *table = context;
	(void)database;
	(void)trigger;
	if (action == SQLITE_INSERT)
		return SQLITE_OK;
	if (action == SQLITE_CREATE_VTABLE) {
		snprintf(table->name, sizeof(table->name), "%s", a ? a : "");
		snprintf(table->module, sizeof(table->module), "%s", b ? b : "");
	}
	return SQLITE_DENY;
}

bool import_read_virtual(const char *sql, struct virtual_table *out, struct error *err)
{
	sqlite3 *scratch = NULL;
	sqlite3_stmt *stmt = NULL;
	*out = (struct virtual_table){0};
	if (sqlite3_open_v2(":memory:", &scratch, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		sqlite3_close(scratch);
		return error_set(err, ERR_MEMORY, "out of memory");
	}
	sqlite3_set_authorizer(scratch, note_virtual, out);
	sqlite3_prepare_v2(scratch, sql, -1, &stmt, NULL);
	sqlite3_finalize(stmt);
	sqlite3_close(scratch);
	return true;
}

bool import_serves_module(sqlite3 *db, const struct virtual_table *table)
{
	sqlite3_stmt *stmt = NULL;
	struct policy_seen seen = {0};
	if (policy_authorize(&seen, SQLITE_CREATE_VTABLE, table->name, table->module, "main", NULL) !=
	    SQLITE_OK)
		return false;
	if (sqlite3_prepare_v2(db, "SELECT 1 FROM pragma_module_list WHERE name = ?1 COLLATE NOCASE", -1,
			       &stmt, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_text(stmt, 1, table->module, -1, SQLITE_STATIC);
	bool known = sqlite3_step(stmt) == SQLITE_ROW;
	sqlite3_finalize(stmt);
	return known;
}

// -- the file's form ----------------------------------------------------------------------------------

bool import_pragma(sqlite3 *db, const char *sql, int64_t *out, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	bool ok =
		sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW;
	if (ok)
		*out = sqlite3_column_int64(stmt, 0);
	else
		import_error(db, "the file cannot be read", err);
	sqlite3_finalize(stmt);
	return ok;
}

bool import_finish_file(const char *path, uint32_t page_count, struct error *err)
{
	static const char versions[2] = {VERSION_WAL, VERSION_WAL};
	OWNED(fd) int fd = -1;
	if (!disk_open(path, O_RDWR, &fd, err) ||
	    !disk_write_at(fd, versions, sizeof(versions), VERSIONS_AT, err))
		return false;
	if (ftruncate(fd, (off_t)page_count * LOG_PAGE_BYTES) != 0)
		return error_set(err, ERR_IO, "a database file cannot be cut");
	return true;
}
