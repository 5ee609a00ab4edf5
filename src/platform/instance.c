#include "platform/instance.h"

#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "platform/internal.h"
#include "platform/readable.h"

enum {
	MACHINE_BYTES = 7,      // 14 hex digits
	CREATE_WAIT_MS = 500,   // an answer is held so long for an instance that is nearly there
	WAITER_COUNT_MAX = 64,  // each holds a worker, and creating needs workers too
	READABLE_TRIES_MAX = 50 // then the name gets digits
};

// -- states -------------------------------------------------------------------------------------------

static const char *const state_names[] = {
	[INSTANCE_CREATING] = "creating",
	[INSTANCE_READY] = "ready",
	[INSTANCE_FAILED] = "failed",
	[INSTANCE_DESTROYING] = "destroying",
};

const char *instance_state_name(enum instance_state state)
{
	return state_names[state];
}

static enum instance_state state_of(const char *name)
{
	enum instance_state state = INSTANCE_CREATING;
	while (strcmp(state_names[state], name) != 0) {
		ASSERT(state < INSTANCE_DESTROYING);
		state++;
	}
	return state;
}

static bool step_is_declared(enum instance_state from, enum instance_state to)
{
	static const struct {
		enum instance_state from, to;
	} steps[] = {
#define INSTANCE_STEP(from, to) {from, to},
#include "platform/instance_state.def"
#undef INSTANCE_STEP
	};
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
		if (steps[i].from == from && steps[i].to == to)
			return true;
	}
	return false;
}

bool instance_move(struct store_txn *txn, int64_t row, enum instance_state was, enum instance_state state,
		   const char *failure)
{
	ASSERT(step_is_declared(was, state));
	struct query *q = sql_query(txn, SQL_SET_INSTANCE_STATE);
	query_bind_integer(q, ":instance", row);
	query_bind_text(q, ":was", state_names[was]);
	query_bind_text(q, ":state", state_names[state]);
	query_bind_text(q, ":failure", failure);
	return query_run(q) > 0;
}

void instances_announce(struct platform *platform)
{
	pthread_mutex_lock(&platform->instances_mutex);
	platform->instance_changes++;
	pthread_cond_broadcast(&platform->instances_changed);
	pthread_mutex_unlock(&platform->instances_mutex);
}

// -- finding ------------------------------------------------------------------------------------------

struct found {
	int64_t row;
	const char *failure;
	struct instance view;
};

// Columns: id, uuid, name, type, location, label, state, failure.
static struct found found_in(const struct platform *platform, struct arena *arena, struct query *q)
{
	return (struct found){
		.row = query_integer(q, 0),
		.failure = sql_text_in(arena, q, 7),
		.view = {.uuid = sql_text_in(arena, q, 1),
			 .name = sql_text_in(arena, q, 2),
			 .type = sql_text_in(arena, q, 3),
			 .region = sql_text_in(arena, q, 4),
			 .hostname = hostname_of(platform, arena, query_text(q, 5)),
			 .state = state_of(query_text(q, 6))},
	};
}

static bool not_found(struct error *err, const struct database *database, const char *ref)
{
	return error_set(err, ERR_INSTANCE_NOT_FOUND, "could not find instance %s of database %s", ref,
			 database->name);
}

static bool find(struct platform *platform, struct store_txn *txn, const struct organization *organization,
		 const struct database *database, const char *ref, struct arena *arena, struct found *out)
{
	struct query *q = sql_org_query(txn, SQL_FIND_INSTANCE, organization->row);
	query_bind_integer(q, ":database", database->row);
	query_bind_text(q, ":ref", ref);
	if (!query_step(q))
		return false;
	*out = found_in(platform, arena, q);
	query_run(q);
	return true;
}

static bool look_up(struct platform *platform, const struct organization *organization,
		    const struct database *database, const char *ref, struct arena *arena, struct found *out,
		    struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct found found = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	bool exists = find(platform, txn, organization, database, ref, arena, &found);
	if (!store_commit(&txn, err))
		return false;
	if (!exists)
		return not_found(err, database, ref);
	*out = found;
	return true;
}

