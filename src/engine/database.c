#include "engine/database.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/trace.h"
#include "engine/internal.h"
#include "engine/wal.h"

static char *join(const char *folder, const char *name)
{
	struct buffer path = {0};
	buffer_printf(&path, "%s/%s", folder, name);
	return buffer_take(&path, NULL);
}

bool engine_start(struct error *err)
{
	if (!allowance_start(err))
		return false;
	if (sqlite3_initialize() != SQLITE_OK)
		return error_set(err, ERR_INTERNAL, "SQLite could not start");
	return capture_register_vfs(err);
}

void engine_set_temp_folder(const char *folder)
{
	sqlite3_free(sqlite3_temp_directory);
	sqlite3_temp_directory = sqlite3_mprintf("%s", folder);
}

// -- creation -----------------------------------------------------------------------------------------

bool database_write_empty(const char *path, struct error *err)
{
	sqlite3 *db = NULL;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	bool ok = sqlite3_open_v2(path, &db, flags, NULL) == SQLITE_OK &&
		  sqlite3_exec(db, "PRAGMA page_size=4096; PRAGMA journal_mode=WAL;", NULL, NULL, NULL) ==
			  SQLITE_OK;
	if (!ok) {
		int code = sqlite3_errcode(db) & 0xff;
		error_set(err, code == SQLITE_FULL ? ERR_FULL : ERR_IO,
			  "the database file cannot be created");
		error_detail(err, "%s: %s", path, sqlite3_errmsg(db));
	}
	sqlite3_close(db);
	return ok;
}

static bool settle_new_file(const char *temporary, const char *path, const char *folder, struct error *err)
{
	OWNED(fd) int fd = -1;
	if (chmod(temporary, 0600) != 0)
		return error_set(err, ERR_IO, "a new database file cannot be protected");
	if (!disk_open(temporary, O_RDWR, &fd, err) || !disk_sync(fd, err))
		return false;
	if (rename(temporary, path) != 0)
		return error_set(err, ERR_IO, "a new database file cannot be renamed");
	return disk_sync_folder(folder, err);
}

bool engine_database_create(const char *folder, struct error *err)
{
	if (!disk_make_folder(folder, err))
		return false;
	OWNED(text) char *path = join(folder, "data.db");
	OWNED(text) char *temporary = join(folder, "new.db");
	return disk_remove_tree(temporary, err) && database_write_empty(temporary, err) &&
	       settle_new_file(temporary, path, folder, err);
}

bool engine_database_exists(const char *folder)
{
	OWNED(text) char *path = join(folder, "data.db");
	return disk_exists(path);
}

// As engine_database_create makes it: one page, no tables, and nothing set in its header that a user can set.
// https://www.sqlite.org/fileformat2.html
static bool is_blank(const char *path)
{
	enum {
		USER_VERSION = 60,
		APPLICATION_ID = 68,
		KIND = 100,
		CELL_COUNT = 103,
		HEAD_BYTES = 108,
		LEAF = 13
	};
	unsigned char head[HEAD_BYTES];
	OWNED(fd) int fd = -1;
	uint64_t size;
	struct error ignored;
	return disk_open(path, O_RDONLY, &fd, &ignored) && disk_size(fd, &size, &ignored) &&
	       size == LOG_PAGE_BYTES && disk_read_at(fd, head, sizeof(head), 0, &ignored) &&
	       wal_get32(head + USER_VERSION) == 0 && wal_get32(head + APPLICATION_ID) == 0 &&
	       head[KIND] == LEAF && head[CELL_COUNT] == 0 && head[CELL_COUNT + 1] == 0;
}

bool engine_database_is_untouched(const char *folder, const char *log_folder)
{
	OWNED(text) char *path = join(folder, "data.db");
	OWNED(text) char *wal_path = join(folder, "data.db-wal");
	struct wal_summary wal;
	struct error ignored;
	return disk_exists(path) && !is_blank(path) && log_is_blank(log_folder) &&
	       wal_summarize(wal_path, &wal, &ignored) && wal.committed.frame == 0;
}

// -- recovery -----------------------------------------------------------------------------------------

// When it was committed stood in the history; the WAL tells it only of its last transaction.
struct recovery {
	struct engine_database *db;
	uint32_t last_frame; // of the WAL
	int64_t earliest_ms;
};

static bool append_recovered(void *context, struct log_txn *txn, struct error *err)
{
	struct recovery *recovery = context;
	struct engine_database *db = recovery->db;
	if (txn->wal.frame < recovery->last_frame)
		txn->earliest_wall_ms = recovery->earliest_ms;
	atomic_store(&db->page_count, txn->size_after);
	return log_append(db->log, txn, err);
}

