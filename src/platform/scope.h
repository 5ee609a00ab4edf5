/// scope: what a platform token may do when it is not good for everything (spec/platform-api.md §2.4).
#ifndef ATOLL_PLATFORM_SCOPE_H
#define ATOLL_PLATFORM_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/// A set is the sum of its members.
enum scope {
	SCOPE_NONE = 0, // no resource of an organization is touched
	SCOPE_READ = 1,
	SCOPE_DB_CREATE = 2,
	SCOPE_DB_DELETE = 4,
	SCOPE_DB_CONFIGURE = 8,
	SCOPE_DB_MINT_TOKEN = 16,
	SCOPE_DB_ROTATE_CREDS = 32,
	SCOPE_GROUP_CONFIGURE = 64,
	SCOPE_GROUP_MINT_TOKEN = 128,
	SCOPE_GROUP_ROTATE_CREDS = 256,
	SCOPE_ALL = 511,
	// Beyond what a group's token can ever have: members, invites, settings of the organization, making and
	// removing groups.
	SCOPE_ORGANIZATION = 512,
	// Beyond what an organization's token can ever have: the user's own account, its organizations, and other
	// accounts.
	SCOPE_ACCOUNT = 1024
};

/// "db:create"; for a single scope that has a name.
const char *scope_name(enum scope scope);

/// The scope or preset ("read-only", "full-access") of that name, as a set; SCOPE_NONE if there is none.
unsigned scope_of(const char *name);

/// The names of a set, SCOPE_READ first. At most SCOPE_COUNT of them. Returns how many.
enum { SCOPE_COUNT = 9 };
size_t scope_names(unsigned scopes, const char *out[SCOPE_COUNT]);

/// A set as the store keeps it: names with blanks between. NULL and words that no scope has are nothing.
const char *scope_write(unsigned scopes, struct arena *arena);
unsigned scope_read(const char *text);

#endif
