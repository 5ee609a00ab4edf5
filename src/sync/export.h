/// export: `GET /export/{g}`, the whole database as it was when a generation began (spec/replication.md §5).
#ifndef ATOLL_SYNC_EXPORT_H
#define ATOLL_SYNC_EXPORT_H

struct net_request;

/// A handler; its context is the struct sync. The reply is sent while it is read.
void export_handle(void *context, struct net_request *request);

#endif
