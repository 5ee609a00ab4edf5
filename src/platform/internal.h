/// internal: what the files of the platform share. Not for other modules.
#ifndef ATOLL_PLATFORM_INTERNAL_H
#define ATOLL_PLATFORM_INTERNAL_H

#include <pthread.h>

#include "base/crypt.h"
#include "fleet/fleet.h"
#include "platform/access_internal.h"
#include "platform/audit.h"
#include "platform/group.h"
#include "platform/instance.h"
#include "platform/location.h"
#include "platform/names.h"
#include "platform/store.h"

enum {
	LOCATION_COUNT = 0
#define LOCATION(code, description, latitude, longitude) +1
#include "platform/location.def"
#undef LOCATION
};

struct lost_event;
struct platform {
	struct engine_database *store;
	struct fleet *fleet;
	struct access *access;
	char *domain;
	bool domain_in_dns;

	const struct location *locations[LOCATION_COUNT]; // served, by code
	size_t location_count;
	const struct location *closest;

	uint8_t token_seed[CRYPT_SEED_BYTES];
	uint8_t token_public[CRYPT_PUBLIC_BYTES];

	pthread_mutex_t instances_mutex;
	pthread_cond_t instances_changed;
	uint64_t instance_changes;      // guarded by instances_mutex; moves whenever a state was committed
	int waiter_count;               // guarded by instances_mutex
	struct lost_event *lost_events; // guarded by instances_mutex; fleet_events.c
};

// -- location.c
MUST_USE bool locations_open(struct platform *platform, const char *codes, const char *closest,
			     struct error *err);

// -- token.c
/// Stores a token under `name` and writes it. The name is known to be free.
const char *token_add(struct platform *platform, struct store_txn *txn, int64_t user, const char *name,
		      int64_t organization, struct arena *arena, const char **out_id);
MUST_USE bool token_seed_open(struct platform *platform, struct error *err);

// -- database.c
const char *hostname_of(const struct platform *platform, struct arena *arena, const char *label);
/// "could not find database with name [X]: record not found"
bool database_not_found(struct error *err, const char *ref);

/// message is "DONE database NAME".
void database_audit(struct store_txn *txn, const struct caller *caller,
		    const struct organization *organization, const char *code, const char *done,
		    const char *name, const char *uuid);

// -- database_destroy.c
/// Takes the databases of a group, or with group 0 those of the whole organization and its groups too, out of the
/// store and lists their UUIDs (each CRYPT_UUID_TEXT_BYTES).
void databases_remove(struct store_txn *txn, int64_t organization, int64_t group, struct buffer *out_uuids);
/// After the commit: nobody gets in any more, and the files go.
void databases_removed(struct platform *platform, const struct buffer *uuids);

// -- group.c
bool group_not_found(struct error *err);
bool group_find(struct store_txn *txn, const struct organization *organization, const char *ref,
		struct arena *arena, struct group *out);
bool group_has_location(const struct group *group, const char *code);
void group_add_location(struct store_txn *txn, const struct organization *organization, int64_t group,
			const char *code);
/// Platform tokens that are good for the group only.
void group_revoke_tokens(struct store_txn *txn, const struct group *group);
/// message is "DONE group NAME"; value NULL adds nothing to the data.
void group_audit(struct store_txn *txn, const struct caller *caller, const struct organization *organization,
		 const char *code, const char *done, const struct group *group, const char *key,
		 const char *value);

// -- instance.c
const char *instance_state_name(enum instance_state state);
/// Moves an instance along instance_state.def. False when it is not in state `was` any more.
bool instance_move(struct store_txn *txn, int64_t row, enum instance_state was, enum instance_state state,
		   const char *failure);
/// Wakes whoever waits for an instance, after the commit.
void instances_announce(struct platform *platform);

// -- fleet_events.c
void fleet_events_connect(struct platform *platform);
/// Stores again what the store would not take before. Whoever waits for an instance asks for it; if nobody does,
/// the next start settles it.
void fleet_events_retry(struct platform *platform);
void fleet_events_forget(struct platform *platform);
/// Finishes or undoes what was under way when the process ended.
MUST_USE bool fleet_events_resume(struct platform *platform, struct error *err);
/// Removes the files of an instance that is `destroying`, then its row.
void instance_remove(struct platform *platform, const char *database, const char *instance);

#endif
