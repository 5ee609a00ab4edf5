/// pull_internal: a call of `wal_log.ReplicationLog` under way. Not for other modules.
///
/// Life:    pull_begin → its answer → pull_end or one of the others that end it. Everything is in the request's arena.
#ifndef ATOLL_SYNC_PULL_INTERNAL_H
#define ATOLL_SYNC_PULL_INTERNAL_H

#include "base/admission.h"
#include "fleet/history.h"
#include "log/log.h"
#include "sync/frames.h"
#include "sync/grpc.h"
#include "sync/internal.h"

struct pull;
typedef void pull_answer(struct pull *pull);

struct pull {
	struct sync *sync;
	struct net_request *request;
	struct access_grant grant;
	struct fleet_history *history;
	struct fleet_position position;
	pull_answer *answer;
	bool greets;   // Hello, which needs no session
	uint64_t next; // the first frame that the client wants

	// what is sent in pieces
	struct log_cursor *cursor;
	struct log_txn txn;
	struct fleet_snapshot *snapshot;
	struct admission_ticket ticket;
	bool admitted; // among the snapshots
	uint32_t sent; // frames of it
	struct buffer piece;
	uint64_t bytes;
};

/// Goes on with pull->answer on a worker.
void pull_answer_on_worker(struct pull *pull, pull_answer *answer);
/// Sends the reply, whose messages stand in the body buffer, and frees.
void pull_end(struct pull *pull);
void pull_refuse(struct pull *pull, enum grpc_status status, const char *message);
void pull_fail(struct pull *pull, const struct error *err);

/// A reply that goes out while it is made: the first piece begins it. False: too much waits, and `go_on` will be called when
/// it is less, from whatever thread; the pull must not be touched until then.
bool pull_push(struct pull *pull, pull_answer *go_on);
/// Ends such a reply. err NULL: well.
void pull_end_pieces(struct pull *pull, const struct error *err);

#endif
