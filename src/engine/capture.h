/// capture: the frames of the transaction being written, seen by a VFS shim as SQLite writes its WAL.
///
/// The shim ("atoll") passes every call through to the platform's own VFS. For a database file that a capture
/// was attached to, it copies each frame written to the WAL. Frames are keyed by their number: a spilling
/// transaction writes frames again, and the later image replaces the earlier. Nothing is emitted from a
/// write: only capture_take, called after SQLite said that the commit succeeded, makes a transaction of it.
///
/// The shim also keeps SQLite's WAL-index locks of such a file in the process (capture_own_file).
///
/// Threads: one writer at a time (the lane).
#ifndef ATOLL_ENGINE_CAPTURE_H
#define ATOLL_ENGINE_CAPTURE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "log/log.h"

struct capture;

#define CAPTURE_VFS "atoll"

/// Registers the shim with SQLite; once in a process, at start.
MUST_USE bool capture_register_vfs(struct error *err);

struct capture *capture_create(void);
void capture_destroy(struct capture *capture);

/// Makes the connection's writes to the WAL of `main` go through the capture. Before its first statement.
MUST_USE bool capture_attach(struct capture *capture, sqlite3 *db, struct error *err);

/// The URI by which another connection attaches a database that has a capture, to read it: the capture's locks are then
/// its own, too. Nothing is ever captured of it, since the URI opens it read-only.
void capture_write_uri(const struct capture *capture, const char *path, struct buffer *out);

/// Takes the file for this process: other programs are refused by SQLite's own locks ("database is locked"),
/// and locks among the connections of this capture stay in the process. By one connection of each database,
/// the first, before its first statement. Fails: ERR_BUSY when another program has the file open.
MUST_USE bool capture_own_file(sqlite3 *db, struct error *err);

/// The transaction that was just committed: false when nothing was written since the last take or drop.
/// Memory stays the capture's until the next write. A page written twice comes once. *out_complete false:
/// what was written cannot be told from the calls seen (read it from the WAL file instead).
bool capture_take(struct capture *capture, struct log_txn *out, bool *out_complete);

/// Refuses transactions of more frames (SQLITE_FULL, SQLite rolls back): a captured transaction lies in memory. 0: none.
void capture_limit(struct capture *capture, uint32_t frame_count_max);
/// Why a write to the WAL was refused since the last question: none was, it was of too large a transaction, or the disk
/// is full.
enum capture_full { CAPTURE_FULL_NONE, CAPTURE_FULL_TRANSACTION, CAPTURE_FULL_DISK };
enum capture_full capture_full_cause(struct capture *capture);

/// Whether capture_take would return a transaction.
bool capture_holds_commit(const struct capture *capture);

/// Forgets what was written since the last take: the transaction was rolled back.
void capture_drop(struct capture *capture);

/// Frames now in the WAL up to the last commit taken, for deciding on a checkpoint; 0 after a reset.
uint32_t capture_wal_frames(const struct capture *capture);
struct wal_position capture_position(const struct capture *capture);
/// Sets the position that a recovery found.
void capture_resume(struct capture *capture, struct wal_position position);

#endif
