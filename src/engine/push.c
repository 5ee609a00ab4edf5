#include "engine/push.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/internal.h"
#include "engine/sqlite_core.h"
#include "engine/wal.h"

// -- what a client sends --------------------------------------------------------------------------------

static bool bad(struct error *err, const char *what)
{
	return error_set(err, ERR_BAD_REQUEST, "the pushed pages are no transaction: %s", what);
}

// The header of a database: SQLite's file format, §1.3.
static bool check_first_page(const char *page, uint32_t size_after, struct error *err)
{
	enum { PAGE_SIZE = 16, FORMATS = 18, RESERVED = 20, FRACTIONS = 21, SIZE = 28, ENCODING = 56 };
	uint32_t encoding = wal_get32(page + ENCODING);
	if (memcmp(page, "SQLite format 3", 16) != 0)
		return bad(err, "page 1 is not that of a database");
	if (memcmp(page + PAGE_SIZE, "\x10\x00", 2) != 0 || page[RESERVED] != 0)
		return bad(err, "the page size is not 4096");
	if (memcmp(page + FORMATS, "\x02\x02", 2) != 0)
		return bad(err, "the database is not in WAL mode");
	if (memcmp(page + FRACTIONS, "\x40\x20\x20", 3) != 0 || encoding > 3)
		return bad(err, "the header is damaged");
	if (wal_get32(page + SIZE) != size_after)
		return bad(err, "the header tells another size");
	return true;
}

static int compare_numbers(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	return a < b ? -1 : a > b;
}

// The history has each page once in a transaction, or its frames were others than the client's.
static bool has_each_once(const struct log_txn *txn)
{
	uint32_t *sorted = malloc(txn->frame_count * sizeof(*sorted));
	ASSERT(sorted != NULL);
	memcpy(sorted, txn->page_nos, txn->frame_count * sizeof(*sorted));
	qsort(sorted, txn->frame_count, sizeof(*sorted), compare_numbers);
	bool once = true;
	for (uint32_t i = 1; i < txn->frame_count && once; i++)
		once = sorted[i] != sorted[i - 1];
	free(sorted);
	return once;
}

static bool check_pages(const struct log_txn *txn, struct error *err)
{
	enum { LOCK_PAGE = 1024 * 1024 * 1024 / LOG_PAGE_BYTES + 1 }; // SQLite never writes it
	for (uint32_t i = 0; i < txn->frame_count; i++) {
		uint32_t page_no = txn->page_nos[i];
		if (page_no == 0 || page_no > txn->size_after || page_no == LOCK_PAGE)
			return bad(err, "a page number is out of range");
		if (page_no == 1 &&
		    !check_first_page(txn->pages + (size_t)i * LOG_PAGE_BYTES, txn->size_after, err))
			return false;
	}
	return has_each_once(txn) || bad(err, "it has a page twice; make it smaller");
}

static bool has_first_page(const struct log_txn *txn)
{
	for (uint32_t i = 0; i < txn->frame_count; i++)
		if (txn->page_nos[i] == 1)
			return true;
	return false;
}

static bool check_size(struct engine_database *db, const struct log_txn *txn, struct error *err)
{
	uint32_t before = atomic_load(&db->page_count);
	// Page 1 tells the size: SQLite opens no database that is smaller than it says.
	if (txn->size_after != before && !has_first_page(txn))
		return bad(err, "its size is another, but page 1 is missing");
	uint64_t bytes_max = atomic_load(&db->rules.size_bytes_max);
	if ((uint64_t)txn->size_after > (uint64_t)before + txn->frame_count + ENGINE_PUSH_GAP_MAX)
		return bad(err, "too many pages are missing at its end");
	if (bytes_max > 0 && txn->size_after > before &&
	    (uint64_t)txn->size_after * LOG_PAGE_BYTES > bytes_max)
		return error_set(err, ERR_FULL,
				 "the database would be larger than its size_limit of %llu bytes",
				 (unsigned long long)bytes_max);
	return true;
}

// -- taking it ------------------------------------------------------------------------------------------

