/// proxy: `proxy.Proxy`, by which a replica in a client's process writes (spec/replication.md §3). Programs run on the primary,
/// on the client's own connection (peers.h), and are answered once what they did is durable and can be pulled.
#ifndef ATOLL_SYNC_PROXY_H
#define ATOLL_SYNC_PROXY_H

#include "net/server.h"

void proxy_handle_execute(void *context, struct net_request *request);
void proxy_handle_describe(void *context, struct net_request *request);
void proxy_handle_disconnect(void *context, struct net_request *request);
/// Answers that there is none: only other servers would keep a stream open.
void proxy_handle_stream(void *context, struct net_request *request);

#endif
