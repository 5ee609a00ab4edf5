/// internal: what the files of this module share. Not for other modules.
#ifndef ATOLL_SYNC_INTERNAL_H
#define ATOLL_SYNC_INTERNAL_H

#include "net/server.h"
#include "platform/access.h"
#include "sync/sync.h"

struct admission;
struct peers;

struct sync {
	struct fleet *fleet;
	struct access *access;
	struct workers *workers;
	char *domain; // in lower case, with a leading dot
	struct net_route *routes;
	struct peers *peers;
	struct admission *admission; // of programs
	struct admission *snapshots; // each holds a connection until its client has read it
	size_t result_bytes_max;
	uint8_t session_key[32]; // of this life of the server
	struct polls *polls;
	struct push_stages *stages;
	uint32_t generation_frames;
	int64_t long_poll_ms_max;
	int64_t reply_ms_max;
};

/// Checks who asks, for the database that the request's label names: by `Authorization`, or as gRPC clients send it by
/// `x-authorization`.
/// Fails: ERR_NAMESPACE_NOT_FOUND, ERR_AUTH_… (platform/access.h)
MUST_USE bool sync_authorize(struct sync *sync, const struct net_request *request, struct access_grant *out,
			     struct error *err);

/// Answers with {"error": text} and the status of the code; not for gRPC. Finishes the request.
void sync_refuse(struct net_request *request, const struct error *err);

#endif
