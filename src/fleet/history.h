/// history: what replicas in clients' processes are fed from: the log of a database and its present content, at its
/// primary.
///
/// Positions are those of the log (log/log.h): frame_no 0 is the content before any transaction, and what a new history
/// began with is no part of it. Nothing is told that is not durable.
///
/// Life:    fleet_history_open → any use → fleet_history_close. The primary stays open meanwhile, and the cursors and
///          snapshots made of it have to be ended before.
/// Threads: any; a cursor or a snapshot is one thread's at a time.
#ifndef ATOLL_FLEET_HISTORY_H
#define ATOLL_FLEET_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypt.h"
#include "base/error.h"
#include "fleet/generations.h" // struct generation
#include "fleet/meter.h"
#include "fleet/recent.h" // recent_visit

struct fleet;
struct fleet_history;
struct fleet_instance;
struct fleet_snapshot;
struct log;
struct log_cursor;
struct log_txn;

/// Opens the database if it is not, which blocks. Fails: as fleet_acquire, ERR_NOT_READY without a primary, ERR_BLOCKED
MUST_USE bool fleet_history_open(struct fleet *fleet, const char *database, struct fleet_history **out,
				 struct error *err);
/// Never blocks: false when the database would have to be opened, and when fleet_history_open would fail.
bool fleet_history_try_open(struct fleet *fleet, const char *database, struct fleet_history **out);
/// NULL is fine.
void fleet_history_close(struct fleet_history *history);

struct fleet_position {
	char log_id[CRYPT_UUID_TEXT_BYTES];
	uint64_t frame_no;      // durable, and what a cursor gives
	uint64_t rules_version; // moves with the database's configuration
};
/// Cheap. Fails: ERR_NOT_READY once the instance is destroyed or replaced, ERR_BLOCKED
MUST_USE bool fleet_history_position(struct fleet_history *history, struct fleet_position *out,
				     struct error *err);
/// A reader of the transactions after frame_no; log_cursor_next and log_cursor_close are its functions.
/// Fails: ERR_NOT_FOUND  no longer kept, or no boundary of this history: take a snapshot
///        ERR_CORRUPT, ERR_IO
MUST_USE bool fleet_history_read(struct fleet_history *history, uint64_t frame_no, struct log_cursor **out,
				 struct error *err);
/// The log itself, for log/changes.h. As long as the history.
struct log *fleet_history_log(struct fleet_history *history);
/// Pages of the database at the position, which is one that fleet_history_position gave. False when it was left meanwhile.
bool fleet_history_page_count(struct fleet_history *history, uint64_t frame_no, uint32_t *out);
/// What a cursor after frame `next` - 1 would give, but each page once, from memory (fleet/recent.h, whose numbers leave gaps).
/// False, and nothing was called: that is not there, or it would take the log to find out and may_read is not set.
bool fleet_history_recent(struct fleet_history *history, uint64_t next, bool may_read, recent_visit *visit,
			  void *context);
/// A cursor met ERR_CORRUPT: has the history healed soon, rather than some day.
void fleet_history_tend(struct fleet_history *history);
/// The primary's instance, held by the history: for sessions on it.
struct fleet_instance *fleet_history_instance(struct fleet_history *history);
/// Bytes that were sent of it (fleet/meter.h).
void fleet_history_count(struct fleet_history *history, enum fleet_synced how, uint64_t bytes);

/// Whether the database is for replicas that work offline, and for no others (its configuration).
bool fleet_history_serves_offline(struct fleet_history *history);
/// The part of the history that clients count their frames in (fleet/generations.h): the newest, or the one of a number. It is
/// cut off behind about frames_max of them. Blocks.
/// Fails: ERR_STALE  it is not of this history, or no longer kept: the client must begin anew
///        as fleet_history_position, fleet_history_read, ERR_FULL, ERR_IO
MUST_USE bool fleet_history_newest_generation(struct fleet_history *history, uint32_t frames_max,
					      struct generation *out, struct error *err);
MUST_USE bool fleet_history_generation(struct fleet_history *history, uint32_t number, uint32_t frames_max,
				       struct generation *out, struct error *err);
/// Takes a transaction right behind frame_no of the history log_id (engine/push.h). Blocks until it is durable.
MUST_USE bool fleet_history_push(struct fleet_history *history, const char *log_id, uint64_t frame_no,
				 const struct log_txn *txn, struct error *err);

/// All pages of one moment (engine/snapshot.h), without a second copy of them. Writers go on. Blocks.
/// Fails also: ERR_RATE_LIMITED  there are fleet_options.snapshots_max of the database
MUST_USE bool fleet_snapshot_begin(struct fleet_history *history, struct fleet_snapshot **out,
				   struct error *err);
const char *fleet_snapshot_log_id(const struct fleet_snapshot *snapshot);
uint64_t fleet_snapshot_frame_no(const struct fleet_snapshot *snapshot);
uint32_t fleet_snapshot_page_count(const struct fleet_snapshot *snapshot);
/// The next page (LOG_PAGE_BYTES), by ascending number from 1; *out_page NULL behind the last. Stays until the next call.
/// Fails also: ERR_NOT_READY once the instance is destroyed or replaced
MUST_USE bool fleet_snapshot_next(struct fleet_snapshot *snapshot, uint32_t *out_page_no,
				  const char **out_page, struct error *err);
MUST_USE bool fleet_snapshot_page(struct fleet_snapshot *snapshot, uint32_t page_no, const char **out_page,
				  struct error *err);
/// NULL is fine.
void fleet_snapshot_end(struct fleet_snapshot *snapshot);

#endif
