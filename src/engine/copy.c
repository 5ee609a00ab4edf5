#include "engine/copy.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/disk.h"
#include "engine/import_internal.h"
#include "engine/internal.h"

enum { PAGES_PER_WRITE = 64 };

static bool open_read_transaction(struct connection *connection, struct error *err)
{
	if (sqlite3_exec(connection->db, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) ==
	    SQLITE_OK)
		return true;
	return policy_sqlite_error(connection->db, sqlite3_extended_errcode(connection->db), err);
}

static void note_position(struct engine_database *primary, struct copy_position *out)
{
	out->frame_no = atomic_load(&primary->committed);
	out->at_wall_ms = clock_wall_ms();
	memcpy(out->log_id, log_id(primary->log), sizeof(out->log_id));
}

// In the lane nobody commits between the opening of the transaction and the look at the position.
static bool fix_position(struct engine_database *primary, struct copy *copy, struct error *err)
{
	if (!lane_acquire(primary, NULL, clock_monotonic_ms() + primary->limits.lane_wait_ms_max, err))
		return false;
	bool ok = !atomic_load(&primary->log_behind) || database_catch_up_log(primary, err);
	ok = ok && open_read_transaction(copy->connection, err);
	struct copy_position position;
	note_position(primary, &position);
	copy->frame_no = position.frame_no;
	copy->at_wall_ms = position.at_wall_ms;
	memcpy(copy->log_id, position.log_id, sizeof(copy->log_id));
	lane_release(primary);
	flush_schedule(primary);
	return ok;
}

bool copy_begin(struct engine_database *primary, const struct job *job, struct copy *out, struct error *err)
{
	struct copy copy = {.job = job};
	if (!connection_open(primary, true, &copy.connection, err))
		return false;
	int64_t deadline_ms = clock_monotonic_ms() + primary->limits.lane_wait_ms_max;
	if (!fix_position(primary, &copy, err) ||
	    !engine_database_settle(primary, copy.frame_no, deadline_ms, err)) {
		copy_end(&copy);
		return false;
	}
	*out = copy;
	return true;
}

static bool write_pages(struct copy *copy, int fd, struct buffer *pages, uint64_t *offset, struct error *err)
{
	if (!job_goes_on(copy->job, err) || !disk_write_at(fd, pages->data, pages->size, *offset, err))
		return false;
	*offset += pages->size;
	buffer_truncate(pages, 0);
	return true;
}

bool copy_pages(struct copy *copy, int fd, struct error *err)
{
	sqlite3 *db = copy->connection->db;
	sqlite3_stmt *stmt = NULL;
	static const char sql[] = "SELECT data FROM sqlite_dbpage('main') ORDER BY pgno";
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return policy_sqlite_error(db, sqlite3_extended_errcode(db), err);
	OWNED(buffer) struct buffer pages = {0};
	uint64_t offset = 0;
	bool ok = true;
	int rc = SQLITE_OK;
	while (ok && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		buffer_append(&pages, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0));
		if (pages.size >= PAGES_PER_WRITE * LOG_PAGE_BYTES)
			ok = write_pages(copy, fd, &pages, &offset, err);
	}
	if (ok && rc != SQLITE_DONE)
		ok = policy_sqlite_error(db, rc, err);
	sqlite3_finalize(stmt);
	return ok && (pages.size == 0 || write_pages(copy, fd, &pages, &offset, err));
}

void copy_end(struct copy *copy)
{
	connection_close(copy->connection);
	copy->connection = NULL;
}

// -- sharing blocks -----------------------------------------------------------------------------------

static bool clone_file(const char *from_path, const char *to_path)
{
	struct error ignored;
	OWNED(fd) int from = -1;
	OWNED(fd) int to = -1;
	return disk_open(from_path, O_RDONLY, &from, &ignored) &&
	       disk_open(to_path, O_RDWR | O_CREAT | O_EXCL, &to, &ignored) && disk_clone(from, to);
}

// In the lane nobody commits and nobody checkpoints: file and write-ahead log together are the content.
static bool clone_in_lane(struct engine_database *primary, const char *path, const char *wal_path,
			  struct copy_position *out)
{
	struct error ignored;
	if (!lane_acquire(primary, NULL, clock_monotonic_ms() + primary->limits.lane_wait_ms_max, &ignored))
		return false;
	bool ok = (!atomic_load(&primary->log_behind) || database_catch_up_log(primary, &ignored)) &&
		  clone_file(primary->path, path) && clone_file(primary->wal_path, wal_path);
	note_position(primary, out);
	lane_release(primary);
	flush_schedule(primary);
	return ok;
}

// Moves what stands in the cloned write-ahead log into the cloned file.
static bool merge_clone(const char *path, const struct job *job, struct error *err)
{
	sqlite3 *db;
	if (!import_open(path, false, job, &db, err))
		return false;
	bool ok = sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) == SQLITE_OK ||
		  import_error(db, "the copy cannot be made", err);
	sqlite3_close(db);
	return ok;
}

// *out_shared false: the file system cannot, or it is no good moment; nothing was made.
static bool copy_by_sharing(struct engine_database *primary, const char *path, const struct job *job,
			    struct copy_position *out, bool *out_shared, struct error *err)
{
	OWNED(buffer) struct buffer wal_path = {0};
	buffer_printf(&wal_path, "%s-wal", path);
	*out_shared = clone_in_lane(primary, path, buffer_text(&wal_path), out);
	int64_t deadline_ms = clock_monotonic_ms() + primary->limits.lane_wait_ms_max;
	bool ok = !*out_shared || (engine_database_settle(primary, out->frame_no, deadline_ms, err) &&
				   merge_clone(path, job, err));
	if (!*out_shared || !ok)
		unlink(path);
	unlink(buffer_text(&wal_path));
	return ok;
}

// -- the whole ----------------------------------------------------------------------------------------

static bool copy_by_reading(struct engine_database *primary, const char *path, const struct job *job,
			    struct copy_position *out, struct error *err)
{
	struct copy copy;
	OWNED(fd) int fd = -1;
	if (!copy_begin(primary, job, &copy, err))
		return false;
	*out = (struct copy_position){.frame_no = copy.frame_no, .at_wall_ms = copy.at_wall_ms};
	memcpy(out->log_id, copy.log_id, sizeof(out->log_id));
	bool ok = disk_open(path, O_RDWR | O_CREAT | O_EXCL, &fd, err) && copy_pages(&copy, fd, err);
	copy_end(&copy);
	if (!ok && fd >= 0)
		unlink(path);
	return ok;
}

static bool sync_file(const char *path, struct error *err)
{
	OWNED(fd) int fd = -1;
	return disk_open(path, O_RDWR, &fd, err) && disk_sync(fd, err);
}

bool copy_file_at(struct engine_database *primary, const char *path, const struct job *job,
		  struct copy_position *out, struct error *err)
{
	bool shared;
	if (!copy_by_sharing(primary, path, job, out, &shared, err))
		return false;
	if (!shared && !copy_by_reading(primary, path, job, out, err))
		return false;
	if (sync_file(path, err))
		return true;
	unlink(path);
	return false;
}

bool engine_copy(struct engine_database *primary, const char *path, const struct job *job, struct error *err)
{
	struct copy_position ignored;
	return copy_file_at(primary, path, job, &ignored, err);
}
