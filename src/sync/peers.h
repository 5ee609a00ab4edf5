/// peers: the connections by which replicas in clients' processes write (spec/replication.md §3). The client names its
/// connection, the server keeps what belongs to it: a transaction, settings, what the last write did.
///
/// A name means something only together with the credential and the database: others cannot guess their way in.
/// A connection that is idle for `idle_ms` is closed. If it held a transaction, the next program on it is told so, for the
/// client would take the rest of its transaction for statements of their own.
///
/// Life:    peers_enter → go → peer_open → use of the session → peers_leave. One turn at a time for a connection.
/// Threads: any.
#ifndef ATOLL_SYNC_PEERS_H
#define ATOLL_SYNC_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "platform/access.h"

struct fleet;
struct fleet_session;
struct net_request;
struct peer;
struct peers;
struct workers;

enum { PEER_NAME_BYTES_MAX = 64 };

struct peers_options {
	struct fleet *fleet;
	struct access *access;
	struct workers *workers;
	int count_max; // open connections of a database
	int64_t idle_ms;
};

struct peers *peers_create(const struct peers_options *options);
/// Stops what runs, and lets nothing begin any more.
void peers_interrupt(struct peers *peers);
/// Nobody may have a turn. NULL is fine.
void peers_close(struct peers *peers);

/// Embedded in a request; belongs to the peers until `go` is called, and again by peers_leave.
struct peer_turn {
	void (*go)(struct peer_turn *turn); // from any thread, which it must not block
	struct net_request *request;
	const struct access_grant *grant;
	bool ends;           // the client wants the connection's end
	bool takes_news;     // can tell the client that its transaction was lost
	struct peers *peers; // set by peers_enter
	struct peer *peer;   // set before `go`
	bool urgent;         // the same: a transaction is open, for whose end others may wait
	struct peer_turn *next;
};

/// Calls turn->go once the connection is free: at once, or after those who came before.
/// Fails: ERR_BAD_REQUEST  no name, or one too long
///        ERR_RATE_LIMITED too many wait for it already
MUST_USE bool peers_enter(struct peers *peers, const char *name, size_t name_size, struct peer_turn *turn,
			  struct error *err);
/// The connection's session, opened if there is none. Blocks: on a worker.
/// Fails: ERR_TRANSACTION_TIMEOUT  it was idle for too long with a transaction open; told once
///        ERR_RATE_LIMITED         too many connections of the database are kept
///        as fleet_acquire
MUST_USE bool peer_open(struct peers *peers, struct peer_turn *turn, struct fleet_session **out,
			struct error *err);
/// Its session has written: what it knows of that is kept a while.
void peer_wrote(struct peer *peer);
/// Ends the turn; `close` ends the connection, too. Blocks shortly when a session is closed.
void peers_leave(struct peers *peers, struct peer_turn *turn, bool close);

#endif
