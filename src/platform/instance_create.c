// Making instances: one by one as they are asked for, and all that a group's database has to have.

#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "platform/internal.h"
#include "platform/readable.h"

enum {
	MACHINE_BYTES = 7,      // 14 hex digits
	CREATE_WAIT_MS = 500,   // an answer is held so long for an instance that is nearly there
	READABLE_TRIES_MAX = 50 // then the name gets digits
};

// -- changes ------------------------------------------------------------------------------------------

static void add_ref(struct buffer *list, const char *database, const char *instance)
{
	struct access_instance ref = {0};
	snprintf(ref.database, sizeof(ref.database), "%s", database);
	snprintf(ref.instance, sizeof(ref.instance), "%s", instance);
	buffer_append(list, &ref, sizeof(ref));
}

void instance_changes_cleanup(struct instance_changes *changes)
{
	buffer_cleanup(&changes->launches);
	buffer_cleanup(&changes->removals);
}

void instance_changes_apply(struct platform *platform, const struct instance_changes *changes)
{
	const struct access_instance *removals = (const void *)changes->removals.data;
	const struct access_instance *launches = (const void *)changes->launches.data;
	size_t removal_count = changes->removals.size / sizeof(*removals);
	access_label_added(platform->access);
	if (removal_count > 0) {
		access_forget_instances(platform->access, removals, removal_count);
		instances_announce(platform);
		instances_remove(platform, removals, removal_count);
	}
	for (size_t i = 0; i < changes->launches.size / sizeof(*launches); i++)
		fleet_create_instance(platform->fleet, launches[i].database, launches[i].instance);
}

void instance_end(struct store_txn *txn, const struct organization *organization, const char *database,
		  const struct instance_row *instance, struct instance_changes *changes)
{
	instance_move(txn, instance->row, instance->state, INSTANCE_DESTROYING, NULL);
	struct query *q = sql_org_query(txn, SQL_REMOVE_INSTANCE_HOST, organization->row);
	query_bind_integer(q, ":instance", instance->row);
	query_run(q);
	add_ref(&changes->removals, database, instance->uuid);
}

// -- one instance -------------------------------------------------------------------------------------

struct birth {
	const char *name;
	const char *location;
	const char *image;
	const char *password; // NULL: it has none
	bool primary;
	bool launches; // false: a replica that waits until the primary is ready
};

static void make_label(struct store_txn *txn, const struct organization *organization,
		       const struct database *database, char label[LABEL_BYTES])
{
	char machine[2 * MACHINE_BYTES + 1];
	char text[LABEL_BYTES];
	struct query *q;
	do {
		crypt_random_hex(MACHINE_BYTES, machine);
		snprintf(text, sizeof(text), "%s-%s-%s", machine, database->name, organization->slug);
		bool fits = name_make_label(text, label);
		ASSERT(fits);
		q = sql_query(txn, SQL_LABEL_IS_TAKEN);
		query_bind_text(q, ":label", label);
	} while (sql_has_row(q));
}

static void add_instance(struct store_txn *txn, const struct organization *organization,
			 const struct database *database, const struct birth *birth, const char *uuid,
			 char label[LABEL_BYTES], struct instance_changes *changes)
{
	uint8_t hash[CRYPT_HASH_BYTES];
	make_label(txn, organization, database, label);
	struct query *q = sql_org_query(txn, SQL_ADD_INSTANCE, organization->row);
	query_bind_integer(q, ":database", database->row);
	query_bind_text(q, ":uuid", uuid);
	query_bind_text(q, ":name", birth->name);
	query_bind_text(q, ":type", birth->primary ? "primary" : "replica");
	query_bind_text(q, ":location", birth->location);
	query_bind_text(q, ":image", birth->image);
	query_bind_text(q, ":label", label);
	query_bind_text(q, ":state", instance_state_name(INSTANCE_CREATING));
	if (birth->password) {
		crypt_hash(birth->password, strlen(birth->password), hash);
		query_bind_blob(q, ":password_hash", hash, sizeof(hash));
	} else {
		query_bind_null(q, ":password_hash");
	}
	query_bind_integer(q, ":now", clock_wall_ms());
	int64_t row = sql_single(q);

	q = sql_query(txn, SQL_ADD_HOST);
	query_bind_text(q, ":label", label);
	query_bind_integer(q, ":database", database->row);
	query_bind_integer(q, ":instance", row);
	query_run(q);
	if (birth->launches)
		add_ref(&changes->launches, database->uuid, uuid);
}

