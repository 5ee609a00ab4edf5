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
#include "platform/login.h"
#include "platform/member.h"
#include "platform/names.h"
#include "platform/store.h"
#include "platform/user.h"

struct backups;
struct migrations;
struct lost_event;
struct oauth;
struct passwords;
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
	struct passwords *passwords;
	struct oauth *oauth;
	int64_t login_lifetime_ms;

	struct uploads *uploads; // upload.c

	pthread_mutex_t instances_mutex;
	pthread_cond_t instances_changed;
	uint64_t instance_changes;      // guarded by instances_mutex; moves whenever a state was committed
	int waiter_count;               // guarded by instances_mutex
	int waiter_count_max;           // never changes
	struct lost_event *lost_events; // guarded by instances_mutex; fleet_events.c

	struct usage_meter *usage_meter; // NULL once finished
	struct backups *backups;         // backup.c; NULL: none are made
	struct migrations *migrations;   // migration_runner.c
};

// -- backup.c
/// The content of a backup becomes the seed of a database that is to be.
MUST_USE bool backup_seed(struct platform *platform, const struct organization *organization, const char *id,
			  const char *uuid, struct error *err);
void backups_finish(struct platform *platform);
void backups_close(struct platform *platform);

// -- location.c
/// defined: "hel=Helsinki, Finland@60.32,24.95; dc1=Our cellar", or NULL. The rest as in platform_options.
MUST_USE bool locations_open(struct platform *platform, const char *codes, const char *defined,
			     const char *closest, struct error *err);
void locations_close(struct platform *platform);

// -- organization.c
enum role role_of(const char *name);
/// Without regard to letter case.
bool organization_slug_is_free(struct store_txn *txn, const char *slug);
/// With its owner. Returns the row.
int64_t organization_add(struct store_txn *txn, const struct caller *owner, const char *uuid,
			 const char *slug, const char *name, const char *type);
int64_t organization_personal(struct store_txn *txn, int64_t user);
/// Without anybody's role. Leaves *out as it is when there is no such row.
void organization_find_row(struct store_txn *txn, int64_t row, struct arena *arena, struct organization *out);
/// Fails: ERR_DELETE_PROTECTED
bool organization_is_removable(struct store_txn *txn, int64_t organization, struct arena *arena,
			       struct error *err);
/// With everything in it; lists databases whose files are to go after the commit (databases_removed).
void organization_remove(struct store_txn *txn, int64_t organization, struct buffer *out_uuids);

// -- member.c
/// Fails: ERR_BAD_REQUEST "cannot add members to a personal organization"
bool member_may_join(const struct organization *organization, struct error *err);
/// Fails: ERR_ALREADY_EXISTS "user U is already a member of organization O"
bool member_is_new(struct store_txn *txn, const struct organization *organization, const struct user *user,
		   struct error *err);
/// Ends the user's pending invites to the organization.
void member_add(struct store_txn *txn, const struct caller *caller, int64_t organization,
		const struct user *user, enum role role);

// -- user.c
/// False without a word when there is none.
bool user_look_for(struct store_txn *txn, const char *username, struct arena *arena, struct user *out);
bool user_look_for_email(struct store_txn *txn, const char *email, struct arena *arena, struct user *out);
/// Fails: ERR_USER_NOT_FOUND
bool user_find(struct store_txn *txn, const char *username, struct arena *arena, struct user *out,
	       struct error *err);
bool user_find_row(struct store_txn *txn, int64_t row, struct arena *arena, struct user *out,
		   struct error *err);
/// The first user, or `username` if not NULL. Fails: ERR_NOT_FOUND
bool user_find_operator(struct store_txn *txn, const char *username, struct arena *arena, struct caller *out,
			struct error *err);
/// Whether name, e-mail and password keep the rules; whether name and e-mail are free.
bool user_check_wish(const struct user_wish *wish, struct error *err);
bool user_is_free(struct store_txn *txn, const struct user_wish *wish, struct arena *arena,
		  struct error *err);
/// With its personal organization. `author` is who makes the account; with user 0 it is the user itself.
struct user user_add(struct store_txn *txn, const struct caller *author, const struct user_wish *wish,
		     const char *password_hash);

// -- login.c
/// Checks a password; failures are counted under the name `counted`. `user` is NULL when there is none.
MUST_USE bool login_try(struct platform *platform, const struct user *user, const char *counted,
			const char *password, const char *address, bool *out_matches, int64_t *out_retry_ms,
			struct error *err);
struct session session_add(struct platform *platform, struct store_txn *txn, const struct user *user,
			   struct arena *arena);

// -- oauth.c
/// clients: "ID SECRET URL; …", or NULL. Fails: ERR_USAGE
MUST_USE bool oauth_open(const char *clients, struct oauth **out, struct error *err);
void oauth_close(struct oauth *oauth); // NULL is fine

// -- token.c
/// A fresh jti.
const char *token_make_id(struct arena *arena);
/// The JWT that names it; expires_s 0 = never.
const char *token_write(const struct platform *platform, struct arena *arena, const char *id,
			int64_t expires_s);
/// Stores a token under its name and writes it. The name is known to be free; group_uuid and scopes belong together.
struct token_row {
	int64_t user;
	const char *name;
	int64_t organization;   // 0 = all
	const char *group_uuid; // NULL = all
	unsigned scopes;        // of a group's token
};
const char *token_add(struct platform *platform, struct store_txn *txn, const struct token_row *row,
		      struct arena *arena, const char **out_id);
/// An unbounded token of the caller, with its row in the audit log. The name is known to be free.
const char *token_mint_named(struct platform *platform, struct store_txn *txn, const struct caller *caller,
			     const char *name, struct arena *arena);
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
/// As platform_list_instances.
MUST_USE bool instances_list(struct platform *platform, const struct organization *organization,
			     const struct database *database, struct arena *arena,
			     struct instance_found **out, size_t *out_count, struct error *err);
enum instance_state instance_state_of(const char *name);
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
/// Waits until the instance is no longer being created; gives its state then, or when the time is over. Does not wait
/// where as many do already as may.
MUST_USE bool instance_wait_created(struct platform *platform, const struct organization *organization,
				    const struct database *database, const char *ref, int64_t timeout_ms,
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

// -- migration_runner.c
void migrations_open(struct platform *platform);
/// What was under way when the process ended goes on.
MUST_USE bool migrations_resume(struct platform *platform, struct error *err);
/// There is something to do.
void migrations_poke(struct platform *platform);
/// Stops where they are; before the fleet is closed.
void migrations_finish(struct platform *platform);
void migrations_close(struct platform *platform);

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