bool platform_find_instance(struct platform *platform, const struct organization *organization,
			    const struct database *database, const char *ref, struct arena *arena,
			    struct instance *out, struct error *err)
{
	struct found found = {0};
	if (!look_up(platform, organization, database, ref, arena, &found, err))
		return false;
	*out = found.view;
	return true;
}

bool platform_list_instances(struct platform *platform, const struct organization *organization,
			     const struct database *database, struct arena *arena, struct instance **out,
			     size_t *out_count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_LIST_INSTANCES, organization->row);
	query_bind_integer(q, ":database", database->row);
	while (query_step(q)) {
		struct found found = found_in(platform, arena, q);
		buffer_append(&rows, &found.view, sizeof(found.view));
	}
	if (!store_commit(&txn, err))
		return false;
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct instance);
	return true;
}

// -- creating -----------------------------------------------------------------------------------------

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

// What the transaction decides before it stores the instance.
struct plan {
	bool primary;
	bool launches;                        // false: a replica that waits until the primary is ready
	char replaced[CRYPT_UUID_TEXT_BYTES]; // a failed primary that makes room; or ""
	char name[NAME_BYTES];
	char label[LABEL_BYTES];
	const char *username;
};

// First wins: the primary is whoever finds none, and only one transaction writes at a time.
static void plan_role(struct store_txn *txn, const struct organization *organization,
		      const struct database *database, struct plan *plan)
{
	struct query *q = sql_org_query(txn, SQL_FIND_PRIMARY, organization->row);
	query_bind_integer(q, ":database", database->row);
	plan->primary = plan->launches = true;
	if (!query_step(q))
		return;
	int64_t row = query_integer(q, 0);
	enum instance_state state = state_of(query_text(q, 2));
	if (state == INSTANCE_FAILED)
		snprintf(plan->replaced, sizeof(plan->replaced), "%s", query_text(q, 1));
	query_run(q);
	if (state == INSTANCE_FAILED) {
		instance_move(txn, row, INSTANCE_FAILED, INSTANCE_DESTROYING, NULL);
		q = sql_org_query(txn, SQL_REMOVE_INSTANCE_HOST, organization->row);
		query_bind_integer(q, ":instance", row);
		query_run(q);
		return;
	}
	plan->primary = false;
	plan->launches = state == INSTANCE_READY;
}

static bool name_is_taken(struct store_txn *txn, const struct organization *organization,
			  const struct database *database, const char *name)
{
	struct query *q = sql_org_query(txn, SQL_INSTANCE_NAME_IS_TAKEN, organization->row);
	query_bind_integer(q, ":database", database->row);
	query_bind_text(q, ":name", name);
	return sql_has_row(q);
}

static bool plan_name(struct store_txn *txn, const struct organization *organization,
		      const struct database *database, const char *wished, struct plan *plan,
		      struct error *err)
{
	if (wished) {
		snprintf(plan->name, sizeof(plan->name), "%s", wished);
		return !name_is_taken(txn, organization, database, wished) ||
		       error_set(err, ERR_ALREADY_EXISTS, "instance %s already exists", wished);
	}
	int tries = 0;
	do {
		readable_name(plan->name);
		if (++tries > READABLE_TRIES_MAX) {
			strncat(plan->name, "-", sizeof(plan->name) - strlen(plan->name) - 1);
			crypt_random_hex(4, plan->name + strlen(plan->name));
		}
	} while (name_is_taken(txn, organization, database, plan->name));
	return true;
}

static void plan_label(struct store_txn *txn, const struct organization *organization,
		       const struct database *database, struct plan *plan)
{
	char machine[2 * MACHINE_BYTES + 1];
	char text[LABEL_BYTES];
	struct query *q;
	do {
		crypt_random_hex(MACHINE_BYTES, machine);
		snprintf(text, sizeof(text), "%s-%s-%s", machine, database->name, organization->slug);
		bool fits = name_make_label(text, plan->label);
		ASSERT(fits);
		q = sql_query(txn, SQL_LABEL_IS_TAKEN);
		query_bind_text(q, ":label", plan->label);
	} while (sql_has_row(q));
}

