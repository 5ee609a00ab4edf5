/// internal: what the files of the platform share. Not for other modules.
#ifndef ATOLL_PLATFORM_INTERNAL_H
#define ATOLL_PLATFORM_INTERNAL_H

#include <pthread.h>

#include "base/crypt.h"
#include "fleet/fleet.h"
#include "fleet/seed.h"
#include "platform/access_internal.h"
#include "platform/audit.h"
#include "platform/group.h"
#include "platform/instance.h"
#include "platform/location.h"
#include "platform/names.h"
#include "platform/store.h"

struct lost_event;
struct usage_meter;
struct uploads;
struct platform {
	struct engine_database *store;
	struct fleet *fleet;
	struct access *access;
	char *domain;
	bool domain_in_dns;

	struct arena places;               // of location.c
	const struct location **locations; // served, by code
	size_t location_count;
	const struct location *closest;

	uint8_t token_seed[CRYPT_SEED_BYTES];
	uint8_t token_public[CRYPT_PUBLIC_BYTES];

	char *implicit_group; // of databases that name none; NULL: they stand alone
	pthread_mutex_t
		rules_mutex; // held while rules go from the store to the fleet, so that none overtakes

	struct uploads *uploads; // upload.c

	pthread_mutex_t instances_mutex;
	pthread_cond_t instances_changed;
	uint64_t instance_changes;      // guarded by instances_mutex; moves whenever a state was committed
	int waiter_count;               // guarded by instances_mutex
	struct lost_event *lost_events; // guarded by instances_mutex; fleet_events.c

	struct usage_meter *usage_meter; // NULL once finished
};

// -- location.c
/// defined: "hel=Helsinki, Finland@60.32,24.95; dc1=Our cellar", or NULL. The rest as in platform_options.
MUST_USE bool locations_open(struct platform *platform, const char *codes, const char *defined,
			     const char *closest, struct error *err);
void locations_close(struct platform *platform);

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

/// `ref` is a name or a UUID, as in platform_find_database.
bool database_find(struct platform *platform, struct store_txn *txn, const struct organization *organization,
		   const char *ref, struct arena *arena, struct database *out);
/// The host label of a name; both parts obey their rules, so it fits.
void database_label(const char *name, const char *slug, char label[LABEL_BYTES]);

/// An answer is held so long for the instances of a group's database.
enum { DATABASE_READY_WAIT_MS = 5000 };

// -- database_configuration.c
/// The row of the database, 0 if there is none, and what its owner allows.
int64_t database_rules(struct store_txn *txn, const char *uuid, struct engine_rules *out);

// -- database_destroy.c
bool database_is_protected(struct store_txn *txn, const struct organization *organization,
			   const struct database *database);
/// Takes the databases of a group, or with group 0 those of the whole organization and its groups too, out of the
/// store and lists their UUIDs (each CRYPT_UUID_TEXT_BYTES).
void databases_remove(struct store_txn *txn, int64_t organization, int64_t group, struct buffer *out_uuids);
/// After the commit: nobody gets in any more, and the files go.
void databases_removed(struct platform *platform, const struct buffer *uuids);

// -- group.c
bool group_not_found(struct error *err);
bool group_find(struct store_txn *txn, const struct organization *organization, const char *ref,
		struct arena *arena, struct group *out);
/// The one group that a caller with organization.only_group sees.
bool group_find_only(struct store_txn *txn, const struct organization *organization, struct arena *arena,
		     struct group *out);
bool group_has_location(const struct group *group, const char *code);
void group_add_location(struct store_txn *txn, const struct organization *organization, int64_t group,
			const char *code);
/// Platform tokens that are good for the group only.
void group_revoke_tokens(struct store_txn *txn, const struct group *group);
/// message is "DONE group NAME"; value NULL adds nothing to the data.
void group_audit(struct store_txn *txn, const struct caller *caller, const struct organization *organization,
		 const char *code, const char *done, const struct group *group, const char *key,
		 const char *value);

// -- group_location.c
bool group_holds(struct store_txn *txn, const struct organization *organization, int64_t group,
		 const char *location);
