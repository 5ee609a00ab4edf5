/// state: what the Platform API keeps from request to request. Known to this module only.
#ifndef ATOLL_API_STATE_H
#define ATOLL_API_STATE_H

#include <stdatomic.h>

#include "api/documents.h"
#include "api/live.h"
#include "api/replay.h"
#include "api/routes.h"
#include "net/server.h"

struct api {
	struct platform *platform;
	const char *cors_origin; // NULL = off
	const char *url;
	const char *domain; // with a dot before it
	uint64_t upload_bytes_max;
	int64_t wait_ms_max;
	struct arena arena; // routes and texts, made at the start
	struct net_route *routes;
	size_t route_count;
	struct replay *replay;
	struct live_streams *live;
	struct documents documents;

	atomic_bool draining;
};

#endif
