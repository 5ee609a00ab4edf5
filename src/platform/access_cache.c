#include "platform/access_cache.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"

enum { SHARD_COUNT = 16, SET_COUNT = 256, PLACE_COUNT = 4 };

struct place {
	struct access_cache_key key;
	int64_t expires_ms; // 0 = empty
	struct access_grant grant;
};

struct shard {
	pthread_rwlock_t lock; // guards all below
	size_t kept_count;     // grants kept since the last forgetting that found none left
	unsigned next_victim;
	struct place sets[SET_COUNT][PLACE_COUNT];
};

struct access_cache {
	struct shard shards[SHARD_COUNT];
};

struct access_cache *access_cache_create(void)
{
	// Pages that nothing was put into stay untouched and cost no memory.
	struct access_cache *cache = calloc(1, sizeof(*cache));
	ASSERT(cache);
	for (int i = 0; i < SHARD_COUNT; i++)
		pthread_rwlock_init(&cache->shards[i].lock, NULL);
	return cache;
}

void access_cache_destroy(struct access_cache *cache)
{
	if (!cache)
		return;
	for (int i = 0; i < SHARD_COUNT; i++)
		pthread_rwlock_destroy(&cache->shards[i].lock);
	free(cache);
}

// The key is a hash already: any bits of it spread evenly.
static struct shard *shard_of(struct access_cache *cache, const struct access_cache_key *key)
{
	return &cache->shards[key->words[0] % SHARD_COUNT];
}

static struct place *set_of(struct shard *shard, const struct access_cache_key *key)
{
	return shard->sets[key->words[1] % SET_COUNT];
}

static bool keys_equal(const struct access_cache_key *a, const struct access_cache_key *b)
{
	return ((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1])) == 0;
}

bool access_cache_find(struct access_cache *cache, const struct access_cache_key *key,
		       struct access_grant *out)
{
	struct shard *shard = shard_of(cache, key);
	bool found = false;
	pthread_rwlock_rdlock(&shard->lock);
	const struct place *set = set_of(shard, key);
	for (int i = 0; i < PLACE_COUNT && !found; i++) {
		found = set[i].expires_ms != 0 && keys_equal(&set[i].key, key) &&
			(set[i].expires_ms == INT64_MAX || set[i].expires_ms > clock_wall_ms());
		if (found)
			*out = set[i].grant;
	}
	pthread_rwlock_unlock(&shard->lock);
	return found;
}

static struct place *choose_place_locked(struct shard *shard, const struct access_cache_key *key)
{
	struct place *set = set_of(shard, key);
	int64_t now_ms = clock_wall_ms();
	for (int i = 0; i < PLACE_COUNT; i++) {
		if (keys_equal(&set[i].key, key))
			return &set[i];
	}
	for (int i = 0; i < PLACE_COUNT; i++) {
		if (set[i].expires_ms <= now_ms)
			return &set[i];
	}
	return &set[shard->next_victim++ % PLACE_COUNT];
}

void access_cache_keep(struct access_cache *cache, const struct access_cache_key *key,
		       const struct access_grant *grant, int64_t expires_ms,
		       const struct directory *directory, uint64_t changes)
{
	struct shard *shard = shard_of(cache, key);
	pthread_rwlock_wrlock(&shard->lock);
	// Who forgets moves `changes` first and takes this lock after: one of us two sees the other.
	if (directory_changes(directory) == changes) {
		struct place *place = choose_place_locked(shard, key);
		place->key = *key;
		place->expires_ms = expires_ms;
		place->grant = *grant;
		shard->kept_count++;
	}
	pthread_rwlock_unlock(&shard->lock);
}

static bool is_of_database(const struct access_grant *grant, const char *database)
{
	return strcmp(grant->database, database) == 0;
}

static bool is_of_group(const struct access_grant *grant, const char *group)
{
	return strcmp(grant->group, group) == 0;
}

typedef bool is_meant(const struct access_grant *grant, const char *uuid);

static size_t forget_locked(struct shard *shard, is_meant *meant, const char *uuid)
{
	size_t left = 0;
	struct place *places = shard->sets[0];
	for (int i = 0; i < SET_COUNT * PLACE_COUNT; i++) {
		if (places[i].expires_ms == 0)
			continue;
		if (meant(&places[i].grant, uuid))
			places[i] = (struct place){0};
		else
			left++;
	}
	return left;
}

static void forget(struct access_cache *cache, is_meant *meant, const char *uuid)
{
	for (int i = 0; i < SHARD_COUNT; i++) {
		struct shard *shard = &cache->shards[i];
		pthread_rwlock_wrlock(&shard->lock);
		if (shard->kept_count > 0)
			shard->kept_count = forget_locked(shard, meant, uuid);
		pthread_rwlock_unlock(&shard->lock);
	}
}

void access_cache_forget(struct access_cache *cache, const char *database)
{
	forget(cache, is_of_database, database);
}

void access_cache_forget_group(struct access_cache *cache, const char *group)
{
	forget(cache, is_of_group, group);
}

void access_cache_clear(struct access_cache *cache)
{
	for (int i = 0; i < SHARD_COUNT; i++) {
		struct shard *shard = &cache->shards[i];
		pthread_rwlock_wrlock(&shard->lock);
		if (shard->kept_count > 0)
			memset(shard->sets, 0, sizeof(shard->sets));
		shard->kept_count = 0;
		pthread_rwlock_unlock(&shard->lock);
	}
}
