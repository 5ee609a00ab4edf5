/// sync: replicas in the client's own process (spec/replication.md): they pull from the history of a database what they do
/// not have, and send what they write to its primary.
///
/// What is told is durable: a position that a client has got from here is never taken back under the same history.
/// Life:    sync_open → sync_site for net_server_start → … → sync_drain → net_server_drain → net_server_stop → sync_close → workers_stop.
#ifndef ATOLL_SYNC_SYNC_H
#define ATOLL_SYNC_SYNC_H

#include "base/error.h"
#include "net/server.h"

struct access;
struct fleet;
struct sync;
struct workers;

struct sync_options {
	struct fleet *fleet;
	struct access *access;
	struct workers *workers;
	const char *domain; // "localhost": {label}.localhost is a database
	size_t request_bytes_max;
	size_t result_bytes_max;  // of a program
	int connection_count_max; // by which replicas write to a database
	int64_t connection_idle_ms;
	int64_t long_poll_ms_max; // that a client may wait for news
	int generation_frames; // of clients that work offline: then their own write-ahead log is begun anew
	size_t push_bytes_max; // of a transaction that they send
	int64_t reply_ms_max;  // that the pages of one reply may take, which hold up the history meanwhile
};

MUST_USE bool sync_open(const struct sync_options *options, struct sync **out, struct error *err);

/// Stands before the SQL protocol's site: it claims its own paths of a database alone.
struct net_site sync_site(struct sync *sync);

/// Stops the programs that run; nothing more begins.
void sync_interrupt(struct sync *sync);
/// Early in a drain: who waits for news is answered.
void sync_drain(struct sync *sync);
/// No request may be under way. NULL is fine.
void sync_close(struct sync *sync);

#endif
