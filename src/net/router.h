/// router: finds the row of a site's route table that a method and a path name.
///
/// Patterns are compiled once; a path without parameters is found by its hash, the others by their segments.
/// A literal segment wins over "{x}", from left to right, but only among rows of the request's method: what
/// one row does not serve, a wider one may.
#ifndef ATOLL_NET_ROUTER_H
#define ATOLL_NET_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "net/server.h"

struct router;

enum { ROUTER_SEGMENTS_MAX = 16, ROUTER_PARAMS_MAX = 8 };

struct route_param {
	const char *name; // of name_size bytes, not terminated
	size_t name_size;
	const char *value; // decoded, NUL-terminated, in the request's arena
};

struct route_match {
	const struct net_route *route;
	struct route_param params[ROUTER_PARAMS_MAX];
	size_t param_count;
};

/// The routes are borrowed. A table that breaks the rules of net_route is a bug and ends the process.
struct router *router_create(const struct net_route *routes, size_t count);
void router_destroy(struct router *router); // NULL is fine

/// path: undecoded; one slash at its end is ignored. Each segment is percent-decoded once, after the split.
/// Fails: ERR_ROUTE_NOT_FOUND, ERR_METHOD_NOT_ALLOWED (see router_allow),
///        ERR_BAD_REQUEST  a bad escape, or one that hides '/' or NUL
MUST_USE bool router_match(const struct router *router, const char *method, const char *path,
			   struct arena *arena, struct route_match *out, struct error *err);

/// The methods that the path knows: "GET, HEAD, POST".
void router_allow(const struct router *router, const char *path, struct arena *arena, struct buffer *out);

/// Decodes %XX into the arena. False on a bad escape or an escaped NUL.
bool router_decode(const char *text, size_t size, struct arena *arena, const char **out, size_t *out_size);

#endif
