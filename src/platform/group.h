/// group: databases that share a primary location, replica locations and the key of their tokens
/// (spec/platform-api.md §2.6, §3.5).
#ifndef ATOLL_PLATFORM_GROUP_H
#define ATOLL_PLATFORM_GROUP_H

#include "platform/organization.h"

struct group {
	int64_t row; // in the store; 0 = none
	const char *uuid;
	const char *name;
	const char *primary;          // location code
	const char *const *locations; // the primary one first, then sorted
	size_t location_count;
	bool archived;
	bool delete_protection;
};

/// `ref` is a name or a UUID (which wins). A caller whose token is good for one group only sees no other.
/// Fails: ERR_GROUP_NOT_FOUND "group not found"
MUST_USE bool platform_find_group(struct platform *platform, const struct organization *organization,
				  const char *ref, struct arena *arena, struct group *out, struct error *err);

#endif