static bool read_wal(struct engine_database *db, const struct wal_summary *wal, uint32_t after,
		     struct error *err)
{
	struct recovery recovery = {.db = db, .last_frame = wal->committed.frame};
	recovery.earliest_ms = log_last_ms(db->log);
	return wal_read(db->wal_path, after, append_recovered, &recovery, err);
}

// The new history begins behind what the WAL holds, and must say so: else the next start would take those
// transactions for new ones.
static bool restart_log(struct engine_database *db, const struct wal_summary *wal, struct error *err)
{
	struct log_lost lost;
	uint64_t frame_no = log_appended(db->log);
	if (log_lost_end(db->log, &lost) && lost.frame_no > frame_no)
		frame_no = lost.frame_no;
	trace_warn("database.history_restarted", "path", db->path, "reached_frame",
		   TRACE_INT(log_appended(db->log)), "begins_after_frame", TRACE_INT(frame_no + 1));
	if (!log_restart(db->log, frame_no + 1, err))
		return false;
	atomic_store(&db->base_missing, true);
	return !wal->valid || (log_seal(db->log, wal->committed, err) && log_sync(db->log, err));
}

static bool is_same_life(const struct wal_summary *wal, const struct wal_position *position)
{
	return wal->valid && wal->committed.salt1 == position->salt1 &&
	       wal->committed.salt2 == position->salt2;
}

// Whether the WAL's present life follows on the last one that the history knows: nothing between is missing.
static bool is_next_life(struct engine_database *db, const struct wal_summary *wal, bool sealed)
{
	struct log_lost lost;
	return sealed && (!log_lost_end(db->log, &lost) || is_same_life(wal, &lost.wal));
}

bool database_catch_up_log(struct engine_database *db, struct error *err)
{
	struct wal_summary wal;
	if (!wal_summarize(db->wal_path, &wal, err))
		return false;
	bool sealed;
	struct wal_position last = log_wal_position(db->log, &sealed);
	uint64_t before = log_appended(db->log);
	bool ok;
	if (is_same_life(&wal, &last) && wal.committed.frame < last.frame)
		ok = log_cut(db->log, wal.committed, err);
	else if (is_same_life(&wal, &last))
		ok = read_wal(db, &wal, last.frame, err);
	else if (is_next_life(db, &wal, sealed))
		ok = !wal.valid || read_wal(db, &wal, 0, err);
	else
		ok = restart_log(db, &wal, err);
	if (!ok)
		return error_context(err, "complete the history from the write-ahead log");
	if (log_appended(db->log) > before)
		trace_info("database.history_completed", "path", db->path, "after_frame", TRACE_INT(before),
			   "to_frame", TRACE_INT(log_appended(db->log)));
	atomic_store(&db->committed, log_appended(db->log));
	if (wal.valid)
		capture_resume(db->capture, wal.committed);
	atomic_store(&db->log_behind, false);
	return true;
}

static bool open_primary(struct engine_database *db, const struct engine_options *options, struct error *err)
{
	struct log_options log_options = {.folder = options->log_folder,
					  .segment_bytes_max = options->log_segment_bytes_max,
					  .bytes_max = options->log_bytes_max,
					  .age_ms_max = options->log_age_ms_max,
					  .begins_empty = is_blank(db->path)};
	db->history = (struct history_limits){.segment_bytes = options->log_segment_bytes_max,
					      .bytes = options->log_bytes_max,
					      .ms = options->log_age_ms_max};
	if (!log_open(&log_options, &db->log, err))
		return false;
	past_begin(db);
	return database_catch_up_log(db, err);
}

// What recovery found in the WAL becomes durable before anybody is answered.
static bool sync_recovered(struct engine_database *db, struct error *err)
{
	if (!disk_open(db->wal_path, O_RDWR | O_CREAT, &db->flush.wal_fd, err) ||
	    !disk_sync(db->flush.wal_fd, err) || !disk_sync_folder(db->folder, err))
		return false;
	atomic_store(&db->durable, atomic_load(&db->committed));
	if (db->log)
		log_mark_durable(db->log, atomic_load(&db->durable));
	return true;
}

static bool count_pages(struct engine_database *db, struct error *err)
{
	sqlite3 *writer = db->group.writer->db;
	sqlite3_stmt *stmt = NULL;
	bool ok = sqlite3_prepare_v2(writer, "PRAGMA page_count", -1, &stmt, NULL) == SQLITE_OK &&
		  sqlite3_step(stmt) == SQLITE_ROW;
	if (ok)
		atomic_store(&db->page_count, (uint32_t)sqlite3_column_int64(stmt, 0));
	else
		policy_sqlite_error(writer, sqlite3_extended_errcode(writer), err);
	sqlite3_finalize(stmt);
	return ok;
}

