#include "engine/snapshot.h"

#include <stdlib.h>

#include "engine/internal.h"

struct engine_snapshot {
	struct copy copy;
	uint32_t page_count;
	sqlite3_stmt *all; // in the middle of its rows
	sqlite3_stmt *one;
};

static bool failed(struct engine_snapshot *snapshot, struct error *err)
{
	sqlite3 *db = snapshot->copy.connection->db;
	return policy_sqlite_error(db, sqlite3_extended_errcode(db), err);
}

static bool compile(struct engine_snapshot *snapshot, const char *sql, sqlite3_stmt **out, struct error *err)
{
	return sqlite3_prepare_v2(snapshot->copy.connection->db, sql, -1, out, NULL) == SQLITE_OK ||
	       failed(snapshot, err);
}

static bool count_pages(struct engine_snapshot *snapshot, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	bool ok = compile(snapshot, "PRAGMA page_count", &stmt, err) &&
		  (sqlite3_step(stmt) == SQLITE_ROW || failed(snapshot, err));
	if (ok)
		snapshot->page_count = (uint32_t)sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return ok;
}

bool engine_snapshot_begin(struct engine_database *primary, struct engine_snapshot **out, struct error *err)
{
	struct engine_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	ASSERT(snapshot != NULL);
	if (!copy_begin(primary, NULL, &snapshot->copy, err)) {
		free(snapshot);
		return false;
	}
	if (!count_pages(snapshot, err) ||
	    !compile(snapshot, "SELECT pgno, data FROM sqlite_dbpage('main')", &snapshot->all, err) ||
	    !compile(snapshot, "SELECT data FROM sqlite_dbpage('main') WHERE pgno = ?", &snapshot->one,
		     err)) {
		engine_snapshot_end(snapshot);
		return false;
	}
	*out = snapshot;
	return true;
}

const char *engine_snapshot_log_id(const struct engine_snapshot *snapshot)
{
	return snapshot->copy.log_id;
}

uint64_t engine_snapshot_frame_no(const struct engine_snapshot *snapshot)
{
	return snapshot->copy.frame_no;
}

uint32_t engine_snapshot_page_count(const struct engine_snapshot *snapshot)
{
	return snapshot->page_count;
}

static bool take_page(sqlite3_stmt *stmt, int column, const char **out, struct error *err)
{
	const char *page = sqlite3_column_blob(stmt, column);
	if (!page || sqlite3_column_bytes(stmt, column) != LOG_PAGE_BYTES)
		return error_set(err, ERR_CORRUPT, "a page of the database cannot be read");
	*out = page;
	return true;
}

bool engine_snapshot_next(struct engine_snapshot *snapshot, uint32_t *out_page_no, const char **out_page,
			  struct error *err)
{
	int rc = sqlite3_step(snapshot->all);
	if (rc == SQLITE_ROW) {
		*out_page_no = (uint32_t)sqlite3_column_int64(snapshot->all, 0);
		return take_page(snapshot->all, 1, out_page, err);
	}
	*out_page = NULL;
	return rc == SQLITE_DONE || failed(snapshot, err);
}

bool engine_snapshot_page(struct engine_snapshot *snapshot, uint32_t page_no, const char **out_page,
			  struct error *err)
{
	ASSERT(page_no >= 1 && page_no <= snapshot->page_count);
	sqlite3_reset(snapshot->one);
	sqlite3_bind_int64(snapshot->one, 1, page_no);
	int rc = sqlite3_step(snapshot->one);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return failed(snapshot, err);
	return rc == SQLITE_ROW
		       ? take_page(snapshot->one, 0, out_page, err)
		       : error_set(err, ERR_CORRUPT, "page %u of the database cannot be found", page_no);
}

void engine_snapshot_end(struct engine_snapshot *snapshot)
{
	if (!snapshot)
		return;
	sqlite3_finalize(snapshot->all);
	sqlite3_finalize(snapshot->one);
	copy_end(&snapshot->copy);
	free(snapshot);
}