/// True when the group has one database and no more.
bool group_is_alone(struct store_txn *txn, const struct organization *organization, int64_t group);
/// Takes the location out of the group and ends the instances that its databases have there. Of `group` row, name and
/// uuid are used.
struct instance_changes;
void group_drop_location(struct store_txn *txn, const struct caller *caller,
			 const struct organization *organization, const struct group *group, const char *code,
			 struct instance_changes *changes);

// -- instance.c
struct instance_found {
	int64_t row;
	const char *failure;
	struct instance view;
};
bool instance_not_found(struct error *err, const struct database *database, const char *ref);
MUST_USE bool instance_look_up(struct platform *platform, const struct organization *organization,
			       const struct database *database, const char *ref, struct arena *arena,
			       struct instance_found *out, struct error *err);
enum instance_state instance_state_of(const char *name);
const char *instance_state_name(enum instance_state state);
/// Moves an instance along instance_state.def. False when it is not in state `was` any more.
bool instance_move(struct store_txn *txn, int64_t row, enum instance_state was, enum instance_state state,
		   const char *failure);

// -- instance_create.c
/// What a transaction decided about instances, to be done after its commit: a crash in between is made good by the next
/// start, which finds them `creating` or `destroying`.
struct instance_changes {
	struct buffer launches; // of struct access_instance
	struct buffer removals; //
};
void instance_changes_cleanup(struct instance_changes *changes);
void instance_changes_apply(struct platform *platform, const struct instance_changes *changes);

struct instance_row {
	int64_t row;
	char uuid[CRYPT_UUID_TEXT_BYTES];
	enum instance_state state;
};
/// Nobody sees the instance any more; it is `destroying`. `database` is a UUID.
void instance_end(struct store_txn *txn, const struct organization *organization, const char *database,
		  const struct instance_row *instance, struct instance_changes *changes);
/// Stores the instances that a database lacks of its group's locations. Of `database` row, uuid and name are used.
void instances_complete(struct store_txn *txn, const struct organization *organization,
			const struct database *database, const char *image, struct instance_changes *changes);
void instance_audit(struct store_txn *txn, const struct caller *caller,
		    const struct organization *organization, const struct database *database,
		    const char *code, const char *done, const char *name, const char *location);

// -- instance_wait.c
/// Wakes whoever waits for an instance, after the commit.
void instances_announce(struct platform *platform);
/// Waits until the instance is no longer being created; gives its state then, or at the deadline.
MUST_USE bool instance_wait_created(struct platform *platform, const struct organization *organization,
				    const struct database *database, const char *ref, int64_t deadline_ms,
				    struct arena *arena, struct instance_found *out, struct error *err);
/// The same for all instances of a database, or those of a group at a location; counts what is left then.
struct instance_counts {
	int64_t creating;
	int64_t failed;
};
MUST_USE bool instances_wait_of_database(struct platform *platform, const struct organization *organization,
					 int64_t database, int64_t timeout_ms, struct instance_counts *out,
					 struct error *err);
MUST_USE bool instances_wait_of_group(struct platform *platform, const struct organization *organization,
				      int64_t group, const char *location, int64_t timeout_ms,
				      struct instance_counts *out, struct error *err);

// -- upload.c
void uploads_open(struct platform *platform, const struct platform_options *options);
/// Removes what was received half, and finishes drafts whose content was taken over.
MUST_USE bool uploads_resume(struct platform *platform, struct error *err);
/// No file is swept any more; before the fleet is closed.
void uploads_finish(struct platform *platform);
void uploads_close(struct platform *platform);
/// Of a database that was destroyed.
void uploads_forget(struct platform *platform, const char *database);
/// Whether a file becomes the database's content at this moment: it must have no instances then.
bool upload_is_taken_over(struct platform *platform, const char *database);

// -- fleet_events.c
void fleet_events_connect(struct platform *platform);
/// Stores again what the store would not take before. Whoever waits for an instance asks for it; if nobody does,
/// the next start settles it.
void fleet_events_retry(struct platform *platform);
void fleet_events_forget(struct platform *platform);
/// Finishes or undoes what was under way when the process ended.
MUST_USE bool fleet_events_resume(struct platform *platform, struct error *err);
/// Removes the files of instances that are `destroying`, then their rows.
void instances_remove(struct platform *platform, const struct access_instance *instances, size_t count);

#endif
