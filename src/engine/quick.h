/// quick: one autocommit statement on the calling thread, without blocking.
///
/// Reads run on a pooled connection. Writes join a transaction that is shared by all quick writes since the
/// last flush: what the disk needs for one commit, it then does for many. Sharing changes nothing a client
/// can see: no statement that looks at connection state or may roll back shares, nobody sees the transaction
/// before it commits, and when it is lost as a whole, every member is told to run again alone.
#ifndef ATOLL_ENGINE_QUICK_H
#define ATOLL_ENGINE_QUICK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/values.h"

struct engine_database;

enum quick_outcome {
	QUICK_DONE,     // ran and may be answered now
	QUICK_HELD,     // ran; answer when wait->settled is called
	QUICK_DECLINED, // nothing happened; use a session
};

struct quick_wait {
	/// Called once, from any thread, possibly before the call has returned QUICK_HELD.
	/// lost: the effect was undone (a neighbour in the shared transaction failed): run again through a
	/// session.
	void (*settled)(struct quick_wait *wait, bool lost);
	struct quick_wait *next; // engine's own
	uint64_t frame_no;       // engine's own
};

/// allow_writes false: a statement that writes is declined (a replica, a read-only credential).
/// *out_ok: the statement succeeded and *out is filled, else *err is (DONE and HELD only; a failed statement
/// may be HELD too, since its error may tell of frames that are not durable yet).
enum quick_outcome engine_quick_execute(struct engine_database *db, bool allow_writes,
					const struct statement *statement, struct result_sink *sink,
					struct quick_wait *wait, struct statement_result *out, bool *out_ok,
					struct error *err);

#endif
