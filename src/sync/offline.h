/// offline: what a replica that works offline asks for (spec/replication.md §5): which protocol is spoken here, and frames of
/// a generation (fleet/generations.h). Its pushes are in push.h, whole databases in export.h.
#ifndef ATOLL_SYNC_OFFLINE_H
#define ATOLL_SYNC_OFFLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "fleet/history.h"
#include "sync/internal.h"

enum { OFFLINE_FRAME_HEAD_BYTES = 24, OFFLINE_FRAME_BYTES = OFFLINE_FRAME_HEAD_BYTES + 4096 };

/// 200 where clients are served offline; 404 with a good token means frames by gRPC.
void offline_handle_info(void *context, struct net_request *request);
void offline_handle_pull(void *context, struct net_request *request);

/// Opens the history of the grant's database. Blocks. Fails: ERR_ROUTE_NOT_FOUND when it does not serve such clients
MUST_USE bool offline_open(struct sync *sync, const struct access_grant *grant, struct fleet_history **out,
			   struct error *err);
/// A number in the request's path. Fails: ERR_BAD_REQUEST
MUST_USE bool offline_param(const struct net_request *request, const char *name, uint32_t *out,
			    struct error *err);
/// Appends the frames `from` up to `count` of them that the generation has. Fails: ERR_STALE when they are no longer kept
MUST_USE bool offline_read(struct fleet_history *history, const struct generation *generation, uint32_t from,
			   uint32_t count, struct buffer *out, struct error *err);

#endif
