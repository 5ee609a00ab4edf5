/// platform: the domain. Users, organizations, members, tokens, logical databases and their instances, kept
/// in the platform's own logical database. Knows nothing of HTTP, nor how its results are written down.
///
/// One header a noun: organization.h, token.h, database.h, instance.h, location.h; access.h for the data
/// plane.
///
/// Results live in the arena that the caller gives. Lists are arrays with a count and may be empty, then
/// NULL. Errors carry the code and the text of spec/platform-api.md.
///
/// Life:    fleet_open → platform_open → … → platform_finish → fleet_close → platform_close: the fleet's last
///          events still come while it closes, so the platform goes after it.
/// Threads: any. Functions that change something block until it is durable; call them from workers.
#ifndef ATOLL_PLATFORM_PLATFORM_H
#define ATOLL_PLATFORM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct access;
struct fleet;
struct fleet_options;
struct platform;
struct workers;

/// Fetches what an http or https URL names into the open file, at most `size_max` bytes.
/// Fails: ERR_BAD_REQUEST (why it could not be had), ERR_FULL, ERR_IO
struct platform_fetcher {
	bool (*fetch)(void *context, const char *url, int fd, uint64_t size_max, uint64_t *out_size,
		      struct error *err);
	void *context;
};

struct platform_options {
	struct fleet *fleet;
	const char *domain;          // hostnames end in it; with ":port" where clients need one
	const char *locations;       // codes served here, separated by commas; NULL or "" = all there are
	const char *location_define; // "CODE=NAME[@LATITUDE,LONGITUDE]; …"; NULL or "" = none
	const char *closest; // code answered as the closest location; NULL or "" = the first one served
	const char *implicit_group; // of databases that name none; NULL, "" or "none": they stand alone
	bool domain_in_dns;         // refuse names whose host label would not fit into DNS (63 characters)
	int waiters_max; // requests that wait for instances; each holds a worker, and creating needs some. 0 = 64
	struct workers *workers;         // for what the platform does by the clock; NULL: nothing
	int64_t usage_interval_ms;       // between two times that usage is stored
	uint64_t upload_bytes_max;       // of a file; 0 = 1 GiB
	struct platform_fetcher fetcher; // for dumps that lie elsewhere; without a function they are refused
	int64_t login_lifetime_ms;       // of login tokens; 0 = 7 days
	const char *oauth_clients;       // "ID SECRET URL; …"; NULL or "" = none
	int login_failures_max;          // of a user in a minute; 0 = 10
};

/// Whether platform_open would take these; opens nothing.
/// Fails: ERR_USAGE, its message beginning with the name of the setting
MUST_USE bool platform_check(const struct platform_options *options, struct error *err);

/// Opens the store, brings its schema up to date, connects itself to the fleet (describe, instance_event) and
/// finishes or undoes what a crash left half done.
/// Fails: ERR_STALE  the store was written by a newer version
///        ERR_USAGE  a location of the options is unknown
MUST_USE bool platform_open(const struct platform_options *options, struct platform **out, struct error *err);
/// Stores what was counted last, and ends what the platform does by the clock. No request may be under way. NULL is
/// fine.
void platform_finish(struct platform *platform);
void platform_close(struct platform *platform); // NULL is fine

/// Valid as long as the platform.
struct access *platform_access(struct platform *platform);

/// First start only (no user exists): creates the user with its personal organization, the organization with
/// the user as its owner, a platform token, and writes `file` (0600, JSON: url, organization, username,
/// token). Afterwards does nothing. *out_created tells which it was.
struct platform_bootstrap {
	const char *organization;
	const char *username;
	const char *url;
	const char *file;
};
MUST_USE bool platform_bootstrap(struct platform *platform, const struct platform_bootstrap *first,
				 bool *out_created, struct error *err);

/// Who asks. Made by platform_authenticate; the audit log names it.
struct caller {
	int64_t user;         // row in the store
	const char *username; //
	const char *email;    // "" if unknown
	int64_t organization; // the only one the token is good for; 0 = all of the user's
	int64_t group;        // the only group the token is good for; 0 = all
	unsigned scopes;      // scope.h; what the token allows, whatever the user's role does
	bool administrator;   // of the server: may make accounts
	int64_t expires_ms;   // of the token, wall clock; INT64_MAX = never
	const char *origin;   // "cli" or "web"; set by whoever knows
	const char *address;  // of the client, for the audit log; set by whoever knows; NULL if unknown
};

#endif