static bool name_is_taken(struct store_txn *txn, const struct organization *organization,
			  const struct database *database, const char *name)
{
	struct query *q = sql_org_query(txn, SQL_INSTANCE_NAME_IS_TAKEN, organization->row);
	query_bind_integer(q, ":database", database->row);
	query_bind_text(q, ":name", name);
	return sql_has_row(q);
}

// `first` if it is free (NULL never is), else two words.
static void choose_name(struct store_txn *txn, const struct organization *organization,
			const struct database *database, const char *first, char name[NAME_BYTES])
{
	int tries = 0;
	snprintf(name, NAME_BYTES, "%s", first ? first : "");
	while (!name[0] || name_is_taken(txn, organization, database, name)) {
		readable_name(name);
		if (++tries > READABLE_TRIES_MAX) {
			strncat(name, "-", NAME_BYTES - strlen(name) - 1);
			crypt_random_hex(4, name + strlen(name));
		}
	}
}

// -- all of a group -----------------------------------------------------------------------------------

static bool find_primary(struct store_txn *txn, const struct organization *organization,
			 const struct database *database, struct instance_row *out)
{
	struct query *q = sql_org_query(txn, SQL_FIND_PRIMARY, organization->row);
	query_bind_integer(q, ":database", database->row);
	if (!query_step(q))
		return false;
	*out = (struct instance_row){.row = query_integer(q, 0),
				     .state = instance_state_of(query_text(q, 2))};
	snprintf(out->uuid, sizeof(out->uuid), "%s", query_text(q, 1));
	query_run(q);
	return true;
}

struct gap {
	char location[LOCATION_TEXT_BYTES];
	bool primary;
};

// Locations of the group where the database has no instance, the primary one first.
static void list_gaps(struct store_txn *txn, const struct organization *organization,
		      const struct database *database, struct buffer *out)
{
	struct query *q = sql_org_query(txn, SQL_LIST_MISSING_LOCATIONS, organization->row);
	query_bind_integer(q, ":database", database->row);
	while (query_step(q)) {
		struct gap gap = {.primary = query_integer(q, 1) != 0};
		snprintf(gap.location, sizeof(gap.location), "%s", query_text(q, 0));
		buffer_append(out, &gap, sizeof(gap));
	}
}

void instances_complete(struct store_txn *txn, const struct organization *organization,
			const struct database *database, const char *image, struct instance_changes *changes)
{
	OWNED(buffer) struct buffer gaps = {0};
	struct instance_row primary;
	char uuid[CRYPT_UUID_TEXT_BYTES];
	char name[NAME_BYTES];
	char label[LABEL_BYTES];
	bool has_primary = find_primary(txn, organization, database, &primary);
	// Replicas of a primary that could not be made would wait for ever; whoever replaces it completes the rest.
	if (has_primary && primary.state == INSTANCE_FAILED)
		return;
	list_gaps(txn, organization, database, &gaps);
	const struct gap *list = (const void *)gaps.data;
	for (size_t i = 0; i < gaps.size / sizeof(*list); i++) {
		struct birth birth = {.name = name, .location = list[i].location, .image = image};
		birth.primary = list[i].primary && !has_primary;
		birth.launches = birth.primary || (has_primary && primary.state == INSTANCE_READY);
		crypt_uuid(uuid);
		choose_name(txn, organization, database, birth.location, name);
		add_instance(txn, organization, database, &birth, uuid, label, changes);
	}
}

// -- one that is asked for ----------------------------------------------------------------------------

static bool check_wish(struct platform *platform, const struct instance_wish *wish, struct error *err)
{
	if (!wish->location || !*wish->location)
		return error_set(err, ERR_MISSING_FIELD, "location is required");
	if (!platform_find_location(platform, wish->location))
		return error_set(err, ERR_INVALID_LOCATION, "invalid location: %s", wish->location);
	if (wish->image && strcmp(wish->image, "latest") != 0 && strcmp(wish->image, "canary") != 0)
		return error_set(err, ERR_INVALID_FIELD, "invalid image: %s", wish->image);
	if (wish->name && !name_is_plain(wish->name))
		return error_set(err, ERR_INVALID_NAME, "invalid instance name");
	return true;
}