static bool open_parts(struct engine_database *db, const struct engine_options *options, struct error *err)
{
	if (!disk_exists(db->path))
		return error_set(err, ERR_NOT_FOUND, "the database file does not exist");
	bool ok = db->role == ENGINE_PRIMARY ? open_primary(db, options, err) : replica_open(db, err);
	return ok && connection_open(db, true, &db->group.writer, err) && count_pages(db, err) &&
	       (db->role == ENGINE_REPLICA || connection_open(db, false, &db->group.sharer, err)) &&
	       sync_recovered(db, err);
}

// The write-ahead log's index, the flusher's descriptor, the history's segment and its reader.
enum { OWN_FILES = 4 };

static void free_database(struct engine_database *db)
{
	database_count_files(db, -OWN_FILES);
	pool_close(db);
	connection_close(db->group.sharer);
	connection_close(db->group.writer);
	replica_close(db);
	log_close(db->log);
	capture_destroy(db->capture);
	flush_finish(db);
	lane_finish(&db->lane);
	pthread_mutex_destroy(&db->group.mutex);
	pthread_mutex_destroy(&db->pool.mutex);
	pthread_cond_destroy(&db->pool.given);
	pthread_mutex_destroy(&db->commit_mutex);
	usage_cleanup(&db->usage);
	pthread_mutex_destroy(&db->usage_mutex);
	watches_finish(&db->watches);
	free(db->path);
	free(db->wal_path);
	free(db->folder);
	free(db);
}

bool engine_database_open(const struct engine_options *options, struct engine_database **out,
			  struct error *err)
{
	struct engine_database *db = calloc(1, sizeof(*db));
	ASSERT(db != NULL);
	db->folder = strdup(options->folder);
	db->path = join(options->folder, "data.db");
	db->wal_path = join(options->folder, "data.db-wal");
	db->role = options->role;
	db->workers = options->workers;
	db->turns = options->turns;
	db->limits = options->limits;
	db->files = options->files;
	db->counters = options->counters;
	db->memory = options->memory;
	database_count_files(db, OWN_FILES);
	engine_database_set_rules(db, &options->rules);
	db->on_durable = options->on_durable;
	db->context = options->context;
	db->capture = capture_create();
	// A replica must take whatever its primary took.
	if (db->role == ENGINE_PRIMARY)
		capture_limit(db->capture, (uint32_t)(db->limits.transaction_bytes_max / LOG_PAGE_BYTES));
	lane_init(&db->lane);
	flush_init(db);
	pthread_mutex_init(&db->group.mutex, NULL);
	pthread_mutex_init(&db->pool.mutex, NULL);
	clock_cond_init(&db->pool.given);
	pthread_mutex_init(&db->commit_mutex, NULL);
	pthread_mutex_init(&db->usage_mutex, NULL);
	watches_init(&db->watches);
	if (!open_parts(db, options, err)) {
		free_database(db);
		return error_context(err, "open the database");
	}
	retention_if_due(db);
	*out = db;
	return true;
}

void engine_database_retire(struct engine_database *db)
{
	pool_retire(db);
	lane_retire(db);
}

void engine_database_discard(struct engine_database *db)
{
	atomic_store(&db->discarded, true);
	engine_database_retire(db);
}

void engine_database_close(struct engine_database *db)
{
	if (!db)
		return;
	engine_database_retire(db);
	flush_drain(db);
	struct error err;
	if (!flush_has_failed(db) && !atomic_load(&db->discarded)) {
		pool_close(db);
		if (!checkpoint_all(db, &err))
			trace_warn("database.checkpoint_failed", "path", db->path, "error", err.message,
				   "detail", err.detail);
	}
	free_database(db);
}

bool engine_database_is_quiet(struct engine_database *db)
{
	return flush_is_quiet(db) && !atomic_load(&db->group.open) && !atomic_load(&db->log_behind) &&
	       atomic_load(&db->committed) == atomic_load(&db->durable);
}

struct log *engine_database_log(struct engine_database *db)
{
	return db->log;
}

uint64_t engine_database_committed(struct engine_database *db)
{
	return atomic_load(&db->committed);
}

uint64_t engine_database_durable(struct engine_database *db)
{
	return atomic_load(&db->durable);
}

uint64_t engine_database_size_bytes(struct engine_database *db)
{
	return (uint64_t)atomic_load(&db->page_count) * LOG_PAGE_BYTES;
}

// The number is stored in the middle of a commit.
bool engine_database_page_count_at(struct engine_database *db, uint64_t frame_no, uint32_t *out)
{
	uint64_t commits = atomic_load(&db->commits_ended);
	bool at_rest = atomic_load(&db->commits_begun) == commits;
	*out = atomic_load(&db->page_count);
	return at_rest && atomic_load(&db->committed) == frame_no &&
	       atomic_load(&db->commits_begun) == commits;
}
