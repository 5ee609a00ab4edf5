/// watch: what machines ask of the server: is it alive (/health), can it serve (/ready), and its numbers for Prometheus
/// (/metrics).
///
/// /health and /ready need no token and tell no names. /metrics wants the token of an administrator, or the one of the
/// file `token_file`; on a server of its own (watch_open_site) it wants none.
///
/// Life:    watch_open → watch_site for net_server_start → … → net_server_stop → watch_close.
/// Threads: parts and checks are called on workers, several at a time.
#ifndef ATOLL_CONSOLE_WATCH_H
#define ATOLL_CONSOLE_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "net/server.h"

struct watch;
struct workers;

/// Writes the families of one module (base/exposition.h).
struct watch_part {
	void (*write)(void *context, struct buffer *out);
	void *context;
};

/// Fails with why the server should not be given work, in words that tell no secret.
struct watch_check {
	const char *name;
	bool (*passes)(void *context, struct error *err);
	void *context;
	bool warns; // a failure is shown as such, and the server serves all the same
};

struct watch_options {
	const char *data_folder;
	uint64_t disk_free_min; // bytes, below which the server is not ready
	const char *token_file; // or NULL
	struct workers *workers;
	const struct watch_part *parts; // copied, as are the checks
	size_t part_count;
	const struct watch_check *checks;
	size_t check_count;
	/// Whether the holder of an Authorization header's value, which may be NULL, may see the metrics.
	bool (*may_watch)(void *context, const char *authorization, struct error *err);
	void *context;
};

/// Fails: ERR_USAGE  the token file cannot be read, or holds no token of 16 characters and more
MUST_USE bool watch_open(const struct watch_options *options, struct watch **out, struct error *err);
void watch_close(struct watch *watch); // NULL is fine

/// Claims the three paths and nothing else.
struct net_site watch_site(struct watch *watch);
/// The same without any token: for an address that only the operator's own network reaches.
struct net_site watch_open_site(struct watch *watch);

#endif
