/// api: the Platform API (spec/platform-api.md), a site for net/server.
///
/// A request's way: routes.c says what its row asks for → gate.c looks at caller, organization, role,
/// database and body in the specification's order → the handler in the file of its noun makes one domain call
/// → views.c writes the answer, or errors.c the refusal.
///
/// Life:    platform_open → api_open → api_site for net_server_start → … → api_drain → net_server_drain →
///          net_server_stop → api_close → platform_close.
/// Threads: rows that touch the platform's store run on workers, the others on network threads.
#ifndef ATOLL_API_API_H
#define ATOLL_API_API_H

#include "base/error.h"
#include "net/server.h"

struct api;
struct platform;
struct workers;

/// 0 takes the value in parentheses.
struct api_options {
	struct platform *platform;
	struct workers *workers;   // for …/live
	const char *cors_origin;   // for browsers on other origins: "*" or one origin; NULL or "" = off
	const char *url;           // where people find this server ("http://localhost")
	const char *domain;        // databases are {label}.DOMAIN ("localhost")
	uint64_t upload_bytes_max; // of a file that is uploaded (1 GiB)
	int listener_count_max;    // of …/live of a database (128)
	int64_t wait_ms_max;       // how long …/wait holds its answer (30,000)
};

MUST_USE bool api_open(const struct api_options *options, struct api **out, struct error *err);

/// Claims every request: stands after the sites that claim only some.
struct net_site api_site(struct api *api);

/// Lets …/wait and …/live answer soon, so that a drain need not wait for them.
void api_drain(struct api *api);

/// No request may be under way. NULL is fine.
void api_close(struct api *api);

#endif
