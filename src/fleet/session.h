/// session: one client's stream on an instance, wherever its statements must run.
///
/// The caller (hrana) never learns whether a statement ran here or on the primary: on a replica, reads run
/// locally; a write, and a whole transaction that is not read-only, moves to the primary until it ends, and
/// the next local read waits until this copy has applied what the session wrote. Reads of a session never go
/// back.
///
/// Threads: one at a time for a session; fleet_session_interrupt from any. All but the quick path may block:
///          call them from workers.
/// Barrier: results may have seen or made frames that are not durable yet. Before a reply goes out,
///          fleet_session_settle must have returned true (or quick_wait.settled must have been called).
#ifndef ATOLL_FLEET_SESSION_H
#define ATOLL_FLEET_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/crypt.h"
#include "base/error.h"
#include "engine/quick.h" // enum quick_outcome, struct quick_wait
#include "engine/values.h"

struct fleet_instance;
struct fleet_session;

/// read_only: the credential may not write (ERR_FORBIDDEN for statements that do). Holds the instance.
MUST_USE bool fleet_session_open(struct fleet_instance *instance, bool read_only, struct fleet_session **out,
				 struct error *err);
/// Rolls back what is open. NULL is fine.
void fleet_session_close(struct fleet_session *session);

/// Changes the right for the next statements (each request is checked with its own credential).
void fleet_session_set_read_only(struct fleet_session *session, bool read_only);

/// What a name in ATTACH means to the client of the next statements, and whether it may attach that. Without it nothing
/// may be attached.
/// Fails: ERR_FORBIDDEN "Namespace `x` doesn't allow attach".
typedef bool fleet_find_attachable(void *context, const char *name, char out_database[CRYPT_UUID_TEXT_BYTES],
				   struct error *err);
void fleet_session_let_attach(struct fleet_session *session, fleet_find_attachable *find, void *context);

/// Checks the form of a text without running it: exactly one statement, a kind that is allowed, by this
/// credential. Fails: ERR_SQL_PARSE, ERR_SQL_NO_STATEMENT, ERR_SQL_MANY_STATEMENTS, ERR_SQL_TOO_LONG,
/// ERR_FORBIDDEN. An unknown table or column is no failure here: an earlier step may make it.
MUST_USE bool fleet_session_check(struct fleet_session *session, const char *sql, size_t sql_size,
				  struct error *err);
/// The same for a text of any number of statements (`sequence`).
MUST_USE bool fleet_session_check_sequence(struct fleet_session *session, const char *sql, size_t sql_size,
					   struct error *err);

/// Runs one statement. On failure *out is untouched and whatever the sink got is void.
/// Fails: everything of error.def's SQL section, ERR_FORBIDDEN, ERR_UNAVAILABLE (primary cannot be reached).
MUST_USE bool fleet_session_execute(struct fleet_session *session, const struct statement *statement,
				    struct result_sink *sink, struct statement_result *out,
				    struct error *err);
/// The same in pieces: once the sink set `pause`, true is returned with *out_paused, and the statement stands where it is,
/// without a thread. fleet_session_resume goes on; fleet_session_abandon ends it early. Until one of them has ended it,
/// nothing else of the session may be used but close, settle, settle_rows, is_autocommit and interrupt, and the
/// statement's arguments must stay where they are. Its time while paused does not count. A transaction that holds the
/// write lock can be ended by force meanwhile (ERR_TRANSACTION_TIMEOUT).
MUST_USE bool fleet_session_begin(struct fleet_session *session, const struct statement *statement,
				  struct result_sink *sink, struct statement_result *out, bool *out_paused,
				  struct error *err);
MUST_USE bool fleet_session_resume(struct fleet_session *session, struct result_sink *sink,
				   struct statement_result *out, bool *out_paused, struct error *err);
void fleet_session_abandon(struct fleet_session *session);
/// In the middle of a statement, also from its sink: waits until all that its rows so far can tell of is durable. Fails as
/// fleet_session_settle.
MUST_USE bool fleet_session_settle_rows(struct fleet_session *session, struct error *err);

/// Runs statements in order until the first error; rows are dropped.
MUST_USE bool fleet_session_sequence(struct fleet_session *session, const char *sql, size_t sql_size,
				     struct error *err);
MUST_USE bool fleet_session_describe(struct fleet_session *session, const char *sql, size_t sql_size,
				     struct describe_result *out, struct error *err);

/// The whole database as SQL text, in pieces, from one moment (engine/dump.h). Of a session that has run nothing. Nothing
/// else of it may be used afterwards but settle, interrupt and close. The barrier is before the first piece.
/// Fails: ERR_BAD_REQUEST "database is not a primary", ERR_BLOCKED, ERR_NOT_READY, ERR_SQLITE
MUST_USE bool fleet_session_dump_begin(struct fleet_session *session, bool preserve_row_ids,
				       struct error *err);
MUST_USE bool fleet_session_dump_write(struct fleet_session *session, struct buffer *out, size_t bytes_max,
				       bool *out_done, struct error *err);

bool fleet_session_is_autocommit(const struct fleet_session *session);
/// True when nothing would be lost by closing the session and opening another: no transaction, no pragma, no
/// attachment.
bool fleet_session_is_plain(const struct fleet_session *session);
/// Position that the session has seen or made.
uint64_t fleet_session_frame_no(const struct fleet_session *session);

/// A replica waits until it has applied frame_no (a client's replication_index). ERR_TIMEOUT after the limit.
MUST_USE bool fleet_session_wait_for(struct fleet_session *session, uint64_t frame_no, struct error *err);

/// Waits until everything the session has seen is durable. Fails with ERR_IO or ERR_FULL when it never will
/// be: nothing of the reply may then be shown.
MUST_USE bool fleet_session_settle(struct fleet_session *session, struct error *err);

/// Stops the running statement, if any, as soon as SQLite looks (client gone, shutdown).
void fleet_session_interrupt(struct fleet_session *session);

// -- quick path ---------------------------------------------------------------------------------------
//
// One autocommit statement at once on the calling (network) thread, without blocking: most requests are that.
// It has a small budget; what exceeds it, or would have to wait, is undone and declined, and the caller runs
// it again through a session on a worker.

/// *out_ok: the statement succeeded and *out is filled, else *err is (DONE and HELD only; a failed statement
/// may be HELD too, since its error may tell of frames that are not durable yet).
enum quick_outcome fleet_quick_execute(struct fleet_instance *instance, bool read_only,
				       const struct statement *statement, struct result_sink *sink,
				       struct quick_wait *wait, struct statement_result *out, bool *out_ok,
				       struct error *err);

#endif
