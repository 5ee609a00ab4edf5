/// pull: `wal_log.ReplicationLog`, by which a replica in a client's process gets what it does not have (spec/replication.md
/// §2): Hello tells the history and its last durable frame, BatchLogEntries gives transactions, Snapshot all pages of now.
#ifndef ATOLL_SYNC_PULL_H
#define ATOLL_SYNC_PULL_H

#include "net/server.h"

void pull_handle_hello(void *context, struct net_request *request);
void pull_handle_batch(void *context, struct net_request *request);
void pull_handle_snapshot(void *context, struct net_request *request);
/// Answers that there is none: only other servers would wait on an open reply.
void pull_handle_log_entries(void *context, struct net_request *request);

#endif
