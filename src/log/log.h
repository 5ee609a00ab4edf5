/// log: the ordered history of one logical database, on local files.
///
/// A log is a sequence of transactions made of page images. Frames are numbered from 1 over the whole
/// history; a transaction is known by the frame_no of its last frame, 0 is the state before any. The log
/// knows pages, not SQL. Three numbers: appended (here), durable (told by the engine's flusher), and what
/// each reader has applied (theirs).
///
/// The log itself is not synced on commit: the primary's WAL is, and each record says at which position of
/// the WAL it stands, so that after a crash the log is cut or completed from the WAL (engine/database.c).
/// log_seal + log_sync must precede anything that lets SQLite reset the WAL.
///
/// Life:    log_open → append / read → log_close.
/// Threads: append, seal, sync, cut, restart and close_segment from the database's lane only; the rest from any.
/// Format:  log/segment.c.
#ifndef ATOLL_LOG_LOG_H
#define ATOLL_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/job.h"

enum { LOG_PAGE_BYTES = 4096, LOG_ID_TEXT_BYTES = 37 };

struct log;

/// Where in the primary's write-ahead log a transaction ends. Frame numbers of the WAL start at 1.
struct wal_position {
	uint32_t salt1;
	uint32_t salt2;
	uint32_t frame;
};

/// One committed transaction. Page images lie one after another, each LOG_PAGE_BYTES, in the order of
/// page_nos.
struct log_txn {
	uint64_t frame_no; // of the last frame; set by the log
	uint32_t frame_count;
	uint32_t size_after; // pages of the database after this transaction
	const uint32_t *page_nos;
	const char *pages;
	int64_t committed_wall_ms;
	struct wal_position wal;
	int64_t earliest_wall_ms; // when it was committed is not known: then or later, until committed_wall_ms. 0: it is
};

struct log_options {
	const char *folder;
	uint64_t segment_bytes_max; // a segment is closed beyond this
	uint64_t bytes_max;         // whole closed segments beyond this are surplus, oldest first
	int64_t age_ms_max; // so are those whose transactions are all older. 0: moments of the past are not kept
	bool begins_empty; // if the history is new: the database it begins with is empty
};

/// Opens or creates. The newest segment is verified, what follows its first damaged record is cut off; of the others the
/// header is. A damaged one goes, with those before it. The rest is verified when it is read; what is damaged is never
/// given to anybody, and goes with the next log_retain. Each is reported as history.damaged, with the file and the place.
MUST_USE bool log_open(const struct log_options *options, struct log **out, struct error *err);
void log_close(struct log *log);
/// Whether nothing was ever appended to the history in this folder, which may be absent.
bool log_is_blank(const char *folder);

const char *log_id(const struct log *log);                      // UUID of this history
void log_copy_id(struct log *log, char out[LOG_ID_TEXT_BYTES]); // for those who are not in the lane
uint64_t log_appended(const struct log *log);
uint64_t log_durable(const struct log *log);
/// Position of the last record in the WAL, and whether that record is a seal (or the log is empty).
struct wal_position log_wal_position(const struct log *log, bool *out_sealed);

/// Appends a transaction, not yet durable. Sets txn->frame_no.
/// Fails: ERR_FULL, ERR_IO; nothing was appended, the log goes on at the same place.
MUST_USE bool log_append(struct log *log, struct log_txn *txn, struct error *err);
/// Says that everything up to `position` of the WAL is in this log and the WAL may be reset.
MUST_USE bool log_seal(struct log *log, struct wal_position position, struct error *err);
MUST_USE bool log_sync(struct log *log, struct error *err);
/// Not in the lane: writes out what is there now, so that the log_sync that follows has little left. Promises nothing.
void log_sync_ahead(struct log *log);
/// Frames up to frame_no survive a crash and may be read.
void log_mark_durable(struct log *log, uint64_t frame_no);

/// Tells that the database file holds all of what was appended, and the WAL is only a copy. The history must reach here
/// from now on: if a start finds less, what is missing was damaged or removed. After log_seal + log_sync.
MUST_USE bool log_mark_end(struct log *log, struct error *err);
struct log_lost {
	uint64_t frame_no;       // where the history ended
	struct wal_position wal; // only what this life of the WAL still holds can be had again
};
/// Whether the history once reached further than it does.
bool log_lost_end(const struct log *log, struct log_lost *out);

