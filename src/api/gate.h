/// gate: everything that is looked at before a handler, in the order of spec/platform-api.md §1.6. Route,
/// method and size have been looked at by net; here follow caller, organization, role, scope, database and
/// the body's syntax.
#ifndef ATOLL_API_GATE_H
#define ATOLL_API_GATE_H

#include "net/server.h"

struct api;

/// net_handler of every row; context is the api.
void gate_serve(void *context, struct net_request *request);

/// Adds the header that lets a browser read the answer, if that is configured.
void gate_allow_origin(const struct api *api, struct net_request *request);

#endif