// What the database is when its new instance is decided.
struct home {
	const char *username;
	int64_t group; // 0: it stands alone
	const char *group_name;
	const char *group_primary;
};

static bool find_home(struct store_txn *txn, const struct organization *organization,
		      const struct database *database, struct arena *arena, struct home *out,
		      struct error *err)
{
	struct query *q = sql_org_query(txn, SQL_DATABASE_HOME, organization->row);
	query_bind_integer(q, ":database", database->row);
	if (!query_step(q))
		return !store_failed(txn, err) ? database_not_found(err, database->name) : false;
	bool draft = query_integer(q, 1) != 0;
	bool archived = query_integer(q, 2) != 0;
	*out = (struct home){.username = sql_text_in(arena, q, 0),
			     .group = query_integer(q, 3),
			     .group_name = sql_text_in(arena, q, 4),
			     .group_primary = sql_text_in(arena, q, 5)};
	query_run(q);
	if (draft)
		return error_set(err, ERR_NOT_READY, "database %s is a draft: upload its content first",
				 database->name);
	return !archived ||
	       error_set(err, ERR_NOT_READY, "database %s is archived: wake it up first", database->name);
}

static bool find_at(struct store_txn *txn, const struct organization *organization,
		    const struct database *database, const char *location, struct instance_row *out)
{
	struct query *q = sql_org_query(txn, SQL_FIND_INSTANCE_AT, organization->row);
	query_bind_integer(q, ":database", database->row);
	query_bind_text(q, ":location", location);
	if (!query_step(q))
		return false;
	*out = (struct instance_row){.row = query_integer(q, 0),
				     .state = instance_state_of(query_text(q, 2))};
	snprintf(out->uuid, sizeof(out->uuid), "%s", query_text(q, 1));
	query_run(q);
	return true;
}

// The table of spec/platform-api.md §4.7. What failed makes room; the only database of a group takes the group along.
static bool enter_group(struct store_txn *txn, const struct caller *caller,
			const struct organization *organization, const struct database *database,
			const struct home *home, const char *location, struct instance_changes *changes,
			struct error *err)
{
	struct instance_row there;
	struct group group = {.row = home->group, .name = home->group_name, .uuid = ""};
	if (find_at(txn, organization, database, location, &there)) {
		if (there.state != INSTANCE_FAILED)
			return error_set(err, ERR_ALREADY_EXISTS, "database %s already has an instance in %s",
					 database->name, location);
		instance_end(txn, organization, database->uuid, &there, changes);
		return true;
	}
	if (group_holds(txn, organization, home->group, location))
		return true;
	if (!group_is_alone(txn, organization, home->group))
		return error_set(err, ERR_GROUP_MEMBER,
				 "database %s is part of group %s; add the location to the group instead",
				 database->name, home->group_name);
	group_add_location(txn, organization, home->group, location);
	group_audit(txn, caller, organization, "group-location-add", "added a location to", &group,
		    "location", location);
	return true;
}

// First wins: the primary is whoever finds none, and only one transaction writes at a time. A primary that failed makes
// room for the next.
static bool choose_role(struct store_txn *txn, const struct organization *organization,
			const struct database *database, const struct home *home, const char *location,
			struct birth *birth, struct instance_changes *changes, struct error *err)
{
	struct instance_row primary;
	birth->primary = birth->launches = true;
	bool has_primary = find_primary(txn, organization, database, &primary);
	if (has_primary && primary.state != INSTANCE_FAILED) {
		birth->primary = false;
		birth->launches = primary.state == INSTANCE_READY;
		return true;
	}
	if (home->group && strcmp(location, home->group_primary) != 0)
		return error_set(err, ERR_NOT_READY,
				 "the primary instance of database %s could not be created:"
				 " create it again in %s first",
				 database->name, home->group_primary);
	if (has_primary)
		instance_end(txn, organization, database->uuid, &primary, changes);
	return true;
}

// What failed because its primary had failed is made anew with it.
static void end_failed(struct store_txn *txn, const struct organization *organization,
		       const struct database *database, struct instance_changes *changes)
{
	OWNED(buffer) struct buffer rows = {0};
	struct query *q = sql_org_query(txn, SQL_LIST_FAILED_INSTANCES, organization->row);
	query_bind_integer(q, ":database", database->row);
	while (query_step(q)) {
		struct instance_row row = {.row = query_integer(q, 0), .state = INSTANCE_FAILED};
		snprintf(row.uuid, sizeof(row.uuid), "%s", query_text(q, 1));
		buffer_append(&rows, &row, sizeof(row));
	}
	const struct instance_row *list = (const void *)rows.data;
	for (size_t i = 0; i < rows.size / sizeof(*list); i++)
		instance_end(txn, organization, database->uuid, &list[i], changes);
}