static bool is_next(struct engine_database *db, const char *id, uint64_t frame_no, struct error *err)
{
	if (atomic_load(&db->log_behind) && !database_catch_up_log(db, err))
		return false;
	return (strcmp(log_id(db->log), id) == 0 && atomic_load(&db->committed) == frame_no) ||
	       error_set(err, ERR_STALE, "others have written meanwhile");
}

static bool cannot_write(struct engine_database *db, int rc, struct error *err)
{
	if ((rc & 0xff) == SQLITE_FULL)
		return error_set(err, ERR_FULL,
				 capture_full_cause(db->capture) == CAPTURE_FULL_TRANSACTION
					 ? "the pushed transaction is too large (limit transaction-size-max)"
					 : "the disk is full");
	error_set(err, ERR_IO, "the pushed transaction cannot be written");
	return error_detail(err, "%s", sqlite3_errstr(rc));
}

static bool read_schema(struct connection *writer, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	sqlite_core_forget_schema(writer->db);
	bool ok = sqlite3_prepare_v2(writer->db, "SELECT 1 FROM sqlite_schema", -1, &stmt, NULL) == SQLITE_OK;
	if (!ok)
		error_set(err, ERR_BAD_REQUEST, "the pushed pages make no schema that SQLite can read: %s",
			  sqlite3_errmsg(writer->db));
	sqlite3_finalize(stmt);
	return ok;
}

// A database whose schema cannot be read cannot be opened again, and SQL could not mend it.
static bool rehearse(struct connection *writer, const struct log_txn *txn, struct error *err)
{
	struct error ignored;
	if (!connection_command(writer, "BEGIN IMMEDIATE", err))
		return false;
	int rc = sqlite_core_lay(writer->db, txn->page_nos, txn->pages, txn->frame_count, txn->size_after);
	bool ok = rc == SQLITE_OK && read_schema(writer, err);
	if (rc == SQLITE_MISMATCH)
		bad(err, "text encoding and auto_vacuum cannot be changed");
	else if (rc != SQLITE_OK)
		cannot_write(writer->database, rc, err);
	ok = connection_command(writer, "ROLLBACK", ok ? err : &ignored) && ok;
	sqlite_core_forget_schema(writer->db);
	return database_end_commit(writer, ok ? err : &ignored) && ok;
}

static bool commit(struct connection *writer, const struct log_txn *txn, struct error *err)
{
	struct engine_database *db = writer->database;
	if (!connection_command(writer, "BEGIN IMMEDIATE", err))
		return false;
	database_begin_commit(writer);
	int rc = sqlite_core_append(writer->db, txn->page_nos, txn->pages, txn->frame_count, txn->size_after);
	bool ok = connection_command(writer, "ROLLBACK", err);
	sqlite_core_forget(writer->db);
	// What tells whether it was committed is the append, not the ROLLBACK, which takes nothing back.
	writer->last_rc = rc;
	struct error failure;
	bool published = database_end_commit(writer, &failure);
	if (rc == SQLITE_OK && !published)
		*err = failure;
	if (rc == SQLITE_OK)
		return ok && published;
	return cannot_write(db, rc, err);
}

bool engine_push(struct engine_database *primary, const char *id, uint64_t frame_no,
		 const struct log_txn *txn, struct error *err)
{
	ASSERT(primary->role == ENGINE_PRIMARY && txn->frame_count > 0);
	int64_t deadline_ms = clock_monotonic_ms() + primary->limits.lane_wait_ms_max;
	if (rules_block_any(primary))
		return error_set(err, ERR_BLOCKED, "Operation was blocked");
	if (!check_pages(txn, err) || !lane_acquire(primary, NULL, deadline_ms, err))
		return false;
	bool ok = is_next(primary, id, frame_no, err) && check_size(primary, txn, err) &&
		  rehearse(primary->group.writer, txn, err) && commit(primary->group.writer, txn, err);
	lane_release(primary);
	flush_schedule(primary);
	deadline_ms = clock_monotonic_ms() + primary->limits.lane_wait_ms_max;
	return ok && engine_database_settle(primary, frame_no + txn->frame_count, deadline_ms, err);
}
