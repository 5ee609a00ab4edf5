#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/disk.h"
#include "engine/import_internal.h"
#include "engine/wal.h"
#include "log/log.h"

// https://www.sqlite.org/fileformat2.html#the_database_header
enum { HEADER_BYTES = 100, ENCODING_AT = 56, ENCODING_UTF16LE = 2, ENCODING_UTF16BE = 3 };

static bool check_header(const char *path, struct error *err)
{
	char header[HEADER_BYTES];
	OWNED(fd) int fd = -1;
	uint64_t size;
	if (!disk_open(path, O_RDONLY, &fd, err) || !disk_size(fd, &size, err))
		return false;
	if (size < sizeof(header) || !disk_read_at(fd, header, sizeof(header), 0, err) ||
	    memcmp(header, "SQLite format 3", 16) != 0)
		return error_set(err, ERR_BAD_REQUEST, "the file is not a SQLite database");
	uint32_t encoding = wal_get32(header + ENCODING_AT);
	if (encoding == ENCODING_UTF16LE || encoding == ENCODING_UTF16BE)
		return error_set(err, ERR_BAD_REQUEST,
				 "the database is encoded in UTF-16, which cannot be served: load it as a "
				 "dump instead");
	return true;
}

// -- content ------------------------------------------------------------------------------------------

static bool check_virtual_tables(sqlite3 *db, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	bool ok = true;
	int rc = sqlite3_prepare_v2(db,
				    "SELECT sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL",
				    -1, &stmt, NULL);
	while (ok && rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct virtual_table table;
		rc = SQLITE_OK;
		const char *sql = (const char *)sqlite3_column_text(stmt, 0);
		ok = import_read_virtual(sql ? sql : "", &table, err);
		if (ok && table.module[0] && !import_serves_module(db, &table))
			ok = error_set(
				err, ERR_BAD_REQUEST,
				"table %s is a virtual one of the module %s, which is not available here",
				table.name, table.module);
	}
	if (ok && rc != SQLITE_DONE)
		ok = import_error(db, "the file is damaged", err);
	sqlite3_finalize(stmt);
	return ok;
}

#define QUICK_CHECK "PRAGMA quick_check(1)"

// The first word of the check is the verdict, or the first fault.
static bool check_content(sqlite3 *db, const char *pragma, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	bool ok = sqlite3_prepare_v2(db, pragma, -1, &stmt, NULL) == SQLITE_OK &&
		  sqlite3_step(stmt) == SQLITE_ROW;
	if (!ok)
		import_error(db, "the file is damaged", err);
	const char *verdict = ok ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
	if (ok && (!verdict || strcmp(verdict, "ok") != 0))
		ok = error_set(err, ERR_BAD_REQUEST, "the file is damaged: %s", verdict ? verdict : "?");
	sqlite3_finalize(stmt);
	return ok;
}

// -- form ---------------------------------------------------------------------------------------------

static bool needs_rewriting(sqlite3 *db, bool *out, struct error *err)
{
	int64_t page_size;
	int64_t auto_vacuum;
	if (!import_pragma(db, "PRAGMA page_size", &page_size, err) ||
	    !import_pragma(db, "PRAGMA auto_vacuum", &auto_vacuum, err))
		return false;
	*out = page_size != LOG_PAGE_BYTES || auto_vacuum != 0;
	return true;
}

static bool rewrite(sqlite3 *db, const char *into, struct error *err)
{
	OWNED(text) char *sql = NULL;
	struct buffer text = {0};
	sqlite3_stmt *stmt = NULL;
	buffer_printf(&text, "PRAGMA page_size=%d; PRAGMA auto_vacuum=0;", LOG_PAGE_BYTES);
	sql = buffer_take(&text, NULL);
	bool ok = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK &&
		  sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &stmt, NULL) == SQLITE_OK &&
		  sqlite3_bind_text(stmt, 1, into, -1, SQLITE_STATIC) == SQLITE_OK &&
		  sqlite3_step(stmt) == SQLITE_DONE;
	if (!ok)
		import_error(db, "the file cannot be rewritten with pages of 4096 bytes", err);
	sqlite3_finalize(stmt);
	return ok;
}

static bool take_over(sqlite3 *db, const char *into, bool *out_rewritten, uint32_t *out_page_count,
		      struct error *err)
{
	int64_t page_count = 0;
	*out_rewritten = false;
	if (!check_virtual_tables(db, err) || !check_content(db, QUICK_CHECK, err) ||
	    !needs_rewriting(db, out_rewritten, err))
		return false;
	if (*out_rewritten)
		return rewrite(db, into, err);
	if (!import_pragma(db, "PRAGMA page_count", &page_count, err))
		return false;
	*out_page_count = (uint32_t)page_count;
	return true;
}

static bool replace(const char *path, const char *by, uint32_t *out_page_count, struct error *err)
{
	OWNED(fd) int fd = -1;
	uint64_t size;
	if (!disk_open(by, O_RDONLY, &fd, err) || !disk_size(fd, &size, err))
		return false;
	*out_page_count = (uint32_t)(size / LOG_PAGE_BYTES);
	return rename(by, path) == 0 || error_errno(err, errno, path, "a database file cannot be renamed");
}

bool engine_import_file(const struct engine_import *import, struct error *err)
{
	sqlite3 *db;
	bool rewritten = false;
	uint32_t page_count = 0;
	OWNED(buffer) struct buffer into = {0};
	buffer_printf(&into, "%s-new", import->path);
	if (!check_header(import->path, err) || !import_open(import->path, false, import->job, &db, err))
		return false;
	bool ok = take_over(db, buffer_text(&into), &rewritten, &page_count, err);
	// The last close of a file that was kept with a write-ahead log removes its companions.
	if (sqlite3_close(db) != SQLITE_OK && ok)
		ok = error_set(err, ERR_INTERNAL, "a database file could not be closed");
	ok = ok && (!rewritten || replace(import->path, buffer_text(&into), &page_count, err)) &&
	     import_finish_file(import->path, page_count, err);
	unlink(buffer_text(&into));
	return ok;
}

static bool check_own(const char *path, const char *pragma, const struct job *job, struct error *err)
{
	sqlite3 *db;
	if (!import_open(path, false, job, &db, err))
		return false;
	bool ok = check_content(db, pragma, err);
	sqlite3_close(db);
	if (!ok && err->code == ERR_BAD_REQUEST)
		err->code = ERR_CORRUPT;
	return ok;
}

bool engine_check_file(const char *path, const struct job *job, struct error *err)
{
	return check_own(path, QUICK_CHECK, job, err);
}

bool engine_check_whole(const char *path, const struct job *job, struct error *err)
{
	return check_own(path, "PRAGMA integrity_check(1)", job, err);
}
