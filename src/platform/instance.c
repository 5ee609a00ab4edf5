#include "platform/instance.h"

#include <string.h>

#include "base/trace.h"
#include "platform/internal.h"

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

enum instance_state instance_state_of(const char *name)
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

// -- finding ------------------------------------------------------------------------------------------

// Columns: id, uuid, name, type, location, label, state, failure.
static struct instance_found found_in(const struct platform *platform, struct arena *arena, struct query *q)
{
	return (struct instance_found){
		.row = query_integer(q, 0),
		.failure = sql_text_in(arena, q, 7),
		.view = {.uuid = sql_text_in(arena, q, 1),
			 .name = sql_text_in(arena, q, 2),
			 .type = sql_text_in(arena, q, 3),
			 .region = sql_text_in(arena, q, 4),
			 .hostname = hostname_of(platform, arena, query_text(q, 5)),
			 .state = instance_state_of(query_text(q, 6))},
	};
}

bool instance_not_found(struct error *err, const struct database *database, const char *ref)
{
	return error_set(err, ERR_INSTANCE_NOT_FOUND, "could not find instance %s of database %s", ref,
			 database->name);
}

static bool find(struct platform *platform, struct store_txn *txn, const struct organization *organization,
		 const struct database *database, const char *ref, struct arena *arena,
		 struct instance_found *out)
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

bool instance_look_up(struct platform *platform, const struct organization *organization,
		      const struct database *database, const char *ref, struct arena *arena,
		      struct instance_found *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct instance_found found = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	bool exists = find(platform, txn, organization, database, ref, arena, &found);
	if (!store_commit(&txn, err))
		return false;
	if (!exists)
		return instance_not_found(err, database, ref);
	*out = found;
	return true;
}

bool platform_find_instance(struct platform *platform, const struct organization *organization,
			    const struct database *database, const char *ref, struct arena *arena,
			    struct instance *out, struct error *err)
{
	struct instance_found found = {0};
	if (!instance_look_up(platform, organization, database, ref, arena, &found, err))
		return false;
	*out = found.view;
	return true;
}

bool instances_list(struct platform *platform, const struct organization *organization,
		    const struct database *database, struct arena *arena, struct instance_found **out,
		    size_t *out_count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_LIST_INSTANCES, organization->row);
	query_bind_integer(q, ":database", database->row);
	while (query_step(q)) {
		struct instance_found found = found_in(platform, arena, q);
		buffer_append(&rows, &found, sizeof(found));
	}
	if (!store_commit(&txn, err))
		return false;
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct instance_found);
	return true;
}

bool platform_list_instances(struct platform *platform, const struct organization *organization,
			     const struct database *database, struct arena *arena, struct instance **out,
			     size_t *out_count, struct error *err)
{
	struct instance_found *found;
	size_t count;
	if (!instances_list(platform, organization, database, arena, &found, &count, err))
		return false;
	struct instance *instances = arena_alloc(arena, (count + 1) * sizeof(*instances));
	for (size_t i = 0; i < count; i++)
		instances[i] = found[i].view;
	*out = instances;
	*out_count = count;
	return true;
}

// -- destroying ---------------------------------------------------------------------------------------

// The group that the database belongs to; its row is 0 when it stands alone.
static struct group group_of(struct store_txn *txn, const struct organization *organization,
			     const struct database *database, struct arena *arena)
{
	struct group group = {0};
	struct query *q = sql_org_query(txn, SQL_DATABASE_HOME, organization->row);
	query_bind_integer(q, ":database", database->row);
	if (query_step(q)) {
		group = (struct group){
			.row = query_integer(q, 3), .name = sql_text_in(arena, q, 4), .uuid = ""};
		query_run(q);
	}
	return group;
}

// A location of a group is the group's to give up: by its only database, or by the group itself. What failed goes alone.
static bool end_replica(struct store_txn *txn, const struct caller *caller,
			const struct organization *organization, const struct database *database,
			const struct instance_found *found, struct arena *arena,
			struct instance_changes *changes, struct error *err)
{
	struct instance_row row = {.row = found->row, .state = found->view.state};
	snprintf(row.uuid, sizeof(row.uuid), "%s", found->view.uuid);
	struct group group = group_of(txn, organization, database, arena);
	bool of_group = group.row != 0 && found->view.state != INSTANCE_FAILED &&
			group_holds(txn, organization, group.row, found->view.region);
	if (of_group && !group_is_alone(txn, organization, group.row))
		return error_set(
			err, ERR_GROUP_MEMBER,
			"database %s is part of group %s; remove the location from the group instead",
			database->name, group.name);
	if (of_group)
		group_drop_location(txn, caller, organization, &group, found->view.region, changes);
	else
		instance_end(txn, organization, database->uuid, &row, changes);
	return true;
}

static bool begin_to_destroy(struct platform *platform, struct store_txn *txn, const struct caller *caller,
			     const struct organization *organization, const struct database *database,
			     const char *ref, struct arena *arena, struct instance_found *out,
			     struct instance_changes *changes, struct error *err)
{
	if (!find(platform, txn, organization, database, ref, arena, out))
		return !store_failed(txn, err) ? instance_not_found(err, database, ref) : false;
	if (strcmp(out->view.type, "primary") == 0)
		return error_set(err, ERR_PRIMARY_INSTANCE,
				 "cannot destroy the primary instance of database %s", database->name);
	if (!end_replica(txn, caller, organization, database, out, arena, changes, err))
		return false;
	instance_audit(txn, caller, organization, database, "instance-delete", "destroyed", out->view.name,
		       out->view.region);
	return true;
}

bool platform_destroy_instance(struct platform *platform, const struct caller *caller,
			       const struct organization *organization, const struct database *database,
			       const char *ref, struct arena *arena, struct instance *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(instance_changes) struct instance_changes changes = {0};
	struct instance_found found = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !begin_to_destroy(platform, txn, caller, organization, database, ref, arena, &found, &changes,
			      err) ||
	    !store_commit(&txn, err))
		return false;
	instance_changes_apply(platform, &changes);
	trace_info("instance.destroyed", "database", database->uuid, "instance", found.view.uuid);
	*out = found.view;
	return true;
}
