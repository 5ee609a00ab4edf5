/// fetch: gets a file by HTTP for a client that named its URL. The client may not be trusted with what this machine can
/// reach: only http and https, redirects too, and by default only addresses that everybody can reach, looked at as the
/// connection is made, so that no name can change its mind in between.
#ifndef ATOLL_NET_FETCH_H
#define ATOLL_NET_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct net_fetch_limits {
	uint64_t bytes_max;
	int64_t timeout_ms; // for all of it
	bool private_addresses;
	/// Asked about once a second; true gives it up.
	bool (*is_cancelled)(void *context);
	void *context;
};

/// Writes what the URL gives into the file, from its beginning.
/// Fails: ERR_BAD_REQUEST  no such URL, not allowed, no answer with status 200, too large, too slow
///        ERR_FULL, ERR_IO (the file), ERR_SHUTDOWN (cancelled)
MUST_USE bool net_fetch(const char *url, int fd, const struct net_fetch_limits *limits, uint64_t *out_size,
			struct error *err);

#endif
