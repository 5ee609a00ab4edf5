/// updates: `POST /pull-updates`, the pages that a client's replica does not have (spec/replication.md §6).
#ifndef ATOLL_SYNC_UPDATES_H
#define ATOLL_SYNC_UPDATES_H

struct net_request;

/// A handler; its context is the struct sync. The reply is sent while it is read; a client that has everything may wait
/// for news.
void updates_handle(void *context, struct net_request *request);

#endif
