/// gate: everything that is looked at before a handler, in the order of spec/platform-api.md §1.6. Route,
/// method and size have been looked at by net; here follow caller, organization, role, scope, database and
/// the body's syntax.
#ifndef ATOLL_API_GATE_H
#define ATOLL_API_GATE_H

#include "net/server.h"

struct api;
struct api_request;
struct arena;

/// net_handler of every row; context is the api.
void gate_serve(void *context, struct net_request *request);

/// Whether whoever sent a request that goes on would be let in now: the same checks again. *out has what they resolve, in the
/// arena; no answer is written by it.
MUST_USE bool gate_admit_again(struct api *api, struct net_request *request, struct arena *arena,
			       struct api_request *out, struct error *err);

/// Adds the header that lets a browser read the answer, if that is configured.
void gate_allow_origin(const struct api *api, struct net_request *request);

#endif