/// Recovery: drops the transactions that lie beyond `limit` in the life of the WAL that its salts name.
MUST_USE bool log_cut(struct log *log, struct wal_position limit, struct error *err);
/// Recovery: begins a new history (new id) at frame_no: what was kept is removed, since it no longer leads to
/// the database's content.
MUST_USE bool log_restart(struct log *log, uint64_t frame_no, struct error *err);

// -- the past -----------------------------------------------------------------------------------------
//
// Content at any moment since log_options.age_ms_max can be had again, as far as bytes_max allows: the log keeps the
// content that the kept history begins with (its base) and folds what it drops into it. Not in the lane.

/// Whether that content is missing: the history began with a database that was not empty, or began anew. It must be
/// made of a copy of the present content, and is the oldest moment then.
bool log_needs_base(struct log *log);
/// Where such a copy is to be written; malloc'd.
char *log_base_draft(const struct log *log);
struct log_base {
	char log_id[LOG_ID_TEXT_BYTES];
	uint64_t frame_no; // of the copied content
	int64_t since_ms;
};
/// Takes the draft over, or removes it. Fails: ERR_STALE when the history began anew meanwhile.
MUST_USE bool log_set_base(struct log *log, const struct log_base *content, const struct job *job,
			   struct error *err);

/// Changes the three limits of log_options. Segments of the size before stay. What has become surplus goes with the next
/// log_retain, and so does the base when moments are no longer kept.
void log_limit(struct log *log, uint64_t segment_bytes_max, uint64_t bytes_max, int64_t age_ms_max);

/// When the last transaction was committed; 0 = there is none, or it is not known.
int64_t log_last_ms(struct log *log);
/// Cheap. Whether log_retain would find something, or log_close_old_segment.
bool log_is_retention_due(struct log *log);
/// Drops what is surplus. Fails: ERR_CORRUPT a segment or the base is damaged: earlier moments are lost, and a new base
/// is needed; ERR_SHUTDOWN, ERR_FULL, ERR_IO: it goes on from there the next time.
MUST_USE bool log_retain(struct log *log, const struct job *job, struct error *err);
bool log_is_newest_old(struct log *log);
/// In the lane: begins a new segment, so that what the present one holds can be dropped some day.
MUST_USE bool log_close_segment(struct log *log, struct error *err);
/// Newest segments are closed at this age.
int64_t log_segment_ms(const struct log *log);

/// What is kept, for whoever watches. Never waits for a folding or a copy: then base_bytes is 0, and oldest_ms that of the
/// last look.
struct log_numbers {
	uint64_t segment_bytes;
	uint64_t base_bytes;
	size_t segment_count;
	uint64_t first_frame_no; // cursors can begin here
	int64_t oldest_ms;       // the oldest moment that can be restored; 0 = none
	size_t cursor_count;
};
void log_tell_numbers(struct log *log, struct log_numbers *out);

/// Writes the content at a moment into an empty file: every transaction committed at or before at_ms, up to frame
/// `limit`. *out_page_count 0: an empty database. Not synced.
/// Fails: ERR_BAD_REQUEST  "… outside the retention: …"
///        ERR_CORRUPT      the kept history is damaged; nothing of it is used any more
MUST_USE bool log_restore(struct log *log, int64_t at_ms, uint64_t limit, int fd, const struct job *job,
			  uint32_t *out_page_count, struct error *err);

// -- reading ------------------------------------------------------------------------------------------

struct log_cursor;

/// A reader that gets the transactions after frame_no. Fails: ERR_NOT_FOUND when they are no longer kept, or
/// frame_no lies in no transaction boundary of this history: take a snapshot.
MUST_USE bool log_cursor_open(struct log *log, uint64_t frame_no, struct log_cursor **out, struct error *err);
/// The next durable transaction; *out_found false when there is none yet. Memory is the cursor's until the
/// next call. Fails: ERR_NOT_FOUND (removed meanwhile), ERR_CORRUPT (damaged: take a snapshot; the history is healed by
/// the next log_retain, see engine_database_tend), ERR_IO.
MUST_USE bool log_cursor_next(struct log_cursor *cursor, struct log_txn *out, bool *out_found,
			      struct error *err);
void log_cursor_close(struct log_cursor *cursor);

#endif
