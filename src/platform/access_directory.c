#include "platform/access_directory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"
#include "platform/store.h"

enum { BUCKET_COUNT = 16384, ABSENT_COUNT = 1024, ABSENT_MS = 1000, LOAD_TRIES_MAX = 100 };

struct host {
	struct host *next;          // in its bucket
	struct host *next_of_realm; //
	struct realm *realm;
	char instance[CRYPT_UUID_TEXT_BYTES];
	char label[LABEL_BYTES];
};

// What all hosts of one database share.
struct realm {
	struct realm *next; // in its bucket
	struct host *hosts;
	struct directory_entry entry; // with instance ""
};

// A label that was looked for in vain.
struct absent {
	uint64_t hash;
	uint64_t additions; // the directory's, when it was looked for
	int64_t until_ms;
};

struct directory {
	struct engine_database *store;
	uint64_t hash_seed;
	_Atomic(uint64_t) changes;
	_Atomic(uint64_t) additions;

	pthread_rwlock_t lock; // guards all below
	struct host *hosts[BUCKET_COUNT];
	struct realm *realms[BUCKET_COUNT];
	struct absent absent[ABSENT_COUNT];
};

struct directory *directory_create(struct engine_database *store)
{
	struct directory *directory = calloc(1, sizeof(*directory));
	ASSERT(directory);
	directory->store = store;
	crypt_random(&directory->hash_seed, sizeof(directory->hash_seed));
	pthread_rwlock_init(&directory->lock, NULL);
	return directory;
}

static uint64_t hash_of(const struct directory *directory, const char *text)
{
	return XXH3_64bits_withSeed(text, strlen(text), directory->hash_seed);
}

static struct host **host_place(struct directory *directory, const char *label)
{
	struct host **at = &directory->hosts[hash_of(directory, label) % BUCKET_COUNT];
	while (*at && strcmp((*at)->label, label) != 0)
		at = &(*at)->next;
	return at;
}

static struct realm **realm_place(struct directory *directory, const char *uuid)
{
	struct realm **at = &directory->realms[hash_of(directory, uuid) % BUCKET_COUNT];
	while (*at && strcmp((*at)->entry.database, uuid) != 0)
		at = &(*at)->next;
	return at;
}

static void remove_host_locked(struct directory *directory, struct host *host)
{
	struct host **place = host_place(directory, host->label);
	ASSERT(*place == host);
	*place = host->next;
	free(host);
}

static void remove_realm_locked(struct realm **place, struct directory *directory)
{
	struct realm *realm = *place;
	while (realm->hosts) {
		struct host *host = realm->hosts;
		realm->hosts = host->next_of_realm;
		remove_host_locked(directory, host);
	}
	*place = realm->next;
	free(realm);
}

void directory_destroy(struct directory *directory)
{
	if (!directory)
		return;
	for (size_t i = 0; i < BUCKET_COUNT; i++) {
		while (directory->realms[i])
			remove_realm_locked(&directory->realms[i], directory);
	}
	pthread_rwlock_destroy(&directory->lock);
	free(directory);
}

// -- loading ------------------------------------------------------------------------------------------

static void read_group(struct query *q, struct directory_entry *entry)
{
	size_t size = 0;
	if (query_is_null(q, 5))
		return;
	snprintf(entry->group, sizeof(entry->group), "%s", query_text(q, 5));
	const void *seed = query_blob(q, 6, &size);
	ASSERT(size == CRYPT_SEED_BYTES);
	crypt_key_from_seed(seed, entry->group_key);
	entry->group_epoch = (uint64_t)query_integer(q, 7);
}