static bool make_plan(struct store_txn *txn, const struct organization *organization,
		      const struct database *database, const struct instance_wish *wish, struct arena *arena,
		      struct plan *out, struct error *err)
{
	struct query *q = sql_org_query(txn, SQL_DATABASE_CREDENTIALS, organization->row);
	query_bind_integer(q, ":database", database->row);
	if (!query_step(q))
		return !store_failed(txn, err) ? database_not_found(err, database->name) : false;
	out->username = sql_text_in(arena, q, 0);
	query_run(q);
	plan_role(txn, organization, database, out);
	if (!plan_name(txn, organization, database, wish->name, out, err))
		return false;
	plan_label(txn, organization, database, out);
	return true;
}

static void add_instance(struct store_txn *txn, const struct organization *organization,
			 const struct database *database, const struct instance_wish *wish,
			 const struct plan *plan, const char *uuid, const char *password)
{
	uint8_t hash[CRYPT_HASH_BYTES];
	crypt_hash(password, strlen(password), hash);
	struct query *q = sql_org_query(txn, SQL_ADD_INSTANCE, organization->row);
	query_bind_integer(q, ":database", database->row);
	query_bind_text(q, ":uuid", uuid);
	query_bind_text(q, ":name", plan->name);
	query_bind_text(q, ":type", plan->primary ? "primary" : "replica");
	query_bind_text(q, ":location", wish->location);
	query_bind_text(q, ":image", wish->image ? wish->image : "latest");
	query_bind_text(q, ":label", plan->label);
	query_bind_text(q, ":state", state_names[INSTANCE_CREATING]);
	query_bind_blob(q, ":password_hash", hash, sizeof(hash));
	query_bind_integer(q, ":now", clock_wall_ms());
	int64_t row = sql_single(q);

	q = sql_query(txn, SQL_ADD_HOST);
	query_bind_text(q, ":label", plan->label);
	query_bind_integer(q, ":database", database->row);
	query_bind_integer(q, ":instance", row);
	query_run(q);
}

static void audit_instance(struct store_txn *txn, const struct caller *caller,
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

static bool store_instance(struct platform *platform, const struct caller *caller,
			   const struct organization *organization, const struct database *database,
			   const struct instance_wish *wish, const char *uuid, const char *password,
			   struct arena *arena, struct plan *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct plan plan = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !make_plan(txn, organization, database, wish, arena, &plan, err))
		return false;
	add_instance(txn, organization, database, wish, &plan, uuid, password);
	audit_instance(txn, caller, organization, database, "instance-create", "created", plan.name,
		       wish->location);
	if (!store_commit(&txn, err))
		return false;
	*out = plan;
	return true;
}

// Waits until the instance is no longer being created; gives its state then, or at the deadline.
static bool wait_created(struct platform *platform, const struct organization *organization,
			 const struct database *database, const char *ref, int64_t deadline_ms,
			 struct arena *arena, struct found *out, struct error *err)
{
	for (bool in_time = true;;) {
		fleet_events_retry(platform);
		pthread_mutex_lock(&platform->instances_mutex);
		uint64_t seen = platform->instance_changes;
		pthread_mutex_unlock(&platform->instances_mutex);
		if (!look_up(platform, organization, database, ref, arena, out, err))
			return false;
		if (out->view.state != INSTANCE_CREATING || !in_time)
			return true;
		pthread_mutex_lock(&platform->instances_mutex);
		while (in_time && platform->instance_changes == seen)
			in_time = clock_cond_wait(&platform->instances_changed, &platform->instances_mutex,
						  deadline_ms);
		pthread_mutex_unlock(&platform->instances_mutex);
	}
}

