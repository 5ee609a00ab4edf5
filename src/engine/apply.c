// The position file, text, one line:
//   atoll-replica 1 LOG_ID SEALED_FRAME_NO SALT1 SALT2 BASE_FRAME_NO
// At SEALED_FRAME_NO a checkpoint was about to begin; the WAL of that time had these salts and began at
// BASE_FRAME_NO. At start: equal salts → position is BASE + frames in the WAL; other salts → the WAL was
// reset after that checkpoint, so position is SEALED + frames in the WAL.

#include "engine/apply.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/disk.h"
#include "engine/internal.h"
#include "engine/sqlite_core.h"
#include "engine/wal.h"

struct replica_state {
	char log_id[LOG_ID_TEXT_BYTES];
	uint32_t salt1, salt2; // of the WAL's present life
	uint64_t base;         // frame_no at which it began
};

struct position {
	char log_id[LOG_ID_TEXT_BYTES];
	uint64_t sealed;
	uint32_t salt1, salt2;
	uint64_t base;
};

static bool write_position(const char *folder, const struct position *position, struct error *err)
{
	OWNED(buffer) struct buffer path = {0};
	OWNED(buffer) struct buffer text = {0};
	buffer_printf(&path, "%s/position", folder);
	buffer_printf(&text, "atoll-replica 1 %s %" PRIu64 " %" PRIu32 " %" PRIu32 " %" PRIu64 "\n",
		      position->log_id, position->sealed, position->salt1, position->salt2, position->base);
	return disk_write_file(buffer_text(&path), text.data, text.size, err);
}

static bool read_position(const char *folder, struct position *out, struct error *err)
{
	OWNED(buffer) struct buffer path = {0};
	OWNED(buffer) struct buffer text = {0};
	buffer_printf(&path, "%s/position", folder);
	if (!disk_read_file(buffer_text(&path), 4096, &text, err))
		return false;
	int fields = sscanf(buffer_text(&text),
			    "atoll-replica 1 %36s %" SCNu64 " %" SCNu32 " %" SCNu32 " %" SCNu64, out->log_id,
			    &out->sealed, &out->salt1, &out->salt2, &out->base);
	return fields == 5 ? true : error_set(err, ERR_CORRUPT, "a replica's position file is damaged");
}

bool replica_open(struct engine_database *db, struct error *err)
{
	struct position position;
	struct wal_summary wal;
	if (!read_position(db->folder, &position, err) || !wal_summarize(db->wal_path, &wal, err))
		return false;
	bool same_life =
		wal.valid && wal.committed.salt1 == position.salt1 && wal.committed.salt2 == position.salt2;
	struct replica_state *state = calloc(1, sizeof(*state));
	ASSERT(state != NULL);
	memcpy(state->log_id, position.log_id, sizeof(state->log_id));
	state->salt1 = wal.committed.salt1;
	state->salt2 = wal.committed.salt2;
	state->base = same_life ? position.base : position.sealed;
	db->replica = state;
	atomic_store(&db->committed, state->base + wal.committed.frame);
	if (wal.valid)
		capture_resume(db->capture, wal.committed);
	return true;
}

void replica_close(struct engine_database *db)
{
	free(db->replica);
	db->replica = NULL;
}

bool replica_seal(struct engine_database *db, struct error *err)
{
	const struct replica_state *state = db->replica;
	struct position position = {.sealed = atomic_load(&db->committed),
				    .salt1 = state->salt1,
				    .salt2 = state->salt2,
				    .base = state->base};
	memcpy(position.log_id, state->log_id, sizeof(position.log_id));
	return write_position(db->folder, &position, err);
}

const char *engine_replica_log_id(struct engine_database *replica)
{
	return replica->replica->log_id;
}

static bool append_frames(struct connection *writer, const struct log_txn *txn, struct error *err)
{
	if (!connection_command(writer, "BEGIN IMMEDIATE", err))
		return false;
	int rc = sqlite_core_append(writer->db, txn->page_nos, txn->pages, txn->frame_count, txn->size_after);
	bool ok = connection_command(writer, "ROLLBACK", err);
	sqlite_core_forget(writer->db);
	if (rc == SQLITE_OK)
		return ok;
	error_set(err, rc == SQLITE_FULL ? ERR_FULL : ERR_IO, "a replica cannot take a transaction");
	return error_detail(err, "%s", sqlite3_errstr(rc));
}

bool engine_replica_apply(struct engine_database *replica, const struct log_txn *txn, struct error *err)
{
	struct replica_state *state = replica->replica;
	uint64_t before = atomic_load(&replica->committed);
	ASSERT(replica->role == ENGINE_REPLICA && txn->frame_no == before + txn->frame_count);
	if (!append_frames(replica->group.writer, txn, err))
		return false;
	struct log_txn seen;
	bool complete;
	bool took = capture_take(replica->capture, &seen, &complete);
	struct wal_position now = capture_position(replica->capture);
	if (now.salt1 != state->salt1 || now.salt2 != state->salt2) {
		state->salt1 = now.salt1;
		state->salt2 = now.salt2;
		state->base = before;
	}
	if (!took || !complete || state->base + now.frame != txn->frame_no)
		return error_set(err, ERR_INTERNAL, "a replica's write-ahead log is not where it should be");
	capture_drop(replica->capture);
	atomic_store(&replica->page_count, txn->size_after);
	pthread_mutex_lock(&replica->flush.mutex);
	database_notice_schema_change(replica, txn);
	atomic_store(&replica->committed, txn->frame_no);
	atomic_store(&replica->durable, txn->frame_no);
	pthread_cond_broadcast(&replica->flush.moved);
	pthread_mutex_unlock(&replica->flush.mutex);
	checkpoint_if_due(replica);
	return true;
}

// -- snapshot -----------------------------------------------------------------------------------------

// The file goes first: without it nothing else is looked at.
static bool remove_old_files(const char *folder, struct error *err)
{
	static const char *const names[] = {"data.db", "data.db-wal", "data.db-shm", "position"};
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		OWNED(buffer) struct buffer path = {0};
		buffer_printf(&path, "%s/%s", folder, names[i]);
		if (!disk_remove_tree(buffer_text(&path), err))
			return false;
	}
	return true;
}

static bool settle_snapshot(const char *folder, const char *temporary, const struct copy_position *copied,
			    struct error *err)
{
	OWNED(buffer) struct buffer path = {0};
	buffer_printf(&path, "%s/data.db", folder);
	struct position position = {.sealed = copied->frame_no, .base = copied->frame_no};
	memcpy(position.log_id, copied->log_id, sizeof(position.log_id));
	// Whatever fails before this leaves an older copy as it was.
	if (!remove_old_files(folder, err) || !write_position(folder, &position, err))
		return false;
	if (rename(temporary, buffer_text(&path)) != 0)
		return error_set(err, ERR_IO, "a snapshot cannot be renamed");
	return disk_sync_folder(folder, err);
}

bool engine_snapshot(struct engine_database *primary, const char *folder, struct error *err)
{
	struct copy_position position;
	OWNED(buffer) struct buffer temporary = {0};
	buffer_printf(&temporary, "%s/new.db", folder);
	return disk_make_folder(folder, err) && disk_remove_tree(buffer_text(&temporary), err) &&
	       copy_file_at(primary, buffer_text(&temporary), NULL, &position, err) &&
	       settle_snapshot(folder, buffer_text(&temporary), &position, err);
}