void instance_audit(struct store_txn *txn, const struct caller *caller,
		    const struct organization *organization, const struct database *database,
		    const char *code, const char *done, const char *name, const char *location)
{
	char message[256];
	snprintf(message, sizeof(message), "%s instance %s of database %s", done, name, database->name);
	audit_add(txn, caller, organization->row, code, message,
		  (struct audit_datum[]){{"database", database->name},
					 {"instance", name},
					 {"location", location},
					 {NULL, NULL}});
}

struct made {
	bool primary;
	char name[NAME_BYTES];
	char label[LABEL_BYTES];
	const char *username;
};

// Inside the transaction: see upload_content.c.
static bool check_uploads(struct platform *platform, const struct database *database, struct error *err)
{
	return !upload_is_taken_over(platform, database->uuid) ||
	       error_set(err, ERR_NOT_READY, "the content of database %s is being taken over: try again",
			 database->name);
}

static bool store_instance(struct platform *platform, const struct caller *caller,
			   const struct organization *organization, const struct database *database,
			   const struct instance_wish *wish, const char *uuid, const char *password,
			   struct arena *arena, struct made *out, struct instance_changes *changes,
			   struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct home home = {0};
	struct birth birth = {.name = out->name,
			      .location = wish->location,
			      .image = wish->image ? wish->image : "latest",
			      .password = password};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !check_uploads(platform, database, err) ||
	    !find_home(txn, organization, database, arena, &home, err) ||
	    !choose_role(txn, organization, database, &home, wish->location, &birth, changes, err) ||
	    (home.group &&
	     !enter_group(txn, caller, organization, database, &home, wish->location, changes, err)))
		return false;
	if (wish->name && name_is_taken(txn, organization, database, wish->name))
		return error_set(err, ERR_ALREADY_EXISTS, "instance %s already exists", wish->name);
	choose_name(txn, organization, database,
		    wish->name   ? wish->name
		    : home.group ? wish->location
				 : NULL,
		    out->name);
	if (home.group && birth.primary)
		end_failed(txn, organization, database, changes);
	add_instance(txn, organization, database, &birth, uuid, out->label, changes);
	if (home.group && birth.primary)
		instances_complete(txn, organization, database, birth.image, changes);
	instance_audit(txn, caller, organization, database, "instance-create", "created", out->name,
		       wish->location);
	out->primary = birth.primary;
	out->username = home.username;
	return store_commit(&txn, err);
}

bool platform_create_instance(struct platform *platform, const struct caller *caller,
			      const struct organization *organization, const struct database *database,
			      const struct instance_wish *wish, struct arena *arena,
			      struct instance_created *out, struct error *err)
{
	OWNED(instance_changes) struct instance_changes changes = {0};
	struct made made = {0};
	struct instance_found found = {0};
	struct error ignored;
	char *uuid = arena_alloc(arena, CRYPT_UUID_TEXT_BYTES);
	char *password = arena_alloc(arena, CRYPT_SECRET_TEXT_BYTES);
	if (!check_wish(platform, wish, err))
		return false;
	crypt_uuid(uuid);
	crypt_secret(password);
	if (!store_instance(platform, caller, organization, database, wish, uuid, password, arena, &made,
			    &changes, err))
		return false;
	instance_changes_apply(platform, &changes);
	trace_info("instance.created", "database", database->uuid, "instance", uuid, "location",
		   wish->location, "type", made.primary ? "primary" : "replica");
	*out = (struct instance_created){
		.instance = {.uuid = uuid,
			     .name = arena_text(arena, made.name),
			     .type = made.primary ? "primary" : "replica",
			     .region = arena_text(arena, wish->location),
			     .hostname = hostname_of(platform, arena, made.label),
			     .state = INSTANCE_CREATING},
		.username = made.username,
		.password = password,
	};
	// It is stored: whatever the wait brings, the answer stands.
	if (instance_wait_created(platform, organization, database, uuid, CREATE_WAIT_MS, arena, &found,
				  &ignored))
		out->instance.state = found.view.state;
	return true;
}