static bool load(struct directory *directory, enum sql_id statement, const char *parameter, const char *key,
		 bool *out_exists, struct directory_entry *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct directory_entry entry = {0};
	if (!store_begin(directory->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, statement);
	query_bind_text(q, parameter, key);
	bool exists = query_step(q);
	if (exists) {
		size_t size = 0;
		snprintf(entry.database, sizeof(entry.database), "%s", query_text(q, 0));
		snprintf(entry.username, sizeof(entry.username), "%s", query_text(q, 1));
		const void *seed = query_blob(q, 2, &size);
		ASSERT(size == CRYPT_SEED_BYTES);
		crypt_key_from_seed(seed, entry.public_key);
		entry.epoch = (uint64_t)query_integer(q, 3);
		snprintf(entry.instance, sizeof(entry.instance), "%s", query_text(q, 4));
		read_group(q, &entry);
		query_run(q);
	}
	if (!store_commit(&txn, err))
		return false;
	*out_exists = exists;
	*out = entry;
	return true;
}

static struct realm *keep_realm_locked(struct directory *directory, const struct directory_entry *entry)
{
	struct realm **place = realm_place(directory, entry->database);
	if (!*place) {
		struct realm *realm = calloc(1, sizeof(*realm));
		ASSERT(realm);
		realm->entry = *entry;
		realm->entry.instance[0] = '\0';
		*place = realm;
	}
	return *place;
}

static void keep_host_locked(struct directory *directory, const char *label,
			     const struct directory_entry *entry)
{
	struct realm *realm = keep_realm_locked(directory, entry);
	struct host **place = host_place(directory, label);
	if (*place)
		return;
	struct host *host = calloc(1, sizeof(*host));
	ASSERT(host);
	snprintf(host->label, sizeof(host->label), "%s", label);
	memcpy(host->instance, entry->instance, sizeof(host->instance));
	host->realm = realm;
	host->next_of_realm = realm->hosts;
	realm->hosts = host;
	*place = host;
}

// What the store said is kept only if nothing was forgotten since the question: else it might be older than the
// forgetting, and would stay.
static bool keep(struct directory *directory, uint64_t changes, const char *label, bool exists,
		 uint64_t additions, const struct directory_entry *entry)
{
	pthread_rwlock_wrlock(&directory->lock);
	bool fresh = atomic_load(&directory->changes) == changes;
	if (fresh && exists && label)
		keep_host_locked(directory, label, entry);
	else if (fresh && exists)
		keep_realm_locked(directory, entry);
	else if (fresh && label) {
		uint64_t hash = hash_of(directory, label);
		directory->absent[hash % ABSENT_COUNT] = (struct absent){
			.hash = hash, .additions = additions, .until_ms = clock_monotonic_ms() + ABSENT_MS};
	}
	pthread_rwlock_unlock(&directory->lock);
	return fresh;
}

static bool not_found(struct error *err, const char *what)
{
	return error_set(err, ERR_NAMESPACE_NOT_FOUND, "Namespace `%s` doesn't exist", what);
}

static bool load_and_keep(struct directory *directory, enum sql_id statement, const char *parameter,
			  const char *key, struct directory_entry *out, struct error *err)
{
	bool exists = false;
	const char *label = statement == SQL_ACCESS_BY_LABEL ? key : NULL;
	for (int tries = 0; tries < LOAD_TRIES_MAX; tries++) {
		uint64_t changes = atomic_load(&directory->changes);
		uint64_t additions = atomic_load(&directory->additions);
		if (!load(directory, statement, parameter, key, &exists, out, err))
			return false;
		if (keep(directory, changes, label, exists, additions, out))
			return exists || not_found(err, key);
	}
	return error_set(err, ERR_UNAVAILABLE, "too many databases change at once: try again");
}

// -- asking -------------------------------------------------------------------------------------------

bool directory_find(struct directory *directory, const char *label, struct directory_entry *out,
		    struct error *err)
{
	uint64_t hash = hash_of(directory, label);
	pthread_rwlock_rdlock(&directory->lock);
	const struct host *host = *host_place(directory, label);
	const struct absent *absent = &directory->absent[hash % ABSENT_COUNT];
	bool is_absent = !host && absent->hash == hash &&
			 absent->additions == atomic_load(&directory->additions) &&
			 absent->until_ms > clock_monotonic_ms();
	if (host) {
		*out = host->realm->entry;
		memcpy(out->instance, host->instance, sizeof(out->instance));
	}
	pthread_rwlock_unlock(&directory->lock);
	if (host)
		return true;
	if (is_absent)
		return not_found(err, label);
	return load_and_keep(directory, SQL_ACCESS_BY_LABEL, ":label", label, out, err);
}

bool directory_find_database(struct directory *directory, const char *uuid, struct directory_entry *out,
			     struct error *err)
{
	pthread_rwlock_rdlock(&directory->lock);
	const struct realm *realm = *realm_place(directory, uuid);
	if (realm)
		*out = realm->entry;
	pthread_rwlock_unlock(&directory->lock);
	return realm || load_and_keep(directory, SQL_ACCESS_BY_UUID, ":uuid", uuid, out, err);
}

bool directory_is_current(struct directory *directory, const char *database, const char *group,
			  uint64_t epoch)
{
	// Whoever holds an epoch has asked for the database before: if it is no longer here, it was forgotten.
	pthread_rwlock_rdlock(&directory->lock);
	const struct realm *realm = *realm_place(directory, database);
	bool current = realm &&
		       (group[0] ? strcmp(realm->entry.group, group) == 0 && realm->entry.group_epoch == epoch
				 : realm->entry.epoch == epoch);
	pthread_rwlock_unlock(&directory->lock);
	return current;
}

uint64_t directory_changes(const struct directory *directory)
{
	return atomic_load(&directory->changes);
}

// -- forgetting ---------------------------------------------------------------------------------------

void directory_label_added(struct directory *directory)
{
	atomic_fetch_add(&directory->additions, 1);
}

void directory_group_rotated(struct directory *directory, const char *group,
			     const uint8_t key[CRYPT_PUBLIC_BYTES], uint64_t epoch)
{
	pthread_rwlock_wrlock(&directory->lock);
	atomic_fetch_add(&directory->changes, 1);
	for (size_t i = 0; i < BUCKET_COUNT; i++) {
		for (struct realm *realm = directory->realms[i]; realm; realm = realm->next) {
			// Of two rotations the later one stays, whoever comes here first.
			if (strcmp(realm->entry.group, group) != 0 || realm->entry.group_epoch >= epoch)
				continue;
			memcpy(realm->entry.group_key, key, CRYPT_PUBLIC_BYTES);
			realm->entry.group_epoch = epoch;
		}
	}
	pthread_rwlock_unlock(&directory->lock);
}

void directory_forget_database(struct directory *directory, const char *database)
{
	pthread_rwlock_wrlock(&directory->lock);
	atomic_fetch_add(&directory->changes, 1);
	struct realm **place = realm_place(directory, database);
	if (*place)
		remove_realm_locked(place, directory);
	pthread_rwlock_unlock(&directory->lock);
}

void directory_forget_instance(struct directory *directory, const char *database, const char *instance)
{
	pthread_rwlock_wrlock(&directory->lock);
	atomic_fetch_add(&directory->changes, 1);
	struct realm *realm = *realm_place(directory, database);
	for (struct host **at = realm ? &realm->hosts : NULL; at && *at;) {
		struct host *host = *at;
		if (strcmp(host->instance, instance) == 0) {
			*at = host->next_of_realm;
			remove_host_locked(directory, host);
		} else {
			at = &host->next_of_realm;
		}
	}
	pthread_rwlock_unlock(&directory->lock);
}