bool platform_create_instance(struct platform *platform, const struct caller *caller,
			      const struct organization *organization, const struct database *database,
			      const struct instance_wish *wish, struct arena *arena,
			      struct instance_created *out, struct error *err)
{
	struct plan plan = {0};
	struct found found = {0};
	struct error ignored;
	char *uuid = arena_alloc(arena, CRYPT_UUID_TEXT_BYTES);
	char *password = arena_alloc(arena, CRYPT_SECRET_TEXT_BYTES);
	if (!check_wish(platform, wish, err))
		return false;
	crypt_uuid(uuid);
	crypt_secret(password);
	if (!store_instance(platform, caller, organization, database, wish, uuid, password, arena, &plan,
			    err))
		return false;
	access_label_added(platform->access);
	if (plan.replaced[0]) {
		access_forget_instance(platform->access, database->uuid, plan.replaced);
		instance_remove(platform, database->uuid, plan.replaced);
	}
	if (plan.launches)
		fleet_create_instance(platform->fleet, database->uuid, uuid);
	trace_info("instance.created", "database", database->uuid, "instance", uuid, "location",
		   wish->location, "type", plan.primary ? "primary" : "replica");
	*out = (struct instance_created){
		.instance = {.uuid = uuid,
			     .name = arena_text(arena, plan.name),
			     .type = plan.primary ? "primary" : "replica",
			     .region = arena_text(arena, wish->location),
			     .hostname = hostname_of(platform, arena, plan.label),
			     .state = INSTANCE_CREATING},
		.username = plan.username,
		.password = password,
	};
	// It is stored: whatever the wait brings, the answer stands.
	if (wait_created(platform, organization, database, uuid, clock_monotonic_ms() + CREATE_WAIT_MS, arena,
			 &found, &ignored))
		out->instance.state = found.view.state;
	return true;
}

static bool enter_waiters(struct platform *platform)
{
	pthread_mutex_lock(&platform->instances_mutex);
	bool may = platform->waiter_count < WAITER_COUNT_MAX;
	platform->waiter_count += may;
	pthread_mutex_unlock(&platform->instances_mutex);
	return may;
}

static void leave_waiters(struct platform *platform)
{
	pthread_mutex_lock(&platform->instances_mutex);
	platform->waiter_count--;
	pthread_mutex_unlock(&platform->instances_mutex);
}

bool platform_wait_instance(struct platform *platform, const struct organization *organization,
			    const struct database *database, const char *ref, int64_t timeout_ms,
			    struct error *err)
{
	OWNED(arena) struct arena arena = {0};
	struct found found = {0};
	bool may_wait = enter_waiters(platform);
	bool ok = wait_created(platform, organization, database, ref,
			       clock_monotonic_ms() + (may_wait ? timeout_ms : 0), &arena, &found, err);
	if (may_wait)
		leave_waiters(platform);
	if (!ok)
		return false;
	if (found.view.state == INSTANCE_FAILED)
		return error_set(err, ERR_BAD_REQUEST, "instance %s could not be created: %s",
				 found.view.name, found.failure);
	if (found.view.state == INSTANCE_CREATING)
		return error_set(err, ERR_NOT_READY, "instance %s is not ready", found.view.name);
	return true;
}

// -- destroying ---------------------------------------------------------------------------------------

static bool begin_to_destroy(struct platform *platform, struct store_txn *txn, const struct caller *caller,
			     const struct organization *organization, const struct database *database,
			     const char *ref, struct arena *arena, struct found *out, struct error *err)
{
	if (!find(platform, txn, organization, database, ref, arena, out))
		return !store_failed(txn, err) ? not_found(err, database, ref) : false;
	if (strcmp(out->view.type, "primary") == 0)
		return error_set(err, ERR_PRIMARY_INSTANCE,
				 "cannot destroy the primary instance of database %s", database->name);
	instance_move(txn, out->row, out->view.state, INSTANCE_DESTROYING, NULL);
	struct query *q = sql_org_query(txn, SQL_REMOVE_INSTANCE_HOST, organization->row);
	query_bind_integer(q, ":instance", out->row);
	query_run(q);
	audit_instance(txn, caller, organization, database, "instance-delete", "destroyed", out->view.name,
		       out->view.region);
	return true;
}

bool platform_destroy_instance(struct platform *platform, const struct caller *caller,
			       const struct organization *organization, const struct database *database,
			       const char *ref, struct arena *arena, struct instance *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct found found = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !begin_to_destroy(platform, txn, caller, organization, database, ref, arena, &found, err) ||
	    !store_commit(&txn, err))
		return false;
	access_forget_instance(platform->access, database->uuid, found.view.uuid);
	instances_announce(platform);
	instance_remove(platform, database->uuid, found.view.uuid);
	trace_info("instance.destroyed", "database", database->uuid, "instance", found.view.uuid);
	*out = found.view;
	return true;
}
