/// counts: what a server answered, by site, route and status, and how long that took. Private to net.
///
/// Threads: counting from any, at the price of some adds to memory of the own core; writing from any.
#ifndef ATOLL_NET_COUNTS_H
#define ATOLL_NET_COUNTS_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "net/server.h"

struct counts;

struct counts *counts_create(const struct net_site *sites, size_t count);
void counts_free(struct counts *counts); // NULL is fine

/// site: its number, or the count of sites where none claimed the request. route: NULL where none matched.
void counts_add(struct counts *counts, size_t site, const struct net_route *route, int status,
		uint64_t took_ns);
void counts_add_error(struct counts *counts, size_t site, enum error_code code);
void counts_add_bytes(struct counts *counts, uint64_t received, uint64_t sent);

/// What was counted, as metrics.
void counts_write(const struct counts *counts, struct buffer *out);

#endif
