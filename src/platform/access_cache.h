/// access_cache: grants that were checked before, by a secret hash of host label and credential.
///
/// A fixed number of places in sharded sets; the newest pushes out another one of its set. It holds neither labels
/// nor credentials.
///
/// Threads: any.
#ifndef ATOLL_PLATFORM_ACCESS_CACHE_H
#define ATOLL_PLATFORM_ACCESS_CACHE_H

#include "platform/access.h"
#include "platform/access_directory.h"

struct access_cache;

/// 128 bits of a hash that nobody outside can compute.
struct access_cache_key {
	uint64_t words[2];
};

struct access_cache *access_cache_create(void);
void access_cache_destroy(struct access_cache *cache); // NULL is fine

bool access_cache_find(struct access_cache *cache, const struct access_cache_key *key,
		       struct access_grant *out);

/// Kept until `expires_ms` (wall clock; INT64_MAX = for ever), unless the directory has changed since `changes`.
void access_cache_keep(struct access_cache *cache, const struct access_cache_key *key,
		       const struct access_grant *grant, int64_t expires_ms,
		       const struct directory *directory, uint64_t changes);

/// Drops all grants of a database. To be called after the directory forgot.
void access_cache_forget(struct access_cache *cache, const char *database);
/// Drops all grants that a group's tokens gave.
void access_cache_forget_group(struct access_cache *cache, const char *group);
void access_cache_clear(struct access_cache *cache);

#endif
